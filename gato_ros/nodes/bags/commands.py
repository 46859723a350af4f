"""What was commanded while a bag was recorded: a twist and an opening, from topics or from where the arm went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.imports.mapping import ActionPicks, GripperPick, Pick, TwistPick
from gato_ros.data.imports.source import LeftOut
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.decoders.registry import decoder_of
from gato_ros.nodes.bags.bag_graph import BagGraph
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.runtime.qos import COMMAND

TWIST_PATHS = ("twist.linear.x", "twist.linear.y", "twist.linear.z", "twist.angular.z")
SILENT_S = 0.25
"""A twist that is older than this [s] is no longer commanded: who lets go of a joystick publishes nothing."""


def own_picks(robot: Embodiment, graph: BagGraph, types: Mapping[str, str]) -> ActionPicks:
    """Of a bag of our own loop: the operator's topics, else the policy's.

    Raises:
        LeftOut: neither was recorded.
    """
    wire = robot.wire
    for twist, gripper in ((wire.human_twist, wire.human_gripper), (wire.proposal_twist, wire.proposal_gripper)):
        if graph.resolve_topic_name(twist) in types and graph.resolve_topic_name(gripper) in types:
            index = (f"position.{robot.gripper.joint}",)
            return ActionPicks(
                twist=TwistPick.model_validate({"from": graph.resolve_topic_name(twist), "index": TWIST_PATHS}),
                gripper=GripperPick.model_validate({"from": graph.resolve_topic_name(gripper), "index": index}),
            )
    raise LeftOut(f"no commands: neither {wire.human_twist} nor {wire.proposal_twist}; a mapping names others")


class Command:
    """The newest values of one topic, in the contract's units."""

    def __init__(self, graph: BagGraph, types: Mapping[str, str], pick: Pick, size: int):
        """Subscribes to the topic that `pick` names.

        Raises:
            LeftOut: the bag has no message of it.
            SetupError: a type or a field that cannot be read, or another count of fields than `size`.
        """
        topic = graph.resolve_topic_name(pick.column)
        if topic not in types:
            raise LeftOut(f"no message of {topic}")
        self._decoder = decoder_of(types[topic])
        paths = pick.index or (TWIST_PATHS if size == len(TWIST_PATHS) else ())
        if len(paths) != size:
            raise SetupError(
                expected=f"{size} fields of {topic} under `index`", got=f"{len(paths)}", fix="docs/how-to/import.md"
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
