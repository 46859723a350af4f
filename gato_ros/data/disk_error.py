"""What a disk refuses with, where a library or a program says it only in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_REASONS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


def disk_error(words: str, path: Path) -> OSError | None:
    """The OSError about `path` that the words of a failure name; None if they name none."""
    found = next((reason for reason in _REASONS if os.strerror(reason) in words), None)
    return None if found is None else OSError(found, os.strerror(found), str(path))
