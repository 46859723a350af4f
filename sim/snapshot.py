"""Single frames of random situations, without physics, labelled by the expert.

Cheap scene diversity: the props settle once, then arm (and red) are put where an episode might find them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gato_ros.core.observation import Observation
from gato_ros.core.rotation import matrix_from_quat_xyzw, quat_xyzw_from_matrix, wrap_angle
from gato_ros.sim.demonstration import Step
from gato_ros.sim.env import RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.grasp import Grasp, clear_m
from gato_ros.sim.ground_truth import CONTACTS_KEY
from gato_ros.sim.task import COLOURS

SITUATIONS = ("anywhere", "near_grasp", "closing", "carrying", "placing", "released")


def snapshots(env: RgbStackingEnv, expert: StackingExpert, seed: int, per_scene: int) -> Iterator[Step]:
    """`per_scene` labelled frames of one random scene.

    The executed action of a snapshot is its label: nothing is executed.
    """
    env.start(seed)
    rng = np.random.default_rng([seed, 2])
    world = env.world
    start = {colour: world.prop(colour) for colour in COLOURS}
    expert.reset()
    for _ in range(per_scene):
        for colour, state in start.items():
            world.put_prop(colour, state.position, state.quat_xyzw)
        situation = str(rng.choice(SITUATIONS, p=(0.3, 0.24, 0.11, 0.16, 0.11, 0.08)))
        if not _arrange(env, expert, situation, rng):
            continue
        observation = env.observe()
        if situation in ("carrying", "placing"):
            observation = _gripping(observation, env.embodiment.key_of("gripper_grasp"))
        label = expert.act(observation).action
        yield Step(expert.with_plan(observation), label, label)


def _arrange(env: RgbStackingEnv, expert: StackingExpert, situation: str, rng: np.random.Generator) -> bool:
    """Put arm and red into a situation; False where the arm cannot get there."""
    world, limits = env.world, env.embodiment.motion_limits
    stroke, size, ahead = env.embodiment.gripper.stroke_m, world.cell.scale, _middle_yaw(env)
    beside = clear_m(env.embodiment.simulated.fingers)
    if situation == "anywhere":
        position = rng.uniform(limits.workspace_lower, limits.workspace_upper)
        opening = stroke if rng.random() < 0.85 else rng.uniform(0.0, stroke)
        return world.put_tool(position, ahead + rng.uniform(-1.3, 1.2), opening)
    yaw_now = ahead + rng.uniform(-0.9, 0.9)
    grasp = expert.plan(env.observe(images=False), yaw_now)
    red = world.prop(expert.task.top)
    if situation in ("near_grasp", "closing"):
        closing = situation == "closing"
        spread = 0.006 if closing else rng.choice([0.012, 0.03])
        position = (
            red.position
            + grasp.offset
            + size * rng.normal(0, spread, 3)
            + (0, 0, 0.0 if closing else size * rng.uniform(0, 0.08))
        )
        yaw = grasp.yaw_rad + rng.normal(0, 0.07 if closing else rng.choice([0.1, 0.35]))
        opening = rng.uniform((0.05 + beside) * size, stroke) if closing else stroke - size * abs(rng.normal(0, 0.002))
        return world.put_tool(_inside(position, limits, size), _reachable(yaw, env), opening)
    return _hold_red(env, expert, grasp, situation, rng)


def _hold_red(
    env: RgbStackingEnv, expert: StackingExpert, grasp: Grasp, situation: str, rng: np.random.Generator
) -> bool:
    """Red between the fingers somewhere (carrying), above blue (placing), or just let go (released)."""
    world, limits = env.world, env.embodiment.motion_limits
    stroke, size = env.embodiment.gripper.stroke_m, world.cell.scale
    red, blue = world.prop(expert.task.top), world.prop(expert.task.base)
    turn = rng.uniform(-1.2, 1.2) if rng.random() < 0.5 else 0.0
    yaw = _reachable(grasp.yaw_rad + turn, env)
    turned = _about_vertical(yaw - grasp.yaw_rad)
    quat = quat_xyzw_from_matrix(turned @ matrix_from_quat_xyzw(red.quat_xyzw))
    # Between the fingers it lies against one that stands still.
    against = size * clear_m(env.embodiment.simulated.fingers)
    pressed = against * np.array([np.sin(grasp.yaw_rad), -np.cos(grasp.yaw_rad), 0.0])
    from_red = turned @ (grasp.offset + pressed) + size * rng.normal(0, 0.002, 3)
    goal, top, bottom = expert.place(env.observe(images=False))
    standing = red.position[2] - bottom
    if situation == "carrying":
        tool = rng.uniform(limits.workspace_lower + (0, 0, 0.01 * size), limits.workspace_upper)
        if rng.random() < 0.3:  # just lifted: still over where it lay
            tool = red.position + grasp.offset + size * np.append(rng.normal(0, 0.01, 2), rng.uniform(0.0, 0.09))
    else:
        lateral = size * rng.normal(0, 0.006 if situation == "released" else rng.choice([0.008, 0.025]), 2)
        gap = size * (0.0005 if situation == "released" else abs(rng.normal(0, 0.02)))
        tool = np.append(goal + lateral, top + standing + gap) + from_red
    tool = _inside(tool, limits, size)
    width = expert.width(env.observe(images=False), grasp.yaw_rad)
    opening = width + 0.003 * size
    if situation == "released":
        opening = min(stroke, width + rng.choice([0.003 * size, size * rng.uniform(0.003, 0.03), stroke]))
    world.put_prop(expert.task.top, tool - from_red, quat)
    if situation == "released" and opening > width + 0.012 * size and rng.random() < 0.7:
        tool = _inside(tool + (0, 0, size * rng.uniform(0, 0.1)), limits, size)
    apart = np.hypot(*(tool - from_red - blue.position)[:2])
    if apart < 0.06 * size and (tool - from_red)[2] - standing < top - 0.004 * size:
        return False  # red would stand inside blue
    return world.put_tool(tool, yaw, opening)


def _gripping(observation: Observation, grasp_key: str) -> Observation:
    """The same observation as it reads while the fingers press on red: a placed body exerts no force."""
    touches = observation.privileged[CONTACTS_KEY]
    return Observation(
        {**observation.values, grasp_key: np.ones(1, np.float32)},
        observation.stamp_s,
        {**observation.privileged, CONTACTS_KEY: np.array([1, 1, touches[2], 0], np.float32)},
    )


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
