"""The action of an arm that is moved by a twist: two keys of its spec, `twist` and `gripper`."""

from __future__ import annotations

import numpy as np

from gato_ros.core.action import Action

TWIST, GRIPPER = "twist", "gripper"


class ArmAction(Action):
    """A Cartesian velocity of the pinch point and a gripper opening."""

    __slots__ = ()

    def __init__(self, twist: np.ndarray, gripper_opening_m: float):
        """`twist` [vx vy vz wz]: linear velocity [m/s] and rotation about the vertical [rad/s], in the base frame."""
        super().__init__({TWIST: twist, GRIPPER: gripper_opening_m})

    @property
    def twist(self) -> np.ndarray:
        """[vx vy vz wz] [m/s], [rad/s], in the base frame."""
        return self.values[TWIST]

    @property
    def gripper_opening_m(self) -> float:
        """Wanted distance between the finger pads [m]."""
        return float(self.values[GRIPPER][0])

    @staticmethod
    def of(action: Action) -> ArmAction:
        """The same action.

        Raises:
            ValueError: it lacks a twist of four values or an opening.
        """
        if isinstance(action, ArmAction):
            return action
        if {key: value.size for key, value in action.values.items()} != {TWIST: 4, GRIPPER: 1}:
            raise ValueError(f"an arm's action has a twist of 4 values and a gripper opening, got {action}")
        return ArmAction(action.values[TWIST], float(action.values[GRIPPER][0]))

    @staticmethod
    def from_vector(vector: np.ndarray) -> ArmAction:
        """Inverse of `as_vector`; `vector` [5] is vx vy vz [m/s], wz [rad/s], opening [m]; ValueError for others."""
        vector = np.asarray(vector, np.float64)
        if vector.shape != (5,):
            raise ValueError(f"an action has 5 values (vx vy vz wz opening), got shape {vector.shape}")
        return ArmAction(vector[:4].copy(), float(vector[4]))
