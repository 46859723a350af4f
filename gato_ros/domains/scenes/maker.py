"""A picture of our world and what is true of it, as a function of a seed. No physics: a few milliseconds each."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from gato_ros.domains.scenes import facts as known
from gato_ros.domains.scenes.facts import COLOURS, GRIPPER, SITUATIONS, SIZE_PX, TABLE, UNKNOWN, Facts
from gato_ros.domains.scenes.placement import (
    FINGER_GAP_M,
    GAP_M,
    Grip,
    NoPlace,
    Placed,
    above,
    collide,
    drawn,
    gripped,
    on_table,
    on_top,
)
from gato_ros.embodiments import load_embodiment
from gato_ros.sim.camera import CAMERAS
from gato_ros.sim.task import draw_objects
from gato_ros.sim.world import StackingWorld

SCENES_PER_WORLD = 200
"""Then the world is made anew: PyBullet keeps shapes of what was removed."""
SIDE_BY_SIDE = ("scattered", "grasping", "carrying")
"""Situations in which a role depends on which object is further left."""
LIFT_M = (0.02, 0.12)
"""So far above everything else an object is carried."""
AWAY_M = (0.03, 0.16)
"""So far above everything an idle gripper is."""


@dataclass
class _Layout:
    """What is to be put where."""

    placed: dict[str, Placed]
    supports: dict[str, str]
    roles: tuple[str, ...]
    """The colours that have a part."""
    held: str | None = None
    """What is between the fingers."""
    lands: int = UNKNOWN


class SceneMaker:
    """Holds one simulator."""

    def __init__(self) -> None:
        self._robot = load_embodiment()
        self._world = StackingWorld(self._robot)
        self._made = 0
        self._empty()

    def scene(
        self, rng: np.random.Generator, held_out: bool, situations: tuple[str, ...] = SITUATIONS
    ) -> tuple[np.ndarray, Facts]:
        """uint8 [SIZE_PX SIZE_PX 3] and its facts, of a combination that is or is not kept for evaluation."""
        while True:
            with contextlib.suppress(NoPlace):
                return self._scene(rng, held_out, situations)

    def close(self) -> None:
        """Free the simulator."""
        self._world.close()

    def _empty(self) -> None:
        self._world.clear()
        self._made = 0

    def _scene(self, rng: np.random.Generator, held_out: bool, situations: tuple[str, ...]) -> tuple[np.ndarray, Facts]:
        object_set = known.OBJECT_SETS[rng.integers(len(known.OBJECT_SETS))]
        situation = situations[rng.integers(len(situations))]
        camera = known.CAMERAS[rng.integers(len(known.CAMERAS))]
        names = draw_objects(object_set, rng)
        order = tuple(str(colour) for colour in rng.permutation(COLOURS))
        # Looked at before anything is drawn that takes time.
        if situation not in SIDE_BY_SIDE and known.held_out(object_set, situation, order) != held_out:
            raise NoPlace
        layout = self._layout(situation, order, dict(zip(COLOURS, names)), rng)
        if any(collide(*pair) for pair in combinations(layout.placed.values(), 2)):
            raise NoPlace
        roles = _roles(layout, camera)
        if known.held_out(object_set, situation, roles) != held_out:
            raise NoPlace
        if self._made >= SCENES_PER_WORLD:
            self._empty()
        self._made += 1
        self._world.lay(names, {colour: one.pose for colour, one in layout.placed.items()})
        self._put_arm(layout, rng)
        pixels, shown = self._world.photograph(camera, SIZE_PX, SIZE_PX)
        return pixels, _facts(object_set, situation, camera, layout, roles, shown)

    def _layout(
        self, situation: str, order: tuple[str, ...], names: dict[str, str], rng: np.random.Generator
    ) -> _Layout:
        ones = {colour: drawn(names[colour], rng) for colour in COLOURS}
        first, second, third = order
        placed: dict[str, Placed] = {}
        gap = FINGER_GAP_M if situation in ("grasping", "placing", "hovering") else GAP_M
        standing = {"scattered": 3, "grasping": 3, "tower": 1}.get(situation, 2)
        for colour in order[3 - standing :]:
            placed[colour] = on_table(ones[colour], placed, rng, gap)
        supports: dict[str, str] = dict.fromkeys((str(colour) for colour in COLOURS), TABLE)
        layout = _Layout(placed, supports, ())
        if situation in ("grasping", "carrying"):
            layout.held, layout.roles = first, (first,)
        if situation == "tower":
            placed[second] = on_top(ones[second], placed[third], rng)
            placed[first] = on_top(ones[first], placed[second], rng)
            supports[first], supports[second], layout.roles = second, third, (first, second, third)
        if situation in ("stacked", "placing"):
            placed[first] = on_top(ones[first], placed[second], rng)
            supports[first], layout.roles = second, (first, second, third)
            layout.held = first if situation == "placing" else None
        if situation == "hovering":
            placed[first], lands = above(ones[first], placed[second], rng)
            supports[first], layout.roles = GRIPPER, (first, second, third)
            layout.held, layout.lands = first, int(lands)
        if situation == "carrying":
            limits = self._robot.motion_limits
            xy = rng.uniform(limits.workspace_lower[:2], limits.workspace_upper[:2])
            highest = max(one.top for one in placed.values())
            placed[first] = ones[first].at(xy, highest + float(rng.uniform(*LIFT_M)))
            supports[first] = GRIPPER
        return layout

    def _put_arm(self, layout: _Layout, rng: np.random.Generator) -> None:
        robot = self._robot
        limits, fingers = robot.motion_limits, robot.simulated.fingers
        if layout.held is None:
            above_all = max(one.top for one in layout.placed.values()) + float(rng.uniform(*AWAY_M))
            place = rng.uniform(limits.workspace_lower, limits.workspace_upper)
            place[2] = max(above_all, 0.16)
            grip = Grip(np.zeros(3), float(rng.uniform(-1.3, 1.2)), float(rng.uniform(0.02, robot.gripper.stroke_m)))
        else:
            one = layout.placed[layout.held]
            grip = gripped(one, fingers.widest_m, fingers.palm_m, float(limits.workspace_lower[2]), fingers.yaw_rad)
            place = one.position
        if not self._world.put_tool(place + grip.offset, grip.yaw, grip.opening):
            raise NoPlace


def _roles(layout: _Layout, camera: str) -> tuple[str, str, str]:
    """Colours: those that have a part, then the others from left to right in the picture."""
    clip = CAMERAS[camera].clip_from_base(1.0)
    points = {colour: clip @ np.append(one.position, 1.0) for colour, one in layout.placed.items()}
    rest = sorted(set(COLOURS) - set(layout.roles), key=lambda colour: points[colour][0] / points[colour][3])
    first, second, third = (*layout.roles, *rest)
    return first, second, third


def _facts(
    object_set: str,
    situation: str,
    camera: str,
    layout: _Layout,
    roles: tuple[str, str, str],
    shown: dict[str, np.ndarray],
) -> Facts:
    shown = {what: mask[: known.SEEN_ROWS] for what, mask in shown.items()}
    columns, eye = np.arange(SIZE_PX), np.array(CAMERAS[camera].position)
    triple = lambda value: (value("red"), value("green"), value("blue"))
    return Facts(
        object_set,
        situation,
        roles,
        camera,
        triple(lambda colour: int(shown[colour].sum())),
        int(shown["robot"].sum()),
        triple(lambda colour: float((shown[colour].sum(0) * columns).sum() / max(1, shown[colour].sum()))),
        triple(lambda colour: float(np.linalg.norm(layout.placed[colour].position - eye))),
        triple(layout.supports.__getitem__),
        layout.lands,
    )
