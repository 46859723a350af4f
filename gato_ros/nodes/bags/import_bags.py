"""Bags into a folder of episodes."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.writer import SUFFIX, EpisodeWriter
from gato_ros.data.imports.episode import action_of, out_of_range
from gato_ros.data.imports.mapping import ImportMapping, check_action
from gato_ros.data.imports.run import Imported
from gato_ros.data.imports.source import LeftOut
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.bags.bag_graph import bags_at
from gato_ros.nodes.bags.ticks import BagTicks, Tick

SHORTEST_S = 1.0
"""Between two gaps: less is no episode."""


def import_bags(
    place: Path,
    robot: Embodiment,
    mapping: ImportMapping | None,
    out: Path,
    done: Callable[[str], None] = lambda name: None,
    task: str = "",
) -> Imported:
    """Every bag at `place`; one in which something was missing for a while gives several episodes.

    Args:
        mapping: all but `observations`, which come from the contract's topics. None: commands of our loop.
        task: in words, where the mapping names none.

    Raises:
        SetupError: no bag, or a mapping that does not fit the messages.
    """
    written = steps = there = 0
    left_out: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for bag in bags_at(place):
        name = bag.name if bag == Path(place) else str(bag.relative_to(place)).replace("/", "-")
        if (out / f"{name}-000{SUFFIX}").exists():
            there += 1
            done(name)
            continue
        try:
            counts = _import(bag, name, robot, mapping, out, (mapping.task if mapping else "") or task, skipped)
            written, steps = written + len(counts), steps + sum(counts)
        except LeftOut as reason:
            left_out[str(reason)] += 1
        done(name)
    return Imported(written, steps, there, dict(left_out), dict(skipped))


def _import(
    bag: Path,
    name: str,
    robot: Embodiment,
    mapping: ImportMapping | None,
    out: Path,
    task: str,
    skipped: Counter[str],
) -> list[int]:
    if not task:
        raise LeftOut("no task: give one with --task, or in the mapping")
    ticks, counts = BagTicks(bag, robot, mapping, task), []
    stream = iter(ticks)
    with contextlib.ExitStack() as kept:
        # Named at the end: a bag of which one part cannot be used is left out as a whole, and imported again later.
        parts: list[Callable[[], int]] = []
        while (begin := next((tick for tick in stream if tick is not None), None)) is not None:
            part = _Part(f"{name}-{len(parts):03d}", bag, robot, mapping, ticks, out, task)
            with contextlib.ExitStack() as own:
                own.enter_context(part.writer)
                if part.fill(begin, stream):
                    parts.append(part.close)
                    kept.enter_context(own.pop_all())
                # Else it is dropped here: the next one has its name.
        counts = [close() for close in parts]
    if not counts:
        raise LeftOut(ticks.why_not())
    skipped.update(ticks.refused())
    return counts


class _Part:
    """One episode of a bag."""

    def __init__(
        self,
        name: str,
        bag: Path,
        robot: Embodiment,
        mapping: ImportMapping | None,
        ticks: BagTicks,
        out: Path,
        task: str,
    ):
        about = {"format": "rosbag2", "from": str(bag), "episode": name}
        self._robot, self._picks = robot, ticks.picks
        self._success = mapping.success if mapping else None
        self.writer = EpisodeWriter(
            out, name, robot, {"task": task, "task_text": task, "imported": about, "operator": "imported"}
        )
        self._steps = 0

    def fill(self, begin: Tick, stream) -> bool:
        """Write ticks up to a gap or the end; whether they are enough for an episode."""
        last: Tick | None = begin
        for tick in stream:
            self._add(last, tick)
            last = tick
            if tick is None:
                break
        if last is not None:
            self._add(last, None)
        return self._steps >= SHORTEST_S * self._robot.control_rate_hz

    def _add(self, tick: Tick, after: Tick | None) -> None:
        arm, gripper, robot, picks = tick.arm, tick.gripper, self._robot, self._picks
        of_arm = picks.twist or picks.arm
        assert of_arm is not None  # one of the two is there
        if "next_state" in (of_arm.of, picks.gripper.of) and after is None:
            return  # what it led to is not known
        if of_arm.of == "next_state" and after is not None:
            arm = after.arm if picks.twist is None else _twist_between(arm, after.arm, robot.control_rate_hz)
        if picks.gripper.of == "next_state" and after is not None:
            gripper = after.gripper
        arm = np.clip(arm, robot.arm_part.lower, robot.arm_part.upper) if of_arm.clip else arm
        gripper = (
            np.clip(gripper, robot.gripper_part.lower, robot.gripper_part.upper) if picks.gripper.clip else gripper
        )
        values = np.append(arm, gripper)
        if wrong := out_of_range(values[None], robot):
            raise LeftOut(f"{wrong} out of the contract's range")
        action = action_of(robot, values)
        self.writer.add(self._steps, tick.observation, action, action)
        self._steps += 1

    def close(self) -> int:
        """Give it its name; its steps."""
        self.writer.close({"steps": self._steps, **({} if self._success is None else {"success": self._success})})
        return self._steps


def _twist_between(pose: np.ndarray, after: np.ndarray, rate_hz: float) -> np.ndarray:
    """[4] the twist that leads from one x y z yaw to the next."""
    moved = after - pose
    moved[3] = (moved[3] + np.pi) % (2 * np.pi) - np.pi
    return moved * rate_hz


def check_for_bags(mapping: ImportMapping | None, robot: Embodiment) -> None:
    """Raises SetupError: a mapping for a bag that names observations, which are the contract's, or another action."""
    if mapping is not None and mapping.observations:
        raise SetupError(
            expected="a mapping for a bag without `observations`",
            got=", ".join(mapping.observations),
            fix="write their topics into the contract: docs/how-to/sensors.md",
        )
    if mapping is not None:
        check_action(mapping.action, robot)
