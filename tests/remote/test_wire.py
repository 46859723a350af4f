"""The bytes between policy and server: what goes in comes out, and nothing else is taken for a message."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from gato_ros.remote.wire import WireError, decode, encode

TYPES = st.sampled_from([np.uint8, np.bool_, np.int32, np.int64, np.float32, np.float64])
ARRAYS = st.dictionaries(
    st.text(max_size=8), arrays_of.arrays(TYPES, arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4)), max_size=4
)
PLAIN = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=4)
HEADERS = st.dictionaries(st.text(max_size=8).filter(lambda name: name != "arrays"), PLAIN, max_size=4)


@given(HEADERS, ARRAYS)
def test_a_message_comes_back_as_it_was(header, arrays):
    found = decode(encode(header, arrays))
    assert found.header == header and list(found.arrays) == list(arrays)
    for name, value in arrays.items():
        assert found.arrays[name].dtype == value.dtype and found.arrays[name].shape == value.shape
        np.testing.assert_array_equal(found.arrays[name], value)  # NaN equals NaN here


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(WireError):
        decode(data)


def test_a_message_that_is_cut_or_longer_is_refused():
    whole = encode({"step": 1}, {"pixels": np.zeros((2, 2, 3), np.uint8), "angle": np.ones(7)})
    for end in range(len(whole)):
        with pytest.raises(WireError):
            decode(whole[:end])
    with pytest.raises(WireError):
        decode(whole + b"\0" * 8)


@given(st.data())
def test_a_flipped_byte_raises_nothing_but_a_wire_error(data):
    whole = bytearray(encode({"step": 1}, {"angle": np.arange(3.0)}))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(WireError):
        decode(bytes(whole))


@pytest.mark.parametrize("value", [np.array(["text"]), np.array([None]), np.zeros(2, np.complex64), np.zeros(2, ">f8")])
def test_other_types_of_arrays_are_not_sent(value):
    with pytest.raises(ValueError, match="which the wire does not have"):
        encode({}, {"it": value})


def test_no_header_says_what_json_cannot():
    with pytest.raises(ValueError):
        encode({"limit_s": float("nan")})
