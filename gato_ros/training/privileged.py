"""Training data of the controls that see ground truth (gato_ros/embodiments/privileged.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import PRIVILEGED_PREFIX
from gato_ros.data.frames import Frames
from gato_ros.embodiments.privileged import CUBE_POSES, PLAN, field_names, privileged_values
from gato_ros.models.layout import TokenLayout

MIRROR_SIGN = {
    key: np.array([-1 if name.split("_")[-1] in ("y", "sin2", "sin4") else 1 for name in field_names(key)], np.float32)
    for key in (*CUBE_POSES, PLAN)
}
"""Reflection of each privileged channel: y and every angle change sign."""


def with_all_vectors(frames: Frames, layout: TokenLayout) -> Frames:
    """The frames with all that the layout has tokens for, ground truth among their vectors.

    Raises:
        SetupError: frames that were recorded without some of it.
    """
    vectors = {**frames.vectors, **privileged_values(tuple(item.key for item in layout.vectors), frames.privileged)}
    recorded = (*frames.image_keys, *vectors)
    if missing := [item.key for item in layout.items if item.key not in recorded]:
        raise SetupError(
            expected=f"data with {', '.join(missing)}",
            got=f"data with {', '.join(recorded)}",
            fix="collect with a contract that has it (--embodiment), or choose another preset",
        )
    return replace(frames, vectors=vectors)


def mirror_privileged(values: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The vectors {key: [batch size]} with the privileged ones of the rows [n] reflected."""
    out = dict(values)
    for key in out:
        if key.startswith(PRIVILEGED_PREFIX):
            out[key] = out[key].copy()
            out[key][rows] *= MIRROR_SIGN[key]
    return out
