"""Pictures that a user names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError


def read_picture(path: Path) -> np.ndarray:
    """uint8 [height width 3] RGB of a picture file; SetupError if it is none."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if picture is None:
        raise SetupError(
            expected="a picture",
            got=f"{path}, which is none that can be read" if path.is_file() else f"no file {path}",
            fix="give a PNG or JPEG file",
        )
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
