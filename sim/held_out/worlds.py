"""The held-out worlds, each a value: in what it differs from the plain world, and from all that training draws.

`collect` and `train` never take one. An episode starts as in the plain world: what differs is drawn after the start.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gato_ros.core.errors import unknown_name
from gato_ros.sim.held_out.conditions import SIDES, Distractor, Fingers, HeldOutConditions, Lens
from gato_ros.sim.randomisation import Randomisation

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.sim.world import StackingWorld

PLAIN_WORLD = "plain"
FRONT_FOVY_DEG = 35.0
"""Vertical field of view of the front cameras in sim.camera.CAMERAS."""
Range = tuple[float, float]


@dataclass(frozen=True)
class RealCameras:
    """Cameras as a real cell has them, wrong by the error of a careful calibration. Every range is drawn from."""

    shift_m: float = 0.005
    """Each eye is so far from where it is thought to be [m]."""
    turn_deg: float = 0.5
    """Each camera is turned by so much [degrees]."""
    focal_share: float = 0.01
    """The focal length is so much longer or shorter."""
    blur_px: Range = (0.4, 0.8)
    noise: Range = (2.0, 5.0)
    white_balance: float = 0.12
    """Factors of 1 - this to 1 + this on each colour."""
    gamma: Range = (0.8, 1.25)
    jpeg_quality: tuple[int, int] = (50, 80)
    basket: Range = (0.55, 0.75)
    """Brightness of the basket, a tenth of it in any colour; training has 0.2 to 0.5."""
    distractors: tuple[int, int] = (3, 6)
    """How many."""

    def draw(self, rng: np.random.Generator, cameras: tuple[str, ...]) -> dict:
        """Fields of HeldOutConditions."""
        placed = Randomisation(camera_shift_m=self.shift_m, camera_turn_deg=self.turn_deg).draw(rng, cameras, True)
        return {
            "camera_shift_m": placed.camera_shift_m,
            "camera_turn_rad": placed.camera_turn_rad,
            "camera_fovy_deg": _fovy_change_deg(float((1 + self.focal_share) ** rng.choice([-1.0, 1.0]))),
            "basket_tint": rng.uniform(*self.basket) * (1 + 0.1 * rng.uniform(-1, 1, 3)),
            "lens": Lens(
                float(rng.uniform(*self.blur_px)),
                float(rng.uniform(*self.noise)),
                tuple(float(x) for x in 1 + self.white_balance * rng.uniform(-1, 1, 3)),
                float(rng.uniform(*self.gamma)),
                int(rng.integers(self.jpeg_quality[0], self.jpeg_quality[1] + 1)),
            ),
            "distractors": tuple(_distractor(rng) for _ in range(rng.integers(*self.distractors, endpoint=True))),
        }


def _fovy_change_deg(focal_factor: float) -> float:
    """Of the front cameras, whose focal length is so many times as long."""
    half = np.radians(FRONT_FOVY_DEG / 2)
    return float(np.degrees(2 * np.arctan(np.tan(half) / focal_factor))) - FRONT_FOVY_DEG


def _distractor(rng: np.random.Generator) -> Distractor:
    return Distractor(
        shape=str(rng.choice(["box", "sphere", "cylinder"])),
        size_m=float(rng.uniform(0.012, 0.03)),
        rgb=colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.0, 0.7), rng.uniform(0.3, 0.9)),
        side=int(rng.integers(len(SIDES))),
        out_m=float(rng.uniform(0.24, 0.36)),
        along_m=float(rng.uniform(-0.22, 0.22)),
        turn_rad=float(rng.uniform(-np.pi, np.pi)),
    )


@dataclass(frozen=True)
class RealGripper:
    """A 2F-85's linkage and flag; how far its tips reach is held_out.gripper.REACH, as DeepMind's cell has it."""

    force: Range = (0.5, 1.5)

    def draw(self, rng: np.random.Generator) -> dict:
        """Fields of HeldOutConditions."""
        return {"fingers": Fingers(float(rng.uniform(*self.force)))}


@dataclass(frozen=True)
class SlowArm:
    """Motion as DeepMind's cell has it, and props beyond the training's range."""

    latency_ticks: int = 2
    gain: Range = (0.85, 1.0)
    drift_m_s: Range = (0.0003, 0.0006)
    friction: Range = (1.4, 1.8)
    """Divided or multiplied by."""
    mass: Range = (1.5, 2.0)
    """Divided or multiplied by."""

    def draw(self, rng: np.random.Generator) -> dict:
        """Fields of HeldOutConditions."""
        return {
            "latency_ticks": self.latency_ticks,
            "motion_gain": float(rng.uniform(*self.gain)),
            "drift_m_s": float(rng.uniform(*self.drift_m_s)),
            "friction": float(rng.uniform(*self.friction) ** rng.choice([-1.0, 1.0])),
            "mass": float(rng.uniform(*self.mass) ** rng.choice([-1.0, 1.0])),
        }


@dataclass(frozen=True)
class Cover:
    """Something in front of all cameras for two seconds of every five."""

    first_s: Range = (1.0, 4.0)
    """When they are covered for the first time [s]."""

    def draw(self, rng: np.random.Generator) -> dict:
        """Fields of HeldOutConditions."""
        return {"covered_from_s": float(rng.uniform(*self.first_s))}


@dataclass(frozen=True)
class HeldOutWorld:
    """A world that no training touches."""

    name: str
    text: str
    """What it is, in one sentence."""
    outside: str
    """In what it lies outside of all that training draws (sim.randomisation.TRAINING)."""
    opengl: bool = False
    """PyBullet's OpenGL draws, in the place of its software renderer."""
    mujoco: bool = False
    """MuJoCo computes what moves, in the place of PyBullet; not with any other part."""
    cameras: RealCameras | None = None
    gripper: RealGripper | None = None
    arm: SlowArm | None = None
    cover: Cover | None = None

    def check(self) -> None:
        """SetupError where this machine cannot have it."""
        if self.opengl:
            from gato_ros.sim.held_out.opengl_check import require_opengl

            require_opengl(self.name)
        if self.mujoco:
            from gato_ros.sim.held_out.mujoco.check import require_mujoco

            require_mujoco(self.name)

    def check_robot(self, embodiment: Embodiment) -> None:
        """SetupError for a robot that it cannot hold."""
        if self.mujoco:
            from gato_ros.sim.held_out.mujoco.check import check_robot

            check_robot(embodiment)

    def make(self, embodiment: Embodiment, gui: bool = False) -> StackingWorld:
        """The simulator in which its episodes are played."""
        if self.mujoco:
            from gato_ros.sim.held_out.mujoco.world import MujocoWorld

            return MujocoWorld(embodiment, gui)
        from gato_ros.sim.held_out.changed_world import ChangedWorld

        return ChangedWorld(embodiment, gui, self.opengl)

    def draw(self, rng: np.random.Generator, cameras: tuple[str, ...]) -> HeldOutConditions:
        """The conditions of one episode.

        Args:
            rng: the only source of chance.
            cameras: names of the cameras.
        """
        drawn = self.cameras.draw(rng, cameras) if self.cameras else {}
        for part in (self.gripper, self.arm, self.cover):
            drawn |= part.draw(rng) if part else {}
        return HeldOutConditions(**drawn, entropy=int(rng.integers(2**62)))


WORLDS = {
    world.name: world
    for world in (
        HeldOutWorld(
            "opengl",
            "A second renderer: PyBullet's OpenGL, with shadows and highlights, half a pixel to the left and below.",
            "training has one renderer, which draws neither shadows nor highlights",
            opengl=True,
        ),
        HeldOutWorld(
            "real_cell",
            "Cameras wrong by a calibration's error behind a real lens and codec, a light basket, things lying about.",
            "training has no gamma, blur, JPEG or distractors, and no basket so light",
            cameras=RealCameras(),
        ),
        HeldOutWorld(
            "gripper",
            "A real gripper: closed empty fingers report a grasp, fingertips draw back as they open, another force.",
            "training has one gripper, whose flag means an object",
            gripper=RealGripper(),
        ),
        HeldOutWorld(
            "dynamics",
            "An arm that answers after two ticks, does 85 to 100 % of a motion and creeps; other friction and mass.",
            "training draws at most one tick, no gain and no creeping, friction up to 1.4 and mass up to 1.5 times",
            arm=SlowArm(),
        ),
        HeldOutWorld(
            "covered",
            "Cameras that see nothing for two seconds of every five: what was seen before has to be remembered.",
            "training has a picture in every step",
            cover=Cover(),
        ),
        HeldOutWorld(
            "mujoco",
            "A second physics: MuJoCo moves the same arm, gripper and props; servos that lag and give way, contacts.",
            "training has one solver, one contact model, and joints that reach a commanded velocity at once",
            mujoco=True,
        ),
    )
}


def held_out_world(name: str) -> HeldOutWorld | None:
    """The world of that name, None for `plain`; SetupError with the nearest name if there is none."""
    if name == PLAIN_WORLD:
        return None
    if name not in WORLDS:
        raise unknown_name("a world", name, (PLAIN_WORLD, *WORLDS))
    return WORLDS[name]
