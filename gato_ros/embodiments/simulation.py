"""The contract's section `simulation`: what only the simulator and its scripted expert know of a robot."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from gato_ros.embodiments.base_model import Misfit, Strict, ordered

Length = Annotated[FiniteFloat, Field(gt=0)]


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


class Simulation(Strict):
    """Changes no topic, no number on the wire and no limit: not part of the digests."""

    finger_joints: tuple[str, str]
    """Two sliding joints of the URDF that close along the tool's y: the one at positive y first, 0 when closed, each
    half of the stroke."""
    fingers: Fingers
    cameras: dict[str, MountedCamera] = {}
    """Name -> a camera of the arm's own, beside those of the cell."""
