"""Slowing down before the arm loses a direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

YZXY = np.array([1, 2, 0, 1, 4, 5, 3, 4])
"""Rows of a Jacobian: a cross product of such columns takes slices of them."""


@dataclass(frozen=True)
class SingularityLimits:
    """Smallest singular value of the tool's Jacobian (linear rows [m], angular rows [1])."""

    slow: float
    """Below this, motion towards the singularity is scaled down, in a straight line to zero at `stop`.

    So, going there, the part of the tool's motion along the direction that is being lost never costs more joint
    speed than 1/slow times itself: (s - stop) / (slow - stop) / s grows with s up to there."""
    stop: float
    """Below this there is only motion away from it."""

    def share(self, jacobian: np.ndarray, velocity: np.ndarray) -> float:
        """How much of `velocity` [joints] may be carried out; arguments as those of `shares`."""
        return self.shares(jacobian, [velocity])[0]

    def shares(self, jacobian: np.ndarray, velocities: Sequence[np.ndarray]) -> list[float]:
        """How much of each of `velocities` [joints] may be carried out; 1 on the way out.

        An arm with fewer than six joints never has the directions that they cannot make: only those that it can count.

        Args:
            jacobian: [6 joints] linear rows first, base axes.

        Raises:
            numpy.linalg.LinAlgError: no singular values could be found.
        """
        # The eigenvalues of J J^T are cheaper than the singular values, and exact enough to know that we are far.
        rows, joints = jacobian.shape
        square = np.linalg.eigvalsh(jacobian @ jacobian.T if joints >= rows else jacobian.T @ jacobian)[0]
        if square >= self.slow**2:
            return [1.0] * len(velocities)
        left, values, right = np.linalg.svd(jacobian, full_matrices=False)
        towards = float(np.clip((values[-1] - self.stop) / (self.slow - self.stop), 0.0, 1.0))
        changes = (left[:, -1] @ change_of_jacobian(jacobian, velocity) @ right[-1] for velocity in velocities)
        return [1.0 if change >= 0.0 else towards for change in changes]


def change_of_jacobian(jacobian: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Time derivative [6 joints] of the geometric Jacobian of revolute joints in series at `velocity` [joints].

    Joint i turns everything beyond it: the axes and levers of the later joints, and the tool that all levers end at
    (Bruyninckx and De Schutter, Symbolic differentiation of the velocity mapping, 1996).
    """
    # Three cross products by hand, of rows y z x y: numpy's own would take most of the time spent here.
    rows = jacobian[YZXY]
    swept = (rows * velocity).cumsum(axis=1)
    linear, angular, turned, beyond = rows[:4], rows[4:], swept[4:], swept[:4, -1:] - swept[:4]
    change = np.empty(jacobian.shape)
    change[:3] = _cross(turned, linear) + _cross(angular, beyond)
    change[3:] = _cross(turned, angular)
    return change


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross products [3 n] of columns y z x y [4 n]."""
    return a[:3] * b[1:] - a[1:] * b[:3]
