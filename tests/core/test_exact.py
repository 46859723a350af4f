"""Values go into a file and come back as what they were."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.guard.verdict import Level, Verdict
from gato_ros.core.records.exact_json import decode, difference, encode, to_text
from gato_ros.core.timing.pace import Pace


def through_text(value):
    return decode(json.loads(json.dumps(encode(value))))


@given(st.floats(width=64, allow_nan=True))
@settings(max_examples=200, deadline=None)
def test_every_float_comes_back(value):
    back = through_text(Proposal(np.full(4, value), value, value, -0.0))
    assert struct.pack("d", back.stamp_s) == struct.pack("d", value) or math.isnan(value) and math.isnan(back.stamp_s)
    assert back.twist.tobytes() == np.full(4, value).tobytes() and math.copysign(1, back.received_s) == -1


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        "text",
        (1, (2.5, None)),
        [1, "a"],
        {"a": (1,)},
        np.zeros((0, 3)),
        np.arange(6).reshape(2, 3),
        np.array(2.5),
        np.array([True]),
        Level.LATCHED,
        Verdict(Level.OK, ("speed",), math.inf, 0.1),
    ],
)
def test_values_come_back_as_what_they_were(value):
    back = through_text(value)
    assert type(back) is type(value) and to_text(back) == to_text(value) == json.dumps(encode(value))
    if isinstance(value, np.ndarray):
        assert back.dtype == value.dtype and back.shape == value.shape


def test_a_numpy_scalar_stays_one():
    assert type(through_text(np.float64(0.1))) is np.float64 and type(through_text(np.bool_(True))) is np.bool_


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "gato_ros.cli:main",
        "gato_ros.core.records.checksummed_json:hashlib.sha256",
        "gato_ros.core.guard:Path",
        "gato_ros.core.guard:np",
        "gato_ros.core.records.checksummed_json:digest",
    ],
)
def test_a_file_can_name_nothing_but_the_values_of_core(name):
    with pytest.raises(ValueError):
        decode({"is": name, "of": {}, "value": "true"})


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="pathlib"):
        encode((1, Path()))


@pytest.mark.parametrize(
    "left, right, where",
    [
        ((1, {"a": [2.0]}), (1, {"a": [2.5]}), "1.0.1.0"),
        (np.zeros(3), np.array([0, 0, 5e-324]), ""),
        (Level.OK, Level.LATCHED, "value"),
        ((1,), (1, 2), ""),
    ],
)
def test_a_difference_is_named_by_its_place(left, right, where):
    found = difference(encode(left), encode(right))
    assert found[0] == where and found[1] != found[2]


def test_an_object_that_counts_in_itself_comes_back_with_its_count():
    pace = Pace(0.05, 1.0)
    pace.acted(1.31, 1.02)
    back = through_text(pace)
    assert vars(back) == vars(pace) and back.take_missed() == pace.take_missed() > 0
