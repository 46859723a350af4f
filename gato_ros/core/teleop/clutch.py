"""An arm that follows a hand: from where both were when the dead man's switch was pressed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.teleop.stick import wrapped

FARTHEST_M, FARTHEST_RAD = 0.06, 0.5
"""A hand that is further ahead of the arm takes the clutch along: where the arm cannot follow, at a wall of its
workspace, it turns round with the hand and not after it."""
JUMP_M_S = 3.0
"""No hand is faster [m/s]: its tracking has lost it."""


@dataclass(frozen=True)
class Placed:
    """Where a hand or a tool is."""

    position: np.ndarray
    """[3] [m]."""
    rotation: np.ndarray
    """[3 3] from its own axes to those of its base."""


class Clutch:
    """Positions count as differences: it does not matter where the hand was when it began."""

    def __init__(self, scale: float = 1.0, heading_rad: float = 0.0):
        """
        Args:
            scale: metres of the arm for one of the hand; turns are always one to one.
            heading_rad: the x axis of the hand's frame, turned about the vertical from that of the arm's base.
        """
        self._turn, self._scale = _about_vertical(heading_rad), scale
        self._begin: tuple[Placed, Placed] | None = None

    @property
    def engaged(self) -> bool:
        return self._begin is not None

    def press(self, hand: Placed, tool: Placed) -> None:
        """From here on the tool moves as the hand does."""
        self._begin = (hand, tool)

    def release(self) -> None:
        self._begin = None

    def ahead(self, hand: Placed, tool: Placed) -> np.ndarray:
        """[4] x y z [m], yaw [rad] from the tool to where the hand wants it; zeros while nothing is pressed."""
        if self._begin is None:
            return np.zeros(4)
        hand_then, tool_then = self._begin
        moved = self._scale * self._turn @ (hand.position - hand_then.position)
        turned = _yaw(hand.rotation @ hand_then.rotation.T)
        position = tool_then.position + moved - tool.position
        yaw = wrapped(turned - _yaw(tool.rotation @ tool_then.rotation.T))
        distance = float(np.linalg.norm(position))
        slip = np.append(position * max(0.0, 1.0 - FARTHEST_M / max(distance, 1e-9)), 0.0)
        slip[3] = yaw - float(np.clip(yaw, -FARTHEST_RAD, FARTHEST_RAD))
        if slip.any():
            around = np.array(
                [[np.cos(slip[3]), np.sin(slip[3]), 0], [-np.sin(slip[3]), np.cos(slip[3]), 0], [0, 0, 1]]
            )
            then = Placed(tool_then.position - slip[:3], around @ tool_then.rotation)
            self._begin = (hand_then, then)
        return np.append(position, yaw) - slip


def following(ahead: np.ndarray, full: np.ndarray, lag_s: float) -> np.ndarray:
    """[4] deflections in [-1, 1] that bring the tool along a distance in about `lag_s`.

    Args:
        ahead: [4] x y z [m], yaw [rad].
        full: [4] speeds at full deflection.
    """
    wanted = ahead / lag_s / full
    # One factor for all three: a hand that is too fast leads in its own direction.
    wanted[:3] /= max(1.0, float(np.abs(wanted[:3]).max()))
    return np.append(wanted[:3], np.clip(wanted[3], -1.0, 1.0))


def _about_vertical(angle_rad: float) -> np.ndarray:
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _yaw(rotation: np.ndarray) -> float:
    """Of a rotation about the vertical, and of one that is nearly that."""
    return float(np.arctan2(rotation[1, 0] - rotation[0, 1], rotation[0, 0] + rotation[1, 1]))
