"""A bag as the control loop would have seen it: an observation at each tick, and what was commanded then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.observation import Observation
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.data.imports.mapping import ActionPicks, ImportMapping, Pick
from gato_ros.data.imports.source import LeftOut
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.bags.bag_graph import BagGraph
from gato_ros.nodes.bags.commands import SILENT_S, Command, own_picks
from gato_ros.nodes.policy.observation_assembler import ObservationAssembler
from gato_ros.nodes.policy.sensor_subscriptions import SensorSubscriptions

FUTURE_TOLERANCE_S = 0.05
ANOTHER_CLOCK_S = 0.5
"""Stamps that differ from the bag's own times by more than this [s] are of another clock: simulated time, or a machine
that is not synchronised."""


@dataclass(frozen=True)
class Tick:
    """One step of an episode."""

    observation: Observation
    twist: np.ndarray
    """[4] as commanded, or x y z yaw of the tool."""
    opening_m: float
    """As commanded, or as it was."""


class BagTicks:
    """Iterate: ticks at the contract's rate, and None where something was missing: an episode ends there."""

    def __init__(self, path: Path, robot: Embodiment, mapping: ImportMapping | None, task: str):
        """
        Args:
            mapping: None: commands are those of our own loop.
            task: in words; what a text of the contract without a topic says.

        Raises:
            LeftOut: the bag cannot be read, or lacks a topic of the commands.
            SetupError: the mapping does not fit the messages.
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
        self.picks: ActionPicks = mapping.action if mapping else own_picks(robot, self._graph, types)
        self._twist = self._commanded(self.picks.twist, types, 4)
        self._opening = self._commanded(self.picks.gripper, types, 1)

    def _commanded(self, pick: Any, types: dict[str, str], size: int) -> Command | Pick:
        """From a topic, or from an observation, which next states are made of."""
        return pick if pick.column in self._robot.observations else Command(self._graph, types, pick, size)

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
            for one in (self._twist, self._opening):
                if isinstance(one, Command):
                    one.now_s = now_s

    def _tick(self, now_s: float) -> Tick | None:
        observation, faults = self._assembler.observe(Instant(now_s, now_s - (self._offset_s or 0.0)))
        if observation is None:
            self.faults.update(faults)
            return None
        twist, opening = self._value(self._twist, observation, now_s), self._value(self._opening, observation, now_s)
        if twist is None or opening is None:
            self.faults.update(["no command yet"])
            return None
        return Tick(observation, twist, float(opening[0]))

    def _value(self, source: Command | Pick, observation: Observation, now_s: float) -> np.ndarray | None:
        if isinstance(source, Command):
            return source.at(now_s, SILENT_S if source is self._twist else np.inf)
        column = observation.values[source.column].astype(np.float64)
        places = source.index or range(len(column))
        values = np.array([0.0 if place is None else column[int(place)] for place in places])
        return values * np.asarray(source.scale) + np.asarray(source.offset)

    def refused(self) -> Counter[str]:
        """Reason -> messages of commands that were not used."""
        parts = (one.refused for one in (self._twist, self._opening) if isinstance(one, Command))
        return sum(parts, Counter())

    def why_not(self) -> str:
        """What kept the bag from being used, most often."""
        fault = max(self.faults, key=lambda one: self.faults[one], default="")
        refused = next(iter(self.refused()), "")
        return "; ".join(filter(None, (fault, self._sensors.last_refusal, refused))) or "no messages"
