"""Rotations as quaternions (x y z w, REP-103) and matrices."""

from __future__ import annotations

import numpy as np

NEXT, AFTER = np.array([1, 2, 0]), np.array([2, 0, 1])
"""A cross product is a[NEXT] * b[AFTER] - a[AFTER] * b[NEXT]; numpy's own takes several times as long on so little."""


def quat_xyzw_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Unit quaternion [4] of a rotation matrix [3 3], with x >= 0.

    A downward gripper turns about x, so fixing the sign of x (not w, which is near zero there)
    keeps the numbers continuous over the whole working range.
    """
    m = np.asarray(matrix, np.float64)
    # Shepperd's method on the largest of the four squared components.
    squares = 0.25 * (
        1
        + np.array(
            [
                m[0, 0] - m[1, 1] - m[2, 2],
                m[1, 1] - m[0, 0] - m[2, 2],
                m[2, 2] - m[0, 0] - m[1, 1],
                m[0, 0] + m[1, 1] + m[2, 2],
            ]
        )
    )
    i = int(np.argmax(squares))
    q = np.empty(4)
    q[i] = np.sqrt(squares[i])
    s = 0.25 / q[i]
    if i == 3:
        q[:3] = s * np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    else:
        j, k = (i + 1) % 3, (i + 2) % 3
        q[j], q[k] = s * (m[j, i] + m[i, j]), s * (m[k, i] + m[i, k])
        q[3] = s * (m[k, j] - m[j, k])
    return -q if q[0] < 0 else q


def matrix_from_quat_xyzw(quat_xyzw: np.ndarray) -> np.ndarray:
    """Rotation matrix [3 3] of a unit quaternion [4]."""
    x, y, z, w = np.asarray(quat_xyzw, np.float64)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def wrap_angle(angle_rad: float, period_rad: float = 2 * np.pi) -> float:
    """`angle_rad` moved by whole periods into [-period/2, period/2)."""
    return float((angle_rad + period_rad / 2) % period_rad - period_rad / 2)
