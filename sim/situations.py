"""Where the arm and the task's target may be in the middle of an episode, put there at random without physics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gato_ros.core.rotation import matrix_from_quat_xyzw, quat_xyzw_from_matrix, wrap_angle
from gato_ros.sim.env import RgbStackingEnv
from gato_ros.sim.expert import Expert, PushingExpert, StackingExpert
from gato_ros.sim.grasp import Grasp, clear_m, surface_points
from gato_ros.sim.task import COLOURS, LiftTask, PushTask, StackTask, Task

Arrange = Callable[[RgbStackingEnv, Any, np.random.Generator], bool]


@dataclass(frozen=True)
class Situation:
    """One kind, of the experts of one kind of task."""

    share: float
    """Of the snapshots."""
    arrange: Arrange
    """Puts arm and target there; False where the arm cannot get there, or the expert would never be there."""
    gripped: bool = False
    """Whether the fingers press on the target."""


def situations_of(task: Task) -> Mapping[str, Situation]:
    """Name -> situation of that kind of task; the shares sum to 1."""
    return _OF_TASK[type(task)]


# --- on the way to the target ---


def _anywhere(env: RgbStackingEnv, expert: Expert, rng: np.random.Generator) -> bool:
    limits, stroke = env.embodiment.motion_limits, env.embodiment.gripper.stroke_m
    position = rng.uniform(limits.workspace_lower, limits.workspace_upper)
    opening = stroke if rng.random() < 0.85 else rng.uniform(0.0, stroke)
    return env.world.put_tool(position, _middle_yaw(env) + rng.uniform(-1.3, 1.2), opening)


def _near_grasp(env: RgbStackingEnv, expert: Expert, rng: np.random.Generator) -> bool:
    return _at_grasp(env, expert, False, rng)


def _closing(env: RgbStackingEnv, expert: Expert, rng: np.random.Generator) -> bool:
    return _at_grasp(env, expert, True, rng)


def _grasp(env: RgbStackingEnv, expert: Expert, rng: np.random.Generator) -> Grasp:
    """What the expert would choose if the tool stood at a random yaw."""
    return expert.plan(env.observe(images=False), _middle_yaw(env) + rng.uniform(-0.9, 0.9))


def _at_grasp(env: RgbStackingEnv, expert: Expert, closing: bool, rng: np.random.Generator) -> bool:
    limits, size = env.embodiment.motion_limits, env.world.cell.scale
    stroke, beside = env.embodiment.gripper.stroke_m, clear_m(env.embodiment.simulated.fingers)
    grasp = _grasp(env, expert, rng)
    spread = 0.006 if closing else rng.choice([0.012, 0.03])
    position = (
        env.world.prop(expert.task.target).position
        + grasp.offset
        + size * rng.normal(0, spread, 3)
        + (0, 0, 0.0 if closing else size * rng.uniform(0, 0.08))
    )
    yaw = grasp.yaw_rad + rng.normal(0, 0.07 if closing else rng.choice([0.1, 0.35]))
    opening = rng.uniform((0.05 + beside) * size, stroke) if closing else stroke - size * abs(rng.normal(0, 0.002))
    return env.world.put_tool(_inside(position, limits, size), _reachable(yaw, env), opening)


# --- the target between the fingers ---


@dataclass(frozen=True)
class _Grip:
    """The target as the tool holds it, wherever that is."""

    yaw_rad: float
    """Of the tool."""
    quat_xyzw: np.ndarray
    """[4] of the target."""
    tool_from_target: np.ndarray
    """[3] the tool's position less the target's [m]."""
    width_m: float
    """Between the fingers."""
    over: np.ndarray
    """[3] where the tool grips what lies where it lay [m]."""


def _grip(env: RgbStackingEnv, expert: Expert, rng: np.random.Generator) -> _Grip:
    """Where the expert would, then turned or not."""
    size, target = env.world.cell.scale, env.world.prop(expert.task.target)
    grasp = _grasp(env, expert, rng)
    turn = rng.uniform(-1.2, 1.2) if rng.random() < 0.5 else 0.0
    yaw = _reachable(grasp.yaw_rad + turn, env)
    turned = _about_vertical(yaw - grasp.yaw_rad)
    quat = quat_xyzw_from_matrix(turned @ matrix_from_quat_xyzw(target.quat_xyzw))
    # Between the fingers it lies against one that stands still.
    against = size * clear_m(env.embodiment.simulated.fingers)
    pressed = against * np.array([np.sin(grasp.yaw_rad), -np.cos(grasp.yaw_rad), 0.0])
    away = turned @ (grasp.offset + pressed) + size * rng.normal(0, 0.002, 3)
    width = expert.width(env.observe(images=False), grasp.yaw_rad)
    return _Grip(yaw, quat, away, width, target.position + grasp.offset)


def _carrying(env: RgbStackingEnv, expert: Expert, rng: np.random.Generator) -> bool:
    """Anywhere."""
    limits, size = env.embodiment.motion_limits, env.world.cell.scale
    grip = _grip(env, expert, rng)
    tool = rng.uniform(limits.workspace_lower + (0, 0, 0.01 * size), limits.workspace_upper)
    if rng.random() < 0.3:  # just lifted: still over where it lay
        tool = grip.over + size * np.append(rng.normal(0, 0.01, 2), rng.uniform(0.0, 0.09))
    tool = _inside(tool, limits, size)
    return _held_at(env, expert, grip, tool) and env.world.put_tool(tool, grip.yaw_rad, grip.width_m + 0.003 * size)


def _placing(env: RgbStackingEnv, expert: StackingExpert, rng: np.random.Generator) -> bool:
    """Above the base."""
    size = env.world.cell.scale
    grip = _grip(env, expert, rng)
    lateral = size * rng.normal(0, rng.choice([0.008, 0.025]), 2)
    tool = _over_base(env, expert, grip, lateral, size * abs(rng.normal(0, 0.02)))
    return _held_at(env, expert, grip, tool) and env.world.put_tool(tool, grip.yaw_rad, grip.width_m + 0.003 * size)


def _released(env: RgbStackingEnv, expert: StackingExpert, rng: np.random.Generator) -> bool:
    """On the base, just let go."""
    size = env.world.cell.scale
    grip = _grip(env, expert, rng)
    tool = _over_base(env, expert, grip, size * rng.normal(0, 0.006, 2), size * 0.0005)
    return _let_go(env, expert, grip, tool, rng)


def _over_base(env: RgbStackingEnv, expert: StackingExpert, grip: _Grip, lateral: np.ndarray, gap: float) -> np.ndarray:
    """[3] the tool that holds the target so far beside its place on the base and above it [m]."""
    goal, top, bottom = expert.place(env.observe(images=False))
    standing = env.world.prop(expert.task.target).position[2] - bottom
    tool = np.append(goal + lateral, top + standing + gap) + grip.tool_from_target
    return _inside(tool, env.embodiment.motion_limits, env.world.cell.scale)


def _let_go(env: RgbStackingEnv, expert: Expert, grip: _Grip, tool: np.ndarray, rng: np.random.Generator) -> bool:
    """The target where a tool at `tool` [3] [m] held it, the fingers about to let go, or wide and on their way up."""
    limits, size, stroke = env.embodiment.motion_limits, env.world.cell.scale, env.embodiment.gripper.stroke_m
    opening = min(stroke, grip.width_m + rng.choice([0.003 * size, size * rng.uniform(0.003, 0.03), stroke]))
    if not _held_at(env, expert, grip, tool):
        return False
    if opening > grip.width_m + 0.012 * size and rng.random() < 0.7:
        tool = _inside(tool + (0, 0, size * rng.uniform(0, 0.1)), limits, size)
    return env.world.put_tool(tool, grip.yaw_rad, opening)


def _held_at(env: RgbStackingEnv, expert: Expert, grip: _Grip, tool: np.ndarray) -> bool:
    """Put the target where a tool at `tool` [3] [m] holds it; False where it would stand inside another prop."""
    size, target = env.world.cell.scale, expert.task.target
    standing = env.world.prop(target).position[2] - _lowest_and_highest(env, target)[0]
    position = tool - grip.tool_from_target
    for colour in expert.task.rests_on:
        apart = np.hypot(*(position - env.world.prop(colour).position)[:2])
        if apart < 0.06 * size and position[2] - standing < _lowest_and_highest(env, colour)[1] - 0.004 * size:
            return False
    env.world.put_prop(target, position, grip.quat_xyzw)
    return True


def _lowest_and_highest(env: RgbStackingEnv, colour: str) -> tuple[float, float]:
    """Heights of a prop's surface [m]."""
    state, name = env.world.prop(colour), env.world.object_names[COLOURS.index(colour)]
    heights = env.world.cell.scale * surface_points(name) @ matrix_from_quat_xyzw(state.quat_xyzw)[2]
    return float(state.position[2] + heights.min()), float(state.position[2] + heights.max())


# --- the target between the fingers, on the floor ---


def _sliding(env: RgbStackingEnv, expert: PushingExpert, rng: np.random.Generator) -> bool:
    """Anywhere, where it was gripped, or about where it is let go."""
    limits, size = env.embodiment.motion_limits, env.world.cell.scale
    grip, where = _grip(env, expert, rng), rng.random()
    tool = rng.uniform(limits.workspace_lower, limits.workspace_upper)
    if where < 0.35:
        tool = grip.over + size * np.append(rng.normal(0, 0.02, 2), 0.0)
    elif where < 0.6:
        place = expert.place(env.observe(images=False), grip.yaw_rad)
        if place is None:
            return False
        tool[:2] = place + grip.tool_from_target[:2] + size * rng.normal(0, 0.012, 2)
    tool[2] = grip.over[2] + size * (rng.uniform(0.0, 0.004) if rng.random() < 0.8 else rng.uniform(0.004, 0.015))
    tool = _inside(tool, limits, size)
    return _held_at(env, expert, grip, tool) and env.world.put_tool(tool, grip.yaw_rad, grip.width_m + 0.003 * size)


def _arrived(env: RgbStackingEnv, expert: PushingExpert, rng: np.random.Generator) -> bool:
    """At its place, about to be let go or just let go."""
    limits, size = env.embodiment.motion_limits, env.world.cell.scale
    grip = _grip(env, expert, rng)
    place = expert.place(env.observe(images=False), grip.yaw_rad)
    if place is None:
        return False
    tool = np.append(place + size * rng.normal(0, 0.008, 2) + grip.tool_from_target[:2], grip.over[2])
    tool = _inside(tool + (0, 0, size * rng.uniform(0.0, 0.004)), limits, size)
    return _let_go(env, expert, grip, tool, rng)


_OF_TASK: Mapping[type[Task], Mapping[str, Situation]] = {
    StackTask: {
        "anywhere": Situation(0.3, _anywhere),
        "near_grasp": Situation(0.24, _near_grasp),
        "closing": Situation(0.11, _closing),
        "carrying": Situation(0.16, _carrying, gripped=True),
        "placing": Situation(0.11, _placing, gripped=True),
        "released": Situation(0.08, _released),
    },
    LiftTask: {
        "anywhere": Situation(0.35, _anywhere),
        "near_grasp": Situation(0.3, _near_grasp),
        "closing": Situation(0.15, _closing),
        "carrying": Situation(0.2, _carrying, gripped=True),
    },
    PushTask: {
        "anywhere": Situation(0.27, _anywhere),
        "near_grasp": Situation(0.24, _near_grasp),
        "closing": Situation(0.11, _closing),
        "sliding": Situation(0.24, _sliding, gripped=True),
        "arrived": Situation(0.14, _arrived),
    },
}


def _inside(position: np.ndarray, limits, size: float) -> np.ndarray:
    return np.clip(position, limits.workspace_lower, limits.workspace_upper + (0, 0, 0.02 * size))


def _middle_yaw(env: RgbStackingEnv) -> float:
    """Yaw about which the tool stands at starts [rad]."""
    return float(np.mean(env.embodiment.simulated.cell.start_yaw_rad))


def _reachable(yaw: float, env: RgbStackingEnv) -> float:
    """The same yaw up to half turns, within the wrist's range (a parallel gripper is symmetric)."""
    lower = env.embodiment.simulated.fingers.yaw_rad[0]
    return lower + wrap_angle(yaw - lower - np.pi / 2, np.pi) + np.pi / 2


def _about_vertical(angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
