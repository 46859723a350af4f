"""A rotation as numbers, of a kind that is stated: the same matrix has many names."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gato_ros.core.rotation import matrix_from_quat_xyzw, quat_xyzw_from_matrix

RotationKind = Literal["quaternion", "euler", "axis_angle", "six_d"]
SIZES: dict[str, int] = {"quaternion": 4, "euler": 3, "axis_angle": 3, "six_d": 6}
"""Kind -> how many numbers it takes."""
NAMES: dict[str, tuple[str, ...]] = {
    "quaternion": ("qx", "qy", "qz", "qw"),
    "euler": ("roll", "pitch", "yaw"),
    "axis_angle": ("ax", "ay", "az"),
    "six_d": ("xx", "xy", "xz", "yx", "yy", "yz"),
}
"""Kind -> what each number is."""
UNIT_TOLERANCE = 0.01
"""A quaternion whose length is further from 1 than this is no rotation: zeros, or something else's numbers."""
LOCKED = 1.0 - 1e-9
"""A pitch whose sine is beyond this is a right angle: roll and yaw turn about one axis there."""


def matrix_of_quaternion(quat_xyzw: np.ndarray) -> np.ndarray:
    """Rotation matrix [3 3] of a quaternion [4] as a message has it.

    Raises:
        ValueError: its length is not 1.
    """
    quat = np.asarray(quat_xyzw, np.float64)
    length = float(np.linalg.norm(quat))
    if not abs(length - 1.0) <= UNIT_TOLERANCE:
        raise ValueError(f"a quaternion of length {length:.3g}, expected 1")
    return matrix_from_quat_xyzw(quat / length)


def rotation_values(matrix: np.ndarray, kind: str) -> np.ndarray:
    """The numbers of a rotation matrix [3 3], float64 [SIZES[kind]].

    - quaternion: x y z w, with x >= 0
    - euler: roll, pitch, yaw [rad] about the fixed axes x, y, z in this order (REP-103); the matrix is Rz Ry Rx
    - axis_angle: the axis times the angle [rad], which is at most pi
    - six_d: the matrix's first column, then its second (Zhou et al. 2019): the one kind without a jump anywhere
    """
    m = np.asarray(matrix, np.float64)
    if kind == "six_d":
        return m[:, :2].T.reshape(6)
    if kind == "euler":
        return _euler(m)
    quat = quat_xyzw_from_matrix(m)
    if kind == "quaternion":
        return quat
    quat = -quat if quat[3] < 0 else quat
    length = float(np.linalg.norm(quat[:3]))
    # Near no rotation the angle is twice the length, and the axis is as good as unknown.
    return 2.0 * quat[:3] if length < 1e-9 else quat[:3] / length * 2.0 * np.arctan2(length, quat[3])


def matrix_of_values(values: np.ndarray, kind: str) -> np.ndarray:
    """Inverse of `rotation_values`: the matrix [3 3]; six_d is made orthonormal, by Gram and Schmidt."""
    values = np.asarray(values, np.float64)
    if kind == "quaternion":
        return matrix_of_quaternion(values)
    if kind == "six_d":
        x = values[:3] / np.linalg.norm(values[:3])
        y = values[3:] - x * (x @ values[3:])
        y = y / np.linalg.norm(y)
        return np.stack([x, y, np.cross(x, y)], axis=1)
    if kind == "axis_angle":
        angle = float(np.linalg.norm(values))
        axis = np.zeros(3) if angle == 0.0 else values / angle
        return matrix_from_quat_xyzw(np.append(axis * np.sin(angle / 2), np.cos(angle / 2)))
    (sr, sp, sy), (cr, cp, cy) = np.sin(values), np.cos(values)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def _euler(m: np.ndarray) -> np.ndarray:
    sine = float(np.clip(-m[2, 0], -1.0, 1.0))
    if abs(sine) > LOCKED:  # roll is called 0, and yaw has all of it
        return np.array([0.0, np.arcsin(sine), np.arctan2(-m[0, 1], m[1, 1])])
    return np.array([np.arctan2(m[2, 1], m[2, 2]), np.arcsin(sine), np.arctan2(m[1, 0], m[0, 0])])
