"""What the loop sees and does as one picture: the cameras, and under them instruments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

SCALE = 3
"""Cameras have 128 pixels; a screen has more."""
PANEL_PX = 150
BACKGROUND, INK, DIM, FAINT = (24, 27, 33), (230, 233, 238), (150, 157, 168), (62, 67, 77)
PROPOSED, COMMANDED = (86, 156, 255), (255, 176, 64)
COLOURS = {"ok": (84, 190, 120), "limited": (255, 176, 64), "stopping": (236, 92, 84), "latched": (236, 92, 84)}
"""By the guard's level."""
LARGEST_ENTROPY_NAT = math.log(1024)
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Scene:
    """What is known at this moment; None of what nobody has said lately."""

    cameras: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    """Contract key -> uint8 [height width 3] RGB."""
    proposed: np.ndarray | None = None
    """[4] vx vy vz [m/s], wz [rad/s] in the base frame."""
    commanded: np.ndarray | None = None
    """The same of the tool, as the guard commands it."""
    wanted_opening_m: float | None = None
    opening_m: float | None = None
    tool_m: np.ndarray | None = None
    """[3] in the base frame."""
    level: str = ""
    """The guard's: ok, limited, stopping or latched."""
    reasons: str = ""
    source: str = ""
    """Who is in command."""
    policy: str = ""
    """What the policy says of itself."""
    entropy_nat: float | None = None
    """Mean over the action dimensions."""


@dataclass(frozen=True)
class Ranges:
    """The full scale of the instruments."""

    speed_m_s: float
    turn_rad_s: float
    stroke_m: float


def debug_picture(scene: Scene, ranges: Ranges, sizes: Mapping[str, tuple[int, int]]) -> np.ndarray:
    """uint8 [height width 3] RGB.

    Args:
        sizes: contract key -> height and width of each camera [px]; all get a place, whether there is a picture or not.
    """
    tiles = [_camera(key, scene.cameras.get(key), *size) for key, size in sizes.items()]
    height = max((tile.shape[0] for tile in tiles), default=0)
    tiles = [
        cv2.copyMakeBorder(tile, 0, height - tile.shape[0], 0, 0, cv2.BORDER_CONSTANT, value=BACKGROUND)
        for tile in tiles
    ]
    pictures = np.hstack(tiles) if tiles else np.zeros((0, 640, 3), np.uint8)
    width = max(pictures.shape[1], 640)
    pictures = cv2.copyMakeBorder(pictures, 0, 0, 0, width - pictures.shape[1], cv2.BORDER_CONSTANT, value=BACKGROUND)
    return np.vstack([_status(scene, width), pictures, _panel(scene, ranges, width)])


def _camera(key: str, picture: np.ndarray | None, height: int, width: int) -> np.ndarray:
    size = (width * SCALE, height * SCALE)
    if picture is None:
        tile = np.full((size[1], size[0], 3), 40, np.uint8)
        _text(tile, "no picture", (size[0] // 2 - 45, size[1] // 2), DIM)
    else:
        tile = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    name = key.split("/")[0]
    (length, _), _ = cv2.getTextSize(name, FONT, 0.45, 1)
    cv2.rectangle(tile, (0, size[1] - 24), (length + 16, size[1]), BACKGROUND, -1)
    _text(tile, name, (8, size[1] - 8), INK, 0.45)
    return tile


def _status(scene: Scene, width: int) -> np.ndarray:
    bar = np.full((44, width, 3), BACKGROUND, np.uint8)
    colour = COLOURS.get(scene.level, DIM)
    cv2.rectangle(bar, (0, 0), (7, 43), colour, -1)
    guard = f"guard {scene.level or 'silent'}" + (f" ({scene.reasons})" if scene.reasons else "")
    _text(bar, f"{guard}, in command: {scene.source or 'nobody'}", (16, 18), colour, room=width - 24)
    _text(bar, f"policy: {scene.policy or 'silent'}", (16, 36), DIM, 0.45, room=width - 24)
    return bar


def _panel(scene: Scene, ranges: Ranges, width: int) -> np.ndarray:
    panel = np.full((PANEL_PX, width, 3), BACKGROUND, np.uint8)
    _plan(panel, scene, ranges, (78, 76))
    _upright(panel, 168, scene, ranges)
    _turn(panel, scene, ranges, (268, 76))
    x = 350
    _bar(
        panel,
        (x, 22),
        width - x - 24,
        "opening",
        scene.opening_m,
        ranges.stroke_m,
        "{:.3f} m",
        INK,
        mark=scene.wanted_opening_m,
    )
    _bar(
        panel,
        (x, 60),
        width - x - 24,
        "entropy of the actions",
        scene.entropy_nat,
        LARGEST_ENTROPY_NAT,
        "{:.2f} nat",
        (190, 140, 255),
    )
    place = "unknown" if scene.tool_m is None else "  ".join(f"{value:+.3f}" for value in scene.tool_m)
    _text(panel, f"tool x y z [m]  {place}", (x, 112), DIM, 0.45)
    cv2.line(panel, (x, 134), (x + 18, 134), PROPOSED, 3, cv2.LINE_AA)
    _text(panel, "proposed", (x + 24, 138), DIM, 0.45)
    cv2.line(panel, (x + 104, 134), (x + 122, 134), COMMANDED, 3, cv2.LINE_AA)
    _text(panel, "commanded", (x + 128, 138), DIM, 0.45)
    return panel


def _motions(scene: Scene) -> list[tuple[np.ndarray, tuple[int, int, int], int]]:
    """Twist, colour and width of the lines, the wider one below."""
    return [
        (twist, colour, width)
        for twist, colour, width in ((scene.proposed, PROPOSED, 5), (scene.commanded, COMMANDED, 2))
        if twist is not None
    ]


def _plan(panel: np.ndarray, scene: Scene, ranges: Ranges, centre: tuple[int, int]) -> None:
    """Horizontal speed from above: x of the base frame is up, y to the left, as one stands behind the robot."""
    radius = 52
    cv2.circle(panel, centre, radius, FAINT, 1, cv2.LINE_AA)
    cv2.circle(panel, centre, radius // 2, FAINT, 1, cv2.LINE_AA)
    _text(panel, "x", (centre[0] - 4, centre[1] - radius - 6), DIM, 0.4)
    _text(panel, "y", (centre[0] - radius - 14, centre[1] + 4), DIM, 0.4)
    for twist, colour, width in _motions(scene):
        along = np.clip(np.array([-twist[1], -twist[0]]) / ranges.speed_m_s, -1.4, 1.4) * radius
        end = (int(round(centre[0] + along[0])), int(round(centre[1] + along[1])))
        cv2.arrowedLine(panel, centre, end, colour, width, cv2.LINE_AA, tipLength=0.25)
    _text(panel, "horizontal", (centre[0] - 34, PANEL_PX - 4), DIM, 0.4)


def _upright(panel: np.ndarray, x: int, scene: Scene, ranges: Ranges) -> None:
    middle, reach = 76, 52
    cv2.line(panel, (x, middle - reach), (x, middle + reach), FAINT, 1)
    cv2.line(panel, (x - 8, middle), (x + 8, middle), FAINT, 1)
    for twist, colour, width in _motions(scene):
        end = int(round(middle - np.clip(twist[2] / ranges.speed_m_s, -1.0, 1.0) * reach))
        cv2.arrowedLine(panel, (x, middle), (x, end), colour, width, cv2.LINE_AA, tipLength=0.25)
    _text(panel, "up", (x - 8, PANEL_PX - 4), DIM, 0.4)


def _turn(panel: np.ndarray, scene: Scene, ranges: Ranges, centre: tuple[int, int]) -> None:
    """Rate of turn as an arc from the top, positive to the left."""
    radius = 44
    cv2.circle(panel, centre, radius, FAINT, 1, cv2.LINE_AA)
    cv2.line(panel, (centre[0], centre[1] - radius - 5), (centre[0], centre[1] - radius + 5), FAINT, 1)
    for twist, colour, width in _motions(scene):
        angle = float(np.clip(twist[3] / ranges.turn_rad_s, -1.0, 1.0)) * 170.0
        # OpenCV counts clockwise from the right.
        cv2.ellipse(panel, centre, (radius, radius), 0, -90.0, -90.0 - angle, colour, width, cv2.LINE_AA)
    _text(panel, "turn", (centre[0] - 14, PANEL_PX - 4), DIM, 0.4)


def _bar(
    panel: np.ndarray,
    corner: tuple[int, int],
    width: int,
    name: str,
    value: float | None,
    full: float,
    form: str,
    colour: tuple[int, int, int],
    mark: float | None = None,
) -> None:
    x, y = corner
    _text(panel, name, (x, y), DIM, 0.45)
    text = "unknown" if value is None else form.format(value)
    _text(panel, text, (x + width - cv2.getTextSize(text, FONT, 0.45, 1)[0][0], y), INK, 0.45)
    cv2.rectangle(panel, (x, y + 7), (x + width, y + 15), FAINT, -1)
    if value is not None:
        cv2.rectangle(panel, (x, y + 7), (x + int(np.clip(value / full, 0.0, 1.0) * width), y + 15), colour, -1)
    if mark is not None:
        at = x + int(np.clip(mark / full, 0.0, 1.0) * width)
        cv2.line(panel, (at, y + 4), (at, y + 18), PROPOSED, 2)


def _text(
    picture: np.ndarray,
    text: str,
    place: tuple[int, int],
    colour: tuple[int, int, int],
    size: float = 0.5,
    room: int | None = None,
) -> None:
    if room is not None:
        while text and cv2.getTextSize(text, FONT, size, 1)[0][0] > room:
            text = text[:-4] + "..." if len(text) > 4 else ""
    text = text.encode("ascii", "replace").decode()  # the font has no others
    cv2.putText(picture, text, place, FONT, size, colour, 1, cv2.LINE_AA)
