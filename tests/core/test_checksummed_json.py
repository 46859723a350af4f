import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.core.records.checksummed_json import KEY, checksummed_text, verified_record

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda key: key != KEY), values))
def test_what_is_written_reads_back_and_no_flipped_bit_does(record):
    text = checksummed_text(record).encode()
    assert verified_record(text) == record
    for place in range(0, len(text), 1 + len(text) // 24):
        for bit in range(8):
            damaged = bytearray(text)
            damaged[place] ^= 1 << bit
            with pytest.raises(ValueError):
                verified_record(bytes(damaged))


def test_another_spelling_of_a_number_is_refused():
    text = checksummed_text({"rate": 1e-05})
    with pytest.raises(ValueError, match="spelling"):
        verified_record(text.replace("1e-05", "1E-05").encode())


def test_a_second_checksum_replaces_the_first():
    record = json.loads(checksummed_text({"a": 1}))
    assert verified_record(checksummed_text({**record, "a": 2}).encode()) == {"a": 2}
