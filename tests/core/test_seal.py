import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.core.records.checksummed_json import open_sealed, sealed_text

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda key: key != "seal"), values))
def test_what_is_sealed_opens_and_no_flipped_bit_does(record):
    text = sealed_text(record).encode()
    assert open_sealed(text) == record
    for place in range(0, len(text), 1 + len(text) // 24):
        for bit in range(8):
            damaged = bytearray(text)
            damaged[place] ^= 1 << bit
            with pytest.raises(ValueError):
                open_sealed(bytes(damaged))


def test_one_number_in_two_spellings_is_told_apart():
    text = sealed_text({"rate": 1e-05})
    with pytest.raises(ValueError, match="spelling"):
        open_sealed(text.replace("1e-05", "1E-05").encode())


def test_sealing_again_replaces_the_seal():
    record = json.loads(sealed_text({"a": 1}))
    assert open_sealed(sealed_text({**record, "a": 2}).encode()) == {"a": 2}
