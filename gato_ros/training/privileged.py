"""Training data of the controls that see ground truth (gato_ros/embodiments/privileged.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gato_ros.core.observation import PRIVILEGED_PREFIX
from gato_ros.data.frames import Frames
from gato_ros.embodiments.privileged import CUBE_POSES, PLAN, field_names, privileged_values
from gato_ros.models.layout import TokenLayout

MIRROR_SIGN = {key: np.array([-1 if name.split("_")[-1] in ("y", "sin2", "sin4") else 1 for name in field_names(key)],
                             np.float32) for key in (*CUBE_POSES, PLAN)}
"""Reflection of each privileged channel: y and every angle change sign."""


def with_privileged_vectors(frames: Frames, layout: TokenLayout) -> Frames:
    """The frames with the ground truth that the layout has tokens for among their vectors.

    Raises:
        SetupError: frames that were recorded without it.
    """
    values = privileged_values(tuple(item.key for item in layout.vectors), frames.privileged)
    return replace(frames, vectors={**frames.vectors, **values}) if values else frames


def mirror_privileged(values: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The vectors {key: [batch size]} with the privileged ones of the rows [n] reflected."""
    out = dict(values)
    for key in out:
        if key.startswith(PRIVILEGED_PREFIX):
            out[key] = out[key].copy()
            out[key][rows] *= MIRROR_SIGN[key]
    return out
