"""Slowing down before the arm loses a direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.rotation import AFTER, NEXT


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
        """How much of `velocity` [joints] may be carried out; 1 on the way out.

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
            return 1.0
        left, values, right = np.linalg.svd(jacobian, full_matrices=False)
        if left[:, -1] @ change_of_jacobian(jacobian, velocity) @ right[-1] >= 0.0:
            return 1.0
        return float(np.clip((values[-1] - self.stop) / (self.slow - self.stop), 0.0, 1.0))


def change_of_jacobian(jacobian: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Time derivative [6 joints] of the geometric Jacobian of revolute joints in series at `velocity` [joints].

    Joint i turns everything beyond it: the axes and levers of the later joints, and the tool that all levers end at
    (Bruyninckx and De Schutter, Symbolic differentiation of the velocity mapping, 1996).
    """
    linear, angular = jacobian[:3], jacobian[3:]
    turned = (angular * velocity).cumsum(axis=1)
    moved = (linear * velocity).cumsum(axis=1)
    beyond = moved[:, -1:] - moved
    # Three cross products in one, by hand: numpy's would take most of the time spent here.
    a, b = np.array([turned, angular, turned]), np.array([linear, beyond, angular])
    levers, reaches, axes = a[:, NEXT] * b[:, AFTER] - a[:, AFTER] * b[:, NEXT]
    return np.concatenate([levers + reaches, axes])
