"""The opening that an operator's proposals carry: a takeover must not drop what the gripper holds."""

from __future__ import annotations

from gato_ros.embodiments import Embodiment


class HumanGripper:
    """Repeats the gripper's last command until the operator gives one."""

    def __init__(self, robot: Embodiment):
        self._stroke_m, self._threshold_n = robot.gripper.stroke_m, robot.gripper.grasp_threshold_n
        self._commanded_m: float | None = None
        self._own_m: float | None = None
        self._seen_m: float | None = None

    @property
    def opening_m(self) -> float | None:
        """What is to be held [m]; None while nothing is known of the gripper."""
        for known in (self._own_m, self._commanded_m, self._seen_m):
            if known is not None:
                return known
        return None

    def commanded(self, opening_m: float) -> None:
        """The guard sent the gripper this opening [m]."""
        self._commanded_m = opening_m

    def seen(self, opening_m: float, effort_n: float) -> None:
        """The gripper says this of itself: one that grips goes on gripping."""
        self._seen_m = 0.0 if effort_n > self._threshold_n else opening_m

    def set(self, opening_m: float) -> None:
        """The person's device knows what it wants."""
        self._own_m = opening_m

    def toggle(self) -> None:
        """Close what is open, open what is closed."""
        if self.opening_m is not None:
            self._own_m = self._stroke_m if self.opening_m < self._stroke_m / 2 else 0.0

    def let_go(self) -> None:
        """The person is not in command any more."""
        self._own_m = None
