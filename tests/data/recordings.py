"""Episodes as the simulator and as a recorder write them, for tests."""

from collections.abc import Callable

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.core.text import value_from_text
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.embodiments import load_embodiment

ROBOT = load_embodiment()
FACTS = {"task": "red_on_blue", "object_set": "cubes", "driver": "expert"}
OPERATED = {"operator": "Ada", "task_text": "put the red one on the blue one"}


def observation(step: int, rendered: bool = True, robot=ROBOT) -> Observation:
    random = np.random.default_rng(step)
    values = {}
    for key, channel in robot.observations.items():
        if channel.kind == "image":
            if rendered:  # a picture that moves, and that a codec can compress
                ramp = np.linspace(0, 200, channel.width, dtype=np.uint8)
                values[key] = np.roll(np.repeat(ramp[None, :, None], channel.height, 0).repeat(3, 2), 3 * step, 1)
        elif channel.kind == "text":
            values[key] = value_from_text("red on blue", channel.size_bytes)
        elif channel.kind == "discrete":
            values[key] = np.array([step % channel.values], np.float32)
        else:
            values[key] = random.uniform(channel.lower, channel.upper).astype(np.float32)
    return Observation(values, step / 20)


def label(step: int) -> ArmAction:
    part = step % 60  # within the contract's range, however long the episode
    return ArmAction(np.array([0.001 * part, -0.001 * part, 0.0, 0.01 * part]), 0.085 * (step % 2))


def executed(step: int) -> ArmAction:
    return ArmAction(0.5 * label(step).twist, label(step).gripper_opening_m)


def other_label(robot, step: int) -> Action:
    """Of a robot whose actions are not the usual ones."""
    share = 0.25 + (step % 60) / 120
    return Action.of_vector(robot.action_lower + share * (robot.action_upper - robot.action_lower), robot.spec.actions)


def write(
    folder,
    name="one",
    steps=range(12),
    facts=FACTS,
    outcome=None,
    rendered=lambda step: True,
    source: Callable[[int], str] | None = None,
    raw=(),
    stamp_s: Callable[[int], float] = lambda step: step / 20,
    action: Callable[[int], ArmAction] | None = None,
    change: Callable[[int, dict], None] = lambda step, values: None,
    privileged: Callable[[int], dict] = lambda step: {},
    stamps_s: Callable[[int], dict] | None = None,
    robot=ROBOT,
):
    """An episode of the given step numbers; with `source` what a recorder notes; `raw` are (topic, type, bytes, ns).

    Args:
        action: the labels, where they are not `label`.
        change: of the values that are observed at a step.
        stamps_s: what a recorder notes of the stamps of a step's sensors.
    """
    with EpisodeWriter(folder, name, robot, facts) as writer:
        for step in steps:
            tick = {"source": source(step), "ages_s": {"gripper/opening": 0.01}} if source else None
            tick = {"stamps_s": stamps_s(step)} if stamps_s else tick
            seen = observation(step, rendered(step), robot)
            change(step, seen.values)
            seen = Observation(seen.values, stamp_s(step), privileged(step))
            usual = robot.usual_actions
            wanted = action(step) if action else label(step) if usual else other_label(robot, step)
            writer.add(step, seen, wanted, executed(step) if usual else wanted, tick=tick)
        for number, (topic, message_type, data, stamp_ns) in enumerate(raw):
            writer.add_raw(topic, message_type, data, stamp_ns, number, {})
        return writer.close({"success": True} if outcome is None else outcome)
