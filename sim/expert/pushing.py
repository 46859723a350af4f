"""The motion of every push: down behind the object with closed fingers, then along."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.embodiments.simulation import Fingers
from gato_ros.sim.expert.funnels import Funnels
from gato_ros.sim.expert.scene import CLOSED_M, Scene
from gato_ros.sim.grasp import basket_height
from gato_ros.sim.scene import BASKET_TOP_M

PUSH_M_S = 0.06
BEHIND_M = 0.035
"""The fingers come down so far behind the object."""
HALF_WIDTH_M = 0.03
"""Of the lane that the fingers and the object need."""
OUT, BLOCKED, UPHILL, AGAINST, ON_SLOPE = 3.0, 2.0, 2.0, 1.2, 1.5
"""Costs: outside the workspace, something where the fingers come down, the basket's slope there, something in front,
the slope in front."""
FAR = 3.0
"""Per metre from the tool to where the push begins."""
NARROW_M = 0.03
"""Opening of fingers that are about to push; those that come to grip are wider open."""
READY_RAD = 0.35
"""The tool is turned for a push to this."""
GOES_ON = 1.6
"""A push on the way may cost so much more than one that is to begin: what tips over comes nearer to what is in
front."""
BEGUN = 2.5
"""What was begun goes on: a push on the way counts so much less."""


@dataclass(frozen=True)
class Push:
    """One way, in the cell's usual size."""

    direction: np.ndarray
    """[2] of length 1."""
    contact: np.ndarray
    """[2] where the fingers first touch the object [m]."""
    tip_m: float
    """Height of the fingertips [m]."""
    effort: float
    """What it costs where nothing is in the way."""
    room_m: float
    """How far in front of the contact nothing should stand."""
    against: float = AGAINST
    """What it costs if something does."""

    @property
    def start(self) -> np.ndarray:
        """[2] where the fingers come down [m]."""
        return self.contact - self.direction * BEHIND_M

    @property
    def yaw_rad(self) -> float:
        """Of a tool that pushes with the side of both fingers; half a turn beside it will do."""
        return float(np.arctan2(self.direction[1], self.direction[0]))

    def behind(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of points [n 2]: how far along the push from the contact on, and how far beside it [m]."""
        rel = points - self.contact
        return rel @ self.direction, rel @ np.array([-self.direction[1], self.direction[0]])

    def begun(self, scene: Scene, reach_m: float) -> tuple[bool, float]:
        """Whether closed fingers are on the way, and how far the tool is from where it begins [m].

        Args:
            reach_m: from the tool point down to the fingertips.
        """
        tool = scene.tool
        along, aside = (float(value[0]) for value in self.behind(tool[None, :2]))
        off = float(np.hypot(aside, max(0.0, along - 0.02) + max(0.0, -0.04 - along)))
        ready = scene.opening < NARROW_M and abs(_half_turn(scene.yaw, self.yaw_rad)) < READY_RAD
        return bool(ready and tool[2] < self.tip_m + reach_m + 0.03 and off < 0.03), off

    def cost(self, around: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
        """With what stands in its way.

        Args:
            around: [n 3] surface points of the other objects [m].
            lower, upper: [2] ends of the workspace [m].
        """
        along, aside = self.behind(around[:, :2])
        lane = np.abs(aside) < HALF_WIDTH_M
        low = around[:, 2] > self.tip_m - 0.004
        blocked = (lane & (along > -0.06) & (along < 0.0) & low).sum() > 3
        against = (lane & (along > 0.02) & (along < self.room_m + 0.02)).sum() > 3
        start = self.start
        out = (start < lower - 0.004).any() or (start > upper + 0.004).any()
        there, here = basket_height(np.stack([self.contact + self.direction * self.room_m, start]))
        uphill, on_slope = here > self.tip_m - 0.004, there > BASKET_TOP_M + 0.003
        return (
            self.effort + OUT * out + BLOCKED * blocked + UPHILL * uphill + self.against * against + ON_SLOPE * on_slope
        )


def cheapest(
    ways: Iterable[Push],
    scene: Scene,
    around: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    reach_m: float,
    worst: float,
    may_begin: bool = True,
) -> Push | None:
    """The best of these pushes, the nearer ones and one on the way first; None where there is no good one.

    Args:
        around: [n 3] surface points of the other objects [m].
        lower, upper: [2] ends of the workspace [m].
        reach_m: from the tool point down to the fingertips.
        worst: cost above which a way is none.
        may_begin: else only a push on the way counts.
    """
    found = []
    for way in ways:
        cost, (begun, off) = way.cost(around, lower, upper), way.begun(scene, reach_m)
        if cost <= worst + GOES_ON * begun and (begun or may_begin):
            found.append((cost + FAR * min(off, 0.3) - BEGUN * begun, len(found), way))
    return min(found)[-1] if found else None


def push(funnels: Funnels, fingers: Fingers, floor_m: float, scene: Scene, way: Push) -> ArmAction:
    """Come down behind the object with closed fingers, and push.

    Args:
        floor_m: lowest place of the tool.
    """
    gates = funnels.gates
    low = max(way.tip_m + fingers.pad_below_m, floor_m)
    turn = _turn(fingers, scene.yaw, way.yaw_rad)
    ready = scene.opening < CLOSED_M and abs(turn) < READY_RAD
    along, aside = (float(value[0]) for value in way.behind(scene.tool[None, :2]))
    if ready and abs(aside) < 0.012 and along < 0.03 and scene.tool[2] < low + 0.012:
        sideways = np.array([-way.direction[1], way.direction[0]])
        level = PUSH_M_S * way.direction - gates.gain * aside * sideways
        return funnels.action(np.append(level, gates.gain * (low - scene.tool[2])), gates.yaw_gain * turn, 0.0)
    error = way.start - scene.tool[:2]
    over = np.clip((np.hypot(*error) - 0.006) / 0.015, 0, 1) if ready else 1.0
    high = max(scene.highest_m + 0.02 + fingers.pad_below_m, low + 0.02)
    below = min(low + over * (high - low), funnels.ceiling_m) - scene.tool[2]
    slow = np.clip(1.0 - (below - 0.012) / 0.02, 0.0, 1.0)
    down = below - 0.01 if over < 0.2 else below
    # Fingers that closed down here would take along what stands between them.
    above = scene.tool[2] - fingers.pad_below_m > scene.highest_m
    opening = 0.0 if above or scene.opening < NARROW_M else funnels.open_m
    return funnels.action(gates.gain * np.append(error * slow, down), gates.yaw_gain * turn, opening)


def _half_turn(yaw: float, wanted: float) -> float:
    """From `yaw` to `wanted` or half a turn beside it, whichever is nearer [rad]."""
    return (wanted - yaw + np.pi / 2) % np.pi - np.pi / 2


def _turn(fingers: Fingers, yaw: float, wanted: float) -> float:
    """The shorter turn to `wanted` or half a turn beside it that the wrist can make [rad]."""
    turn = _half_turn(yaw, wanted)
    lower, upper = fingers.yaw_rad
    return turn if lower <= yaw + turn <= upper else turn - float(np.sign(turn)) * np.pi
