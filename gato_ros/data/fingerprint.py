"""A short name for what is in a file, without reading all of it: whether something said of it still holds."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

END_BYTES = 2**16
SAMPLES, SAMPLE_BYTES = 16, 2**12
_FOOTER_BYTES = 8 + 8 + 4 + 8
"""Of an MCAP file's last record what is in it, and the mark behind it."""
_DATA_END_BYTES = 13
"""Of the record before an MCAP file's summary, with the checksum of all its data."""


def fingerprint(path: Path) -> str:
    """sha256 over the size, both ends, blocks spread between them, and an MCAP file's checksum of its data.

    A copy has the same one. A changed bit between the blocks, which no checksum in the file knows of, does not show:
    that is what `episodes verify` reads everything for.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(str(size).encode())
        places = [(0, END_BYTES), (max(0, size - END_BYTES), END_BYTES)]
        places += [(size * part // (SAMPLES + 1), SAMPLE_BYTES) for part in range(1, SAMPLES + 1)]
        for place, count in places:
            digest.update(os.pread(file.fileno(), count, place))
        # The footer's first number is where the summary begins; before it lies the checksum of the data.
        footer = os.pread(file.fileno(), _FOOTER_BYTES, max(0, size - _FOOTER_BYTES))
        if len(footer) == _FOOTER_BYTES:
            (summary,) = struct.unpack("<Q", footer[:8])
            if _DATA_END_BYTES < summary < size:
                digest.update(os.pread(file.fileno(), _DATA_END_BYTES, summary - _DATA_END_BYTES))
    return digest.hexdigest()
