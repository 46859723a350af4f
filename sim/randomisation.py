"""How a world may differ from the one it stands for: what is seen, what is touched, and how late.

`Randomisation` says how far each thing may go, `draw` fixes it for one episode. Training draws every magnitude
(Tobin et al. 2017, arXiv 1703.06907); a test of robustness takes one of `PERTURBATIONS` at its full magnitude.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from gato_ros.core.errors import SetupError, unknown_name

LIGHT_DIRECTION = (0.6, 0.3, 1.0)
"""From the scene towards the light."""
TEXTURES = 16
TEXTURE_SIZE_PX = 128


@dataclass(frozen=True)
class Conditions:
    """The world of one episode. The defaults are the plain world."""

    light_direction: tuple[float, float, float] = LIGHT_DIRECTION
    light_colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    light_ambient: float = 0.6
    light_diffuse: float = 0.35
    """TinyRenderer's own defaults."""
    camera_shift_m: dict[str, np.ndarray] = field(default_factory=dict)
    """Camera name -> [3] displacement of its eye, base frame [m]."""
    camera_turn_rad: dict[str, np.ndarray] = field(default_factory=dict)
    """Camera name -> [3] rotation vector, base frame [rad]."""
    camera_fovy_deg: float = 0.0
    """Added to the vertical field of view of every camera [degrees]."""
    prop_tint: np.ndarray | None = None
    """[3 3] rgb in 0..1 of the red, green and blue prop; None leaves them pure."""
    basket_tint: np.ndarray | None = None
    """[3] rgb in 0..1 of the basket; None leaves its greys."""
    texture: int | None = None
    """Which of TEXTURES lies on the basket; None: plain."""
    friction: float = 1.0
    """Factor on the props' friction."""
    mass: float = 1.0
    """Factor on the props' mass."""
    latency_ticks: int = 0
    """Actions take effect so many control ticks late."""
    dropped_frames: float = 0.0
    """Chance per tick that the cameras show the frame before."""
    action_noise: float = 0.0
    """Standard deviation of noise on the executed twist, as a share of its range."""


PLAIN = Conditions()


@dataclass(frozen=True)
class Randomisation:
    """How far the world of an episode may be from the plain one. The default is not at all; we train on `TRAINING`."""

    share: float = 1.0
    """Share of episodes that differ at all."""
    light: float = 0.0
    """0: the light stands still; 1: it comes from anywhere above, half to one and a half times as bright, tinted."""
    colour: float = 0.0
    """0: pure red, green, blue; 1: up to 0.35 away in every rgb component, and a basket of any dark colour."""
    texture: float = 0.0
    """Share of those episodes that have a noise texture on the basket."""
    camera_shift_m: float = 0.0
    """Each camera's eye moves by up to so much [m]."""
    camera_turn_deg: float = 0.0
    """Each camera turns by up to so much [degrees]."""
    camera_fovy_deg: float = 0.0
    """The field of view changes by up to so much [degrees]."""
    friction: float = 0.0
    """Friction is divided or multiplied by up to 1 + this."""
    mass: float = 0.0
    """Mass is divided or multiplied by up to 1 + this."""
    latency_ticks: int = 0
    """Actions come up to so many control ticks late."""
    dropped_frames: float = 0.0
    """Chance per tick of up to this that the cameras show the frame before."""
    action_noise: float = 0.0
    """Noise on the executed twist of up to this standard deviation, as a share of its range."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            highest = 1.0 if item.name in ("share", "light", "colour", "texture", "dropped_frames") else np.inf
            if not (np.isfinite(value) and 0 <= value <= highest):
                raise SetupError(
                    expected=f"{item.name} in [0, {highest:g}]", got=str(value), fix="see sim/randomisation.py"
                )

    def draw(self, rng: np.random.Generator, cameras: tuple[str, ...], full: bool = False) -> Conditions:
        """The conditions of one episode.

        Args:
            rng: the only source of chance.
            cameras: names of the cameras that may move.
            full: take every magnitude at its limit and leave only its direction to chance.
        """
        if rng.random() >= self.share:
            return PLAIN
        size = (lambda: 1.0) if full else (lambda: float(rng.random()))
        sign = lambda: float(rng.choice([-1.0, 1.0]))  # noqa: E731
        conditions = PLAIN
        if self.light:
            conditions = replace(conditions, **_light(rng, self.light * size()))
        if self.colour:
            reach = self.colour * size()
            tint = np.clip(np.eye(3) + 0.35 * reach * rng.uniform(-1, 1, (3, 3)), 0, 1)
            grey = 0.36 * (1 - reach) + reach * rng.uniform(0.1, 0.6, 3)
            conditions = replace(conditions, prop_tint=tint, basket_tint=grey)
        if self.texture and rng.random() < self.texture:
            conditions = replace(conditions, texture=int(rng.integers(TEXTURES)))
        shift = {name: self.camera_shift_m * size() * _direction(rng) for name in cameras}
        turn = {name: np.radians(self.camera_turn_deg) * size() * _direction(rng) for name in cameras}
        return replace(
            conditions,
            camera_shift_m=shift if self.camera_shift_m else {},
            camera_turn_rad=turn if self.camera_turn_deg else {},
            camera_fovy_deg=self.camera_fovy_deg * size() * sign(),
            friction=float((1 + self.friction * size()) ** sign()),
            mass=float((1 + self.mass * size()) ** sign()),
            latency_ticks=self.latency_ticks if full else int(rng.integers(self.latency_ticks + 1)),
            dropped_frames=self.dropped_frames * size(),
            action_noise=self.action_noise * size(),
        )


TRAINING = Randomisation(
    share=0.6,
    light=1.0,
    colour=0.6,
    texture=0.3,
    camera_shift_m=0.006,
    camera_turn_deg=0.6,
    camera_fovy_deg=0.5,
    friction=0.4,
    mass=0.5,
    latency_ticks=1,
    action_noise=0.05,
)
"""What `collect --randomise` draws from: four in ten episodes show the plain world. No dropped frames: the label
belongs to what is there now, not to what was seen before."""

PERTURBATIONS = {
    "camera_shift": Randomisation(camera_shift_m=0.005, camera_turn_deg=0.5),
    "light": Randomisation(light=0.6),
    "colour": Randomisation(colour=0.4),
    "latency": Randomisation(latency_ticks=1),
    "dropped_frames": Randomisation(dropped_frames=0.2),
    "action_noise": Randomisation(action_noise=0.1),
    "physics": Randomisation(friction=0.3, mass=0.5),
}
"""Medium level of each disturbance: both cameras knocked by 5 mm and half a degree; light from elsewhere; paint;
50 ms more delay; every fifth frame late; noise of a tenth of the action range; slippery or heavy objects."""
LEVELS = {"low": 0.5, "medium": 1.0, "high": 2.0}


def perturbation(name: str, level: str = "medium") -> Randomisation:
    """The disturbance `name` at a level; SetupError if there is none."""
    if name not in PERTURBATIONS:
        raise unknown_name("a perturbation", name, PERTURBATIONS)
    if level not in LEVELS:
        raise unknown_name("a level", level, LEVELS)
    factor, base = LEVELS[level], PERTURBATIONS[name]
    scaled = {}
    for item in fields(base):
        value = getattr(base, item.name)
        if item.name == "latency_ticks":
            value = int(np.ceil(value * factor)) if value else 0
        elif item.name in ("light", "colour", "dropped_frames"):
            value = min(1.0, value * factor)
        elif item.name != "share":
            value = value * factor
        scaled[item.name] = value
    return Randomisation(**scaled)


def _light(rng: np.random.Generator, reach: float) -> dict:
    around = rng.uniform(-np.pi, np.pi)
    low = rng.uniform(0.2, 1.2)
    anywhere = np.array([low * np.cos(around), low * np.sin(around), 1.0])
    direction = (1 - reach) * np.array(LIGHT_DIRECTION) + reach * anywhere
    bright = 1 + 0.5 * reach * rng.uniform(-1, 1)
    return {
        "light_direction": tuple(float(x) for x in direction),
        "light_colour": tuple(float(x) for x in 1 + 0.15 * reach * rng.uniform(-1, 1, 3)),
        "light_ambient": float(PLAIN.light_ambient * bright * (1 + 0.3 * reach * rng.uniform(-1, 1))),
        "light_diffuse": float(PLAIN.light_diffuse * bright * (1 + 0.6 * reach * rng.uniform(-1, 1))),
    }


def _direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


@lru_cache(maxsize=1)
def _texture_folder() -> tempfile.TemporaryDirectory:
    """PyBullet reads textures from files only: they live as long as this process."""
    folder = tempfile.TemporaryDirectory(prefix="gato_ros-textures-")
    for index in range(TEXTURES):
        rng = np.random.default_rng([9, index])
        cells = int(rng.choice([4, 8, 16, 40]))
        noise = rng.integers(90, 256, (cells, cells, 3)).astype(np.uint8)
        if index % 2:
            noise = np.repeat(noise[:, :, :1], 3, axis=2)
        how = cv2.INTER_NEAREST if index % 3 == 0 else cv2.INTER_CUBIC
        picture = cv2.resize(noise, (TEXTURE_SIZE_PX, TEXTURE_SIZE_PX), interpolation=how)
        cv2.imwrite(str(Path(folder.name) / f"{index}.png"), picture)
    return folder


def texture_path(index: int) -> Path:
    """The picture file of a texture; the same pixels in every process."""
    return Path(_texture_folder().name) / f"{index}.png"
