"""Training data of the controls that see ground truth (gato_ros/embodiments/privileged.py)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gato_ros.core.observation import PRIVILEGED_PREFIX
from gato_ros.embodiments.privileged import CUBE_POSES, PLAN, field_names

MIRROR_SIGN = {
    key: np.array([-1 if name.split("_")[-1] in ("y", "sin2", "sin4") else 1 for name in field_names(key)], np.float32)
    for key in (*CUBE_POSES, PLAN)
}
"""Reflection of each privileged channel: y and every angle change sign."""


def mirror_privileged(values: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The vectors {key: [batch size]} with the privileged ones of the rows [n] reflected."""
    out = dict(values)
    for key in out:
        if key.startswith(PRIVILEGED_PREFIX):
            out[key] = out[key].copy()
            out[key][rows] *= MIRROR_SIGN[key]
    return out
