"""One episode of a held-out world: what was drawn, beside what every episode has."""

from __future__ import annotations

from dataclasses import dataclass

from gato_ros.sim.randomisation import Conditions

SIDES = ((-1.0, 0.0), (0.0, -1.0), (0.0, 1.0))
"""Outward, of the slopes on which distractors may lie: not the one that the front cameras look over."""


@dataclass(frozen=True)
class Lens:
    """What lies between the scene and the pixels of a real camera, in this order."""

    blur_px: float
    """Standard deviation of a Gaussian [px]."""
    noise: float
    """Standard deviation of the sensor's noise, in steps of 255."""
    white_balance: tuple[float, float, float]
    """Factors on red, green and blue."""
    gamma: float
    """Exponent on values of 0 to 1; below 1 the picture gets brighter."""
    jpeg_quality: int
    """Of 100."""


@dataclass(frozen=True)
class Distractor:
    """A thing that lies about on the basket's slopes: seen, and in nobody's way."""

    shape: str
    """`box`, `sphere` or `cylinder`."""
    size_m: float
    """Half of its height [m], in a cell of the usual size."""
    rgb: tuple[float, float, float]
    """Colour, 0 to 1."""
    side: int
    """Which slope, an index of SIDES."""
    out_m: float
    """From the basket's middle towards that side [m]."""
    along_m: float
    """Across it [m]."""
    turn_rad: float
    """About its own axis."""


@dataclass(frozen=True)
class Fingers:
    """A gripper that is not the training's."""

    force: float
    """Factor on the contract's closing force."""
    swing: bool = True
    """Fingertips draw back as the gripper opens."""
    flag_when_empty: bool = True
    """Closed fingers that press on each other report a grasp."""


@dataclass(frozen=True)
class HeldOutConditions(Conditions):
    """The defaults are the plain world."""

    lens: Lens | None = None
    """None: the pixels as they are drawn."""
    distractors: tuple[Distractor, ...] = ()
    """What lies on the slopes."""
    fingers: Fingers | None = None
    """None: the gripper that the training had."""
    motion_gain: float = 1.0
    """The joints do so much of the velocity that is commanded."""
    drift_m_s: float = 0.0
    """The tool creeps at this speed [m/s], in a direction that changes every DRIFT_S."""
    covered_from_s: float | None = None
    """The cameras first see nothing so long after the start [s]; None: never."""
    entropy: int = 0
    """Seeds what changes within the episode: noise of pictures, direction of the drift."""
