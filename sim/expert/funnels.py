"""Motions of the expert: continuous in the error, so that a clone's small mistakes lead back onto them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.sim.expert.scene import Gates, Scene


@dataclass(frozen=True)
class Funnels:
    """In the cell's usual size; what comes out is in the robot's."""

    gates: Gates
    fastest: np.ndarray
    """[4] of vx vy vz [m/s] and wz [rad/s]."""
    open_m: float
    """Opening of the open fingers."""
    ceiling_m: float
    """Highest place of the tool."""
    scale: float
    """Size of this cell."""
    reach_m: float
    """From the tool point down to the fingertips."""

    def action(self, linear: np.ndarray, turn: float, opening: float) -> ArmAction:
        """With velocities that the robot may have: `linear` [3] [m/s], `turn` [rad/s], `opening` [m]."""
        twist = np.append(linear, turn)
        # One factor for the whole vector keeps the direction, and so the funnel's shape.
        excess = np.max(np.abs(twist[:3]) / self.fastest[:3])
        twist[:3] /= max(1.0, excess)
        twist[3] = np.clip(twist[3], -self.fastest[3], self.fastest[3])
        twist[:3] *= self.scale
        return ArmAction(twist, opening * self.scale)

    def stay(self, opening: float) -> ArmAction:
        """Only the fingers move."""
        return self.action(np.zeros(3), 0.0, opening)

    def come_down(self, scene: Scene, goal: np.ndarray, turn: float) -> ArmAction:
        """With open fingers to `goal` [3] [m] from above, the tool turned by `turn` [rad] until then."""
        gates, error = self.gates, goal - scene.tool
        lateral = float(np.hypot(error[0], error[1]))
        # Fingers must be open and turned before they come down beside red.
        wide = np.clip((self.open_m - scene.opening - 0.006) / 0.01, 0, 1)
        rise = gates.hover_m * max(
            np.clip((lateral - 0.008) / 0.02, 0, 1), np.clip((abs(turn) - 0.12) / 0.25, 0, 1), wide
        )
        clear = _clear_height(scene, goal) if lateral > 0.03 else 0.0
        height = min(max(goal[2] + rise, clear), self.ceiling_m)
        below = height - scene.tool[2]
        down = below - gates.beyond_m if rise < 0.02 and clear < goal[2] else below
        # Low among the objects the tool first rises, then travels; fingers around one would take it along.
        low, over = (0.002, 0.006) if self._straddles(scene) else (0.012, 0.02)
        slow = np.clip(1.0 - (below - low) / over, 0.0, 1.0)
        velocity = gates.gain * np.array([error[0] * slow, error[1] * slow, down])
        return self.action(velocity, gates.yaw_gain * turn * (slow if lateral > 0.02 else 1.0), self.open_m)

    def _straddles(self, scene: Scene) -> bool:
        """Whether the base or the third object stands between the fingers."""
        along, across, up = scene.in_tool(np.concatenate([scene.base.surface, scene.other.surface]))
        return bool(((np.abs(along) < 0.02) & (np.abs(across) < self.open_m / 2) & (up > -self.reach_m)).any())


def _clear_height(scene: Scene, goal: np.ndarray) -> float:
    """Height [m] at which open fingers pass over every object near the straight way to the goal."""
    points = np.concatenate([body.surface for body in (scene.top, scene.other, scene.base)])
    way = goal[:2] - scene.tool[:2]
    length = np.linalg.norm(way)
    unit = way / length
    relative = points[:, :2] - scene.tool[:2]
    ahead = relative @ unit
    aside = np.abs(relative @ np.array([-unit[1], unit[0]]))
    on_way = (ahead > -0.04) & (ahead < length + 0.04) & (aside < 0.06)
    return float(points[on_way, 2].max()) + 0.025 if on_way.any() else 0.0
