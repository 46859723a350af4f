"""Where a neighbour stands, and where its states come from."""

from __future__ import annotations

import numpy as np

from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.guard_bounds import NeighbourArm, NeighbourBase


def transform(base: NeighbourBase) -> np.ndarray:
    """[4 4] this arm's base from the neighbour's; roll, pitch, yaw about fixed axes, as in a URDF."""
    (sr, sp, sy), (cr, cp, cy) = np.sin(base.rpy_rad), np.cos(base.rpy_rad)
    roll = [[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]]
    pitch = [[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]]
    yaw = [[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]]
    made = np.eye(4)
    made[:3, :3], made[:3, 3] = np.array(yaw) @ pitch @ roll, base.xyz_m
    return made


def joint_states_topic(stated: NeighbourArm, other: Embodiment) -> str:
    """Absolute: relative names are relative to the neighbour's namespace."""
    topic = stated.joint_states or other.wire.joint_states.topic
    return topic if topic.startswith("/") else f"/{other.wire.namespace}/{topic}"
