"""The contract's section `simulation`: what only the simulator and its scripted expert know of a robot."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from gato_ros.embodiments.base_model import Misfit, Strict, ordered

Length = Annotated[FiniteFloat, Field(gt=0)]
Point = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
PEER_BASKET_M = (0.6, 0.0, 0.0498)
"""Middle of the basket's floor before the peer's robot, in whose numbers the task, the basket and the expert are."""


class Fingers(Strict):
    """What the scripted expert knows of the gripper. Heights count from the tool frame's origin, between the pads."""

    pad_half_width_m: Length
    """Of a pad, along the tool's x."""
    pad_below_m: Length
    """The fingertips reach so far beyond the tool point."""
    pad_above_m: Length
    """What lies higher than this above the tool point is not held."""
    pad_height_m: Length
    """Of the patch that a flat face can fill."""
    palm_m: Length
    """Nothing of the object may stand higher than this above the tool point: the palm is there."""
    widest_m: Length
    """Widest object that is worth trying."""
    open_m: Length
    """From the tool point to the middle of an open finger."""
    half_size_m: tuple[Length, Length]
    """Of a finger that comes down, along the tool's x and y, with a margin."""
    yaw_rad: tuple[FiniteFloat, FiniteFloat]
    """Tool yaws that the wrist reaches in the whole workspace; half a turn at least, as fingers close both ways."""
    fixed_m: Length | None = None
    """Where only the finger at positive y of the tool moves: from the tool point to the face of the other. None: both
    move alike."""

    @model_validator(mode="after")
    def _check(self) -> "Fingers":
        ordered([self.yaw_rad[0]], [self.yaw_rad[1]], "yaw_rad", ("yaw_rad",))
        if self.yaw_rad[1] - self.yaw_rad[0] < np.pi - 0.01:
            raise Misfit(f"half a turn at least, {np.pi:.2f} rad, got {list(self.yaw_rad)}", ("yaw_rad",))
        return self


class MountedCamera(Strict):
    """A camera that moves with a frame of the URDF; its driver's size is that of the channel, `<name>/pixels`."""

    frame: str
    """An optical frame: z forward, x right, y down."""
    fovy_deg: FiniteFloat = Field(gt=0, lt=180)
    """Vertical field of view [degrees]."""
    rendered: tuple[int, int] | None = None
    """Width and height [px] that are rendered; each pixel is then repeated to the size that the driver has, a multiple
    of it. None: as many as the driver has."""


class Jaw(Strict):
    """A gripper with one finger that turns towards another that stands still."""

    joint: str
    """Joint of the URDF that turns the one at positive y of the tool; gripper.joint_range_rad has its angles."""
    fixed: str
    """Link of the other one, at negative y."""
    lever_m: Length
    """From the joint's axis to where the jaw presses: makes a torque of the force."""


class Cell(Strict):
    """Where the stacking cell stands before the robot, and how large it is. What is not said is as the peer has it."""

    scale: FiniteFloat = Field(default=1.0, gt=0)
    """Size of basket, objects, distances of the task and of the expert; of 50 mm cubes at 1."""
    basket_m: Point = PEER_BASKET_M
    """Middle of the basket's floor, in the base frame."""
    rim_m: Length | None = None
    """From there to the outer ends of the basket's slopes, where they would reach into the robot. None: the peer's."""
    start_lower_m: Point = (0.5, -0.14, 0.22)
    """Lowest place of the tool at the start of an episode."""
    start_upper_m: Point = (0.7, 0.14, 0.43)
    """Highest."""
    start_yaw_rad: tuple[FiniteFloat, FiniteFloat] = (-np.pi / 4, np.pi / 4)
    """Range of the tool's yaw there."""
    wait_m: Point | None = None
    """Where the scripted expert takes the tool when its task is done: out of another arm's way. None: it stays."""

    @model_validator(mode="after")
    def _check(self) -> "Cell":
        ordered([*self.start_lower_m], [*self.start_upper_m], "start", ("start_lower_m",), ("start_upper_m",))
        ordered([self.start_yaw_rad[0]], [self.start_yaw_rad[1]], "start_yaw_rad", ("start_yaw_rad",))
        return self

    @cached_property
    def origin(self) -> np.ndarray:
        """[3] where the peer's base frame comes to stand [m]; zero for its own robot."""
        return np.array(self.basket_m) - self.scale * np.array(PEER_BASKET_M)

    def to_base(self, points: np.ndarray) -> np.ndarray:
        """[... 3] in the robot's base frame [m] of points [... 3] in the peer's numbers."""
        return self.origin + self.scale * np.asarray(points)

    def to_cell(self, points: np.ndarray) -> np.ndarray:
        """Inverse of `to_base`."""
        return (np.asarray(points) - self.origin) / self.scale


class Simulation(Strict):
    """Changes no topic, no number on the wire and no limit: not part of the digests."""

    finger_joints: tuple[str, str] | None = None
    """Two sliding joints of the URDF that close along the tool's y: the one at positive y first, 0 when closed, each
    half of the stroke."""
    jaw: Jaw | None = None
    """In their place: one that turns."""
    fingers: Fingers
    cell: Cell = Cell()
    cameras: dict[str, MountedCamera] = {}
    """Name -> a camera on a frame of the robot's, beside those of the cell."""

    @model_validator(mode="after")
    def _check(self) -> "Simulation":
        if (self.finger_joints is None) == (self.jaw is None):
            raise Misfit("a gripper has finger_joints that slide or a jaw that turns, one of the two")
        if (self.jaw is None) != (self.fingers.fixed_m is None):
            raise Misfit("fingers.fixed_m is stated with `jaw`, and only there", ("fingers",))
        return self
