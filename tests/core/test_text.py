import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.core.errors import SetupError
from gato_ros.core.text import text_from_value, value_from_text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_every_text_that_fits_comes_back(text):
    value = value_from_text(text, 80)
    assert value.dtype == np.float32 and value.shape == (80,) and text_from_value(value) == text


def test_zeros_are_the_empty_text():
    assert text_from_value(np.zeros(9, np.float32)) == ""


@pytest.mark.parametrize("text", ["four1", "éé€", "a\0b", "\ud800"])
def test_what_does_not_fit_is_refused(text):
    with pytest.raises(SetupError):
        value_from_text(text, 4)


@pytest.mark.parametrize("value", [[0, 97], [97.5, 0], [-1, 0], [256, 0], [np.nan, 0], [0xC3, 0]])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ValueError):
        text_from_value(np.array(value, np.float32))
