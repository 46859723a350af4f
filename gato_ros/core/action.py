"""What a policy asks of the arm at one control tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Action:
    """A Cartesian velocity of the pinch point and a gripper opening."""

    twist: np.ndarray
    """[vx vy vz wz]: linear velocity [m/s] and rotation about the vertical [rad/s], both in the base frame."""
    gripper_opening_m: float
    """Wanted distance between the finger pads [m]."""

    def as_vector(self) -> np.ndarray:
        """The five numbers in the contract's order: vx vy vz [m/s], wz [rad/s], opening [m]."""
        return np.append(np.asarray(self.twist, np.float64), self.gripper_opening_m)

    @staticmethod
    def from_vector(vector: np.ndarray) -> "Action":
        """Inverse of `as_vector`; `vector` is [5]."""
        vector = np.asarray(vector, np.float64)
        if vector.shape != (5,):
            raise ValueError(f"an action has 5 values (vx vy vz wz opening), got shape {vector.shape}")
        return Action(vector[:4].copy(), float(vector[4]))
