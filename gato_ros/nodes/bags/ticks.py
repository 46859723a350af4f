"""A bag as the control loop would have seen it: an observation at each tick, and what was commanded then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.guard.arbiter import HUMAN
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.observation import Observation
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.data.imports.mapping import ImportMapping, Pick
from gato_ros.data.imports.source import LeftOut
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.opening import value_of_opening
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.bags.bag_graph import BagGraph
from gato_ros.nodes.bags.commands import SILENT_S, Command, Source, own_source
from gato_ros.nodes.messages.proposal import proposal_paths, twist_paths
from gato_ros.nodes.policy.observation_assembler import ObservationAssembler
from gato_ros.nodes.policy.sensor_subscriptions import SensorSubscriptions
from gato_ros.nodes.recorder.step_action import StepAction

FUTURE_TOLERANCE_S = 0.05
ANOTHER_CLOCK_S = 0.5
"""Stamps that differ from the bag's own times by more than this [s] are of another clock: simulated time, or a machine
that is not synchronised."""


@dataclass(frozen=True)
class Tick:
    """One step of an episode."""

    observation: Observation
    arm: np.ndarray
    """[values] of the contract's arm part, as commanded; or what next states are made of: x y z yaw of the tool, or the
    joints' positions."""
    gripper: float
    """[m] or [rad], as the contract's gripper is commanded; as commanded, or as it was."""


class BagTicks:
    """Iterate: ticks at the contract's rate, and None where something was missing: an episode ends there."""

    def __init__(self, path: Path, robot: Embodiment, mapping: ImportMapping | None, task: str):
        """
        Args:
            mapping: None: commands are those of our own loop.
            task: in words; what a text of the contract without a topic says.

        Raises:
            LeftOut: the bag cannot be read, or lacks a topic of the commands.
            SetupError: the mapping does not fit the messages; or a person drove an arm whose joint angles the contract
                does not observe, and whose action cannot be told without.
        """
        self._robot, self._graph = robot, BagGraph(path, robot.wire.namespace)
        types = self._graph.types()
        self._assembler = ObservationAssembler(robot, tuple(robot.observations), FUTURE_TOLERANCE_S)
        self._assembler.set_task(task)
        self._now_s, self._offset_s = 0.0, None
        self.faults: Counter[str] = Counter()
        """Why there was no observation, each tick that lacked one."""
        sensors = SensorSubscriptions(self._graph, robot, self._assembler, self._offer, self._swapped)  # type: ignore[arg-type]
        self._sensors = sensors
        self._source = Source(mapping.action) if mapping else own_source(robot, self._graph, types)
        self.picks = self._source.picks
        if self._source.by_hand:
            self._by_hand = StepAction(robot, Kinematics(robot))
            self._joints = robot.key_of("joint_position")
        paths = twist_paths(COMPONENTS) if self._source.by_hand else proposal_paths(robot)
        self._arm = self._commanded(self.picks.arm or self.picks.twist, types, paths)
        self._gripper = self._commanded(self.picks.gripper, types, (f"position.{robot.gripper.joint}",))
        # A target holds until the next; a motion that nobody repeats is over.
        held = robot.arm_part.standstill is None and not self._source.by_hand
        self._longest_s = np.inf if held else SILENT_S

    def _commanded(self, pick: Any, types: dict[str, str], paths: tuple[str, ...]) -> Command | Pick:
        """From a topic, or from an observation, which next states are made of."""
        if pick.column not in self._robot.observations:
            return Command(self._graph, types, pick, paths)
        size = len(pick.index) or int(self._robot.observations[pick.column].shape[0])
        if size != len(paths):
            raise SetupError(
                expected=f"{len(paths)} values of {pick.column} under `index`",
                got=f"{size}",
                fix="docs/how-to/import.md",
            )
        return pick

    def _swapped(self, why: str) -> None:
        raise LeftOut(why)

    def _offer(self, name: str, value: np.ndarray, stamp_s: float | None) -> None:
        if stamp_s is not None and self._offset_s is None:
            late_s = self._now_s - stamp_s
            self._offset_s = late_s if abs(late_s) > ANOTHER_CLOCK_S else 0.0
        shift_s = self._offset_s or 0.0
        self._assembler.offer(name, Sample(value, self._now_s - shift_s if stamp_s is None else stamp_s, self._now_s))

    def __iter__(self) -> Iterator[Tick | None]:
        period_s, due_s, told = 1.0 / self._robot.control_rate_hz, None, False
        for now_s in self._graph.play():
            while due_s is not None and now_s > due_s:
                tick = self._tick(due_s)
                if tick is None:
                    yield None
                    due_s = None
                else:
                    yield tick
                    due_s += period_s
            if due_s is None and told and self._tick(self._now_s) is not None:
                due_s = self._now_s
            self._now_s, told = now_s, True
            for one in (self._arm, self._gripper):
                if isinstance(one, Command):
                    one.now_s = now_s

    def _tick(self, now_s: float) -> Tick | None:
        observation, faults = self._assembler.observe(Instant(now_s, now_s - (self._offset_s or 0.0)))
        if observation is None:
            self.faults.update(faults)
            return None
        arm = self._value(self._arm, observation, now_s, self._longest_s)
        gripper = self._value(self._gripper, observation, now_s, np.inf)
        if arm is None or gripper is None:
            self.faults.update(["no command yet"])
            return None
        value = value_of_opening(self._robot, float(gripper[0])) if self._source.as_opening else float(gripper[0])
        if self._source.by_hand:
            joints = observation.values[self._joints].astype(np.float64)
            wanted = self._by_hand.wanted(Proposal(arm, 0.0, now_s, now_s, HUMAN), joints)
            assert wanted is not None  # it is known where the joints are
            arm = wanted.values[self._robot.arm_key]
        return Tick(observation, arm, value)

    def _value(
        self, source: Command | Pick, observation: Observation, now_s: float, longest_s: float
    ) -> np.ndarray | None:
        if isinstance(source, Command):
            return source.at(now_s, longest_s)
        column = observation.values[source.column].astype(np.float64)
        places = source.index or range(len(column))
        values = np.array([0.0 if place is None else column[int(place)] for place in places])
        return values * np.asarray(source.scale) + np.asarray(source.offset)

    def refused(self) -> Counter[str]:
        """Reason -> messages of commands that were not used."""
        parts = (one.refused for one in (self._arm, self._gripper) if isinstance(one, Command))
        return sum(parts, Counter())

    def why_not(self) -> str:
        """What kept the bag from being used, most often."""
        fault = max(self.faults, key=lambda one: self.faults[one], default="")
        refused = next(iter(self.refused()), "")
        return "; ".join(filter(None, (fault, self._sensors.last_refusal, refused))) or "no messages"
