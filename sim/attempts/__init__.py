"""How far an episode's attempt at its task got: what holds now, the stage, and what went wrong."""

from gato_ros.sim.attempts.attempt import HOLD_STEPS, VOID, ArmWorld, Attempt, Situation
from gato_ros.sim.attempts.lifting import LiftAttempt
from gato_ros.sim.attempts.pushing import PushAttempt
from gato_ros.sim.attempts.stacking import StackAttempt, is_stacked

__all__ = [
    "HOLD_STEPS",
    "VOID",
    "ArmWorld",
    "Attempt",
    "LiftAttempt",
    "PushAttempt",
    "Situation",
    "StackAttempt",
    "is_stacked",
]
