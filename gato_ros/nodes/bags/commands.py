"""What was commanded while a bag was recorded: the arm's values and the gripper's, from topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.data.imports.mapping import ActionPicks, ArmPick, GripperPick, Pick, TwistPick
from gato_ros.data.imports.source import LeftOut
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.base import demand_no_base
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.decoders.registry import decoder_of
from gato_ros.nodes.bags.bag_graph import BagGraph
from gato_ros.nodes.messages.proposal import USUAL, proposal_paths, twist_paths
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.runtime.qos import COMMAND

SILENT_S = 0.25
"""A motion that is older than this [s] is no longer commanded: who lets go of a joystick publishes nothing."""


@dataclass(frozen=True)
class Source:
    """Where commands come from, and in which terms."""

    picks: ActionPicks
    by_hand: bool = False
    """The arm's are all six components of a twist, whatever the contract's action is: an operator of our loop."""
    as_opening: bool = False
    """The gripper's are openings [m], whatever the contract's action is: on the wire of our loop they are."""


def own_source(robot: Embodiment, graph: BagGraph, types: Mapping[str, str]) -> Source:
    """Of a bag of our own loop: the operator's topics, else the policy's.

    Raises:
        LeftOut: neither was recorded.
        SetupError: the contract's action moves a base.
    """
    demand_no_base(robot.name, robot.actions, "an import of bags")
    wire, usual, proposed = robot.wire, robot.usual_actions, robot.proposal_topics
    kind, name = (TwistPick, "twist") if usual else (ArmPick, "arm")
    by_hand = twist_paths(USUAL if usual else COMPONENTS)
    for (arm, gripper), paths in (
        ((wire.human_twist, wire.human_gripper), by_hand),
        (proposed, proposal_paths(robot)),
    ):
        arm, gripper = map(graph.resolve_topic_name, (arm, gripper))
        if arm in types and gripper in types:
            index, by_person = (f"position.{robot.gripper.joint}",), not usual and paths is by_hand
            picks = {
                # A person may turn faster than a policy can say.
                name: kind.model_validate({"from": arm, "index": paths, "clip": by_person}),
                "gripper": GripperPick.model_validate({"from": gripper, "index": index}),
            }
            return Source(ActionPicks.model_validate(picks), by_hand=by_person, as_opening=True)
    raise LeftOut(f"no commands: neither {wire.human_twist} nor {proposed[0]}; a mapping names others")


class Command:
    """The newest values of one topic, in the contract's units."""

    def __init__(self, graph: BagGraph, types: Mapping[str, str], pick: Pick, usual: tuple[str, ...]):
        """Subscribes to the topic that `pick` names.

        Args:
            usual: the fields that are read where `pick` names none.

        Raises:
            LeftOut: the bag has no message of it.
            SetupError: a type or a field that cannot be read, or another count of fields than of `usual`.
        """
        topic = graph.resolve_topic_name(pick.column)
        if topic not in types:
            raise LeftOut(f"no message of {topic}")
        self._decoder = decoder_of(types[topic])
        paths = pick.index or usual
        if len(paths) != len(usual):
            raise SetupError(
                expected=f"{len(usual)} fields of {topic} under `index`",
                got=f"{len(paths)}",
                fix="docs/how-to/import.md",
            )
        self._fields = [None if path is None else self._decoder.field(str(path)) for path in paths]
        self._scale, self._offset = np.asarray(pick.scale, float), np.asarray(pick.offset, float)
        self._value: np.ndarray | None = None
        self._received_s, self._topic = -np.inf, topic
        self.refused: Counter[str] = Counter()
        """Reason -> messages that were not used."""
        self.now_s = 0.0
        """The time of receipt of what is being delivered [s]."""
        graph.create_subscription(message_class(types[topic]), topic, self._take, COMMAND)

    def _take(self, message: Any) -> None:
        wanted = tuple(one for one in self._fields if one is not None)
        try:
            found = iter(self._decoder.values(message, wanted, None))
        except Refused as refusal:
            self.refused[f"{self._topic}: {refusal}"] += 1
            return
        values = np.array([0.0 if one is None else next(found) for one in self._fields])
        self._value, self._received_s = values * self._scale + self._offset, self.now_s

    def at(self, now_s: float, longest_s: float = np.inf) -> np.ndarray | None:
        """The newest; zeros where it is older than `longest_s`; None before the first."""
        if self._value is None:
            return None
        return self._value if now_s - self._received_s <= longest_s else np.zeros_like(self._value)
