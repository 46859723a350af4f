"""A streamed array_record is byte for byte what the library writes, and is read by it."""

import numpy as np
import pytest

from gato_ros.data.exports.record_file import write_one_record

BLOCK = 65536
library = pytest.importorskip("array_record.python.array_record_module", reason="the extra `rlds` is not installed")


@pytest.mark.parametrize("size", [0, 1, 127, 1000, *range(BLOCK - 460, BLOCK - 60, 9), 2 * BLOCK - 300, 400_000])
def test_the_bytes_are_those_of_the_library(tmp_path, size):
    """The sizes near a block's put the index, its padding and each header before, at and behind the block's end."""
    record = np.random.default_rng(size).bytes(size)
    writer = library.ArrayRecordWriter(str(tmp_path / "library"), "group_size:1,uncompressed")
    writer.write(record)
    writer.close()
    write_one_record(tmp_path / "ours", size, [record[: size // 3], b"", record[size // 3 :]])
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "library").read_bytes()


def test_the_library_notices_a_changed_byte(tmp_path):
    """So the hash is what the reader goes by: a file that it accepts has the right one."""
    record = np.random.default_rng(0).bytes(100_000)
    write_one_record(tmp_path / "ours", len(record), [record])
    reader = library.ArrayRecordReader(str(tmp_path / "ours"))
    assert reader.read([0]) == [record]
    data = bytearray((tmp_path / "ours").read_bytes())
    data[50_000] ^= 1
    (tmp_path / "ours").write_bytes(data)
    with pytest.raises(Exception, match="(?i)data"):
        library.ArrayRecordReader(str(tmp_path / "ours")).read([0])


@pytest.mark.parametrize("pieces", [[b"12"], [b"1234"]])
def test_pieces_of_another_size_are_refused(tmp_path, pieces):
    with pytest.raises(ValueError, match="a record of 3 bytes had"):
        write_one_record(tmp_path / "ours", 3, pieces)
