"""The stacking cell in a mirror: left and right change places, which doubles the scenes a policy can learn from.

The two front cameras are each other's reflection in the plane y = 0 of the base frame, and so is the basket. A
vector turns y to -y; a rotation about the vertical changes sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gato_ros.domains.rgb_stacking.auxiliary import NAMES
from gato_ros.domains.rgb_stacking.privileged import MIRROR_SIGN, mirror_privileged
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.twist import TwistPart

MIRROR_KEYS = ("basket_front_left/pixels", "basket_front_right/pixels")
SIGNS = {"vx": 1, "vy": -1, "vz": 1, "wx": -1, "wy": 1, "wz": -1}
"""Of a twist's components along the base's axes, or along the tool's: its y points to the mirror's other side, too."""
ACTION_SIGN = np.array([1, -1, 1, -1, 1], np.float32)
"""vx vy vz wz opening."""
POSE_SIGN = np.array([1, -1, 1, 1, -1, 1, -1], np.float32)
"""x y z and quaternion xyzw with x >= 0: reflecting turns (x y z w) into (-x y -z w), whose negative is the same."""
POSES = ("pinch/pose", "tcp/pose")
"""What is called so after the arm's name: poses of frames that look the same in the mirror."""
SYMMETRIC_KEYS = ("gripper/grasp", "gripper/opening", "task/text")
"""The tasks' words name colours, no sides."""
AUXILIARY_SIGN = np.array([-1 if name.endswith("_y") or "_sin" in name else 1 for name in NAMES], np.float32)
"""Reflection of `auxiliary.NAMES`: y and every angle change sign."""


@dataclass(frozen=True)
class StackingReflection:
    """The `Reflection` of the cell, ground truth included."""

    action_sign: np.ndarray = field(default_factory=ACTION_SIGN.copy)

    @staticmethod
    def of(robot: Embodiment) -> StackingReflection | None:
        """Of what this robot does; None where its action is of joints, which have no reflection."""
        part = robot.arm_part
        if not isinstance(part, TwistPart):
            return None
        return StackingReflection(np.array([*(SIGNS[name] for name in part.names), 1], np.float32))

    def possible(self, image_keys: tuple[str, ...], vector_keys: tuple[str, ...]) -> bool:
        """Whether every observation that a model sees has a known reflection."""
        return can_mirror(image_keys, tuple(key for key in vector_keys if key not in MIRROR_SIGN))

    def pixels(self, pixels: np.ndarray, rows: np.ndarray) -> None:
        """Reflect, in place, the rows [n] of pixels [batch 2 height width 3]."""
        mirror_pixels(pixels, rows)

    def vectors(self, values: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """The vectors {key: [batch size]} with the rows [n] reflected; new arrays where anything changes."""
        return mirror_privileged(mirror_vectors(values, rows), rows)


def can_mirror(image_keys: tuple[str, ...], vector_keys: tuple[str, ...]) -> bool:
    """Whether every observation that a model sees has a known reflection (joint angles have none)."""
    return tuple(image_keys) == MIRROR_KEYS and all(is_pose(key) or key in SYMMETRIC_KEYS for key in vector_keys)


def is_pose(key: str) -> bool:
    """Whether an observation is one of POSES, of whatever arm."""
    return key.partition("/")[2] in POSES


def mirror_pixels(pixels: np.ndarray, rows: np.ndarray) -> None:
    """Reflect, in place, the rows [n] of pixels [batch 2 height width 3]: swap the cameras, flip each picture."""
    pixels[rows] = pixels[rows][:, ::-1, :, ::-1]


def mirror_vectors(values: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The vectors {key: [batch size]} with the rows [n] reflected; new arrays where anything changes."""
    out = dict(values)
    for key in filter(is_pose, values):
        out[key] = out[key].copy()
        out[key][rows] *= POSE_SIGN
    return out
