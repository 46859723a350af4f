"""What a recorder holds of its sensors: every message checked, and kept until no control step can need it any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from gato_ros.core.timing.alignment import Stream
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.data.incidents.incident import Topic
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.channel_reader import ChannelReader
from gato_ros.embodiments.decoders.decoder import OtherDevice, Refused
from gato_ros.embodiments.decoders.joint_state import JOINT_STATE
from gato_ros.embodiments.decoders.transform import TF_STATIC, TF_TYPE, TransformLookup
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.joint_state import arm_state, gripper_state
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.policy.observation_assembler import GRIPPER, JOINTS, ObservationAssembler
from gato_ros.nodes.recorder.raw_topics import shared_topic

SENSORS = ("image", "joints", "gripper", "channel")
"""Roles without which there is no step."""
PICTURES = 8
"""Of each camera that are held: a policy may have taken an older one than the newest."""
CLOCK_BACK_S = 1.0
RECEIPT_S = 0.05
"""Two nodes receive one message within so long [s]: what has no stamp of its own is told by that."""
STATES = {"joints": (JOINTS, arm_state), "gripper": (GRIPPER, gripper_state)}
"""Role -> its stream, and how its messages are read."""


class ClockWentBack(Exception):
    """Stamps are earlier than they were: what comes now belongs to another time."""


class SensorStreams:
    """Takes the messages of sensors one by one; one thread."""

    def __init__(self, robot: Embodiment, assembler: ObservationAssembler):
        self._robot, self._assembler = robot, assembler
        self._pictures = {key: PictureReader(channel) for key, channel in robot.cameras.items()}
        self._readers = {key: ChannelReader(channel) for key, channel in robot.listened.items()}
        self._lookups = {
            key: TransformLookup(channel.transform.frame, channel.transform.in_)
            for key, channel in robot.listened.items()
            if channel.transform is not None
        }
        topics = {"joints": robot.wire.joint_states.topic, "gripper": robot.wire.gripper_states.topic}
        self._beside = {
            role: tuple(key for key, channel in robot.listened.items() if channel.topic == topic)
            for role, topic in topics.items()
        }
        """Role of a state -> observations that are read from its topic, too."""
        if topics["joints"] == topics["gripper"]:
            self._beside["gripper"] = ()
        both = (*robot.image_keys, *robot.listened)
        self._by_receipt = {key for key in both if robot.observations[key].timeline != "header"}
        self._streams: dict[str, Stream] = {}
        self.begin(0.0)

    def begin(self, not_before_s: float) -> None:
        """Forget what was before; pictures stamped before `not_before_s` [s] are of another episode."""
        self._not_before_s = not_before_s
        held = {name: one for name, one in self._streams.items() if self._assembler.outlasts(name)}
        self._streams = {**self._assembler.new_streams(PICTURES), **held}
        self.refused: Counter[str] = Counter()
        """Topic -> messages that did not fit the contract."""
        self.why: dict[str, str] = {}
        """Topic -> what was wrong with the last of them."""
        self._passed_over: dict[str, str] = {}
        self._kept: set[str] = {name for name, one in held.items() if len(one)}
        """Streams of which a message counted."""
        self._names: dict[str, str] = {}
        """Stream -> the topic on which something came."""

    def take(self, topic: Topic, data: bytes, at: Instant) -> tuple[str, ...]:
        """One message, and its receipt; the streams that it added to.

        Raises:
            Refused, JointsRefused: it does not fit the contract.
            ClockWentBack: nothing more can be added to this episode.
        """
        message = deserialize_message(data, message_class(self._type_of(topic)))
        if topic.role == "transforms":
            return tuple(filter(None, (self._look_up(topic, key, message, at) for key in self._lookups)))
        if topic.role in STATES:
            return (*self._each(topic, self._beside[topic.role], message, at), *self._take_state(topic, message, at))
        return self._each(topic, shared_topic(self._robot, topic.key), message, at)

    def _type_of(self, topic: Topic) -> str:
        """As the contract has it: that is how it was subscribed to."""
        if topic.role == "transforms":
            return TF_TYPE
        return JOINT_STATE.type if topic.role in STATES else self._robot.observations[topic.key].type

    def _each(self, topic: Topic, keys: Iterable[str], message, at: Instant) -> tuple[str, ...]:
        """One message for several observations: what one of them refuses may be well for the others."""
        added = []
        for key in keys:
            self._names[key] = topic.name
            try:
                value = self._picture(key, message) if key in self._pictures else self._readers[key].value(message)
            except OtherDevice as refusal:
                self.pass_over(topic, refusal)
                continue
            except Refused as refusal:
                self.refuse(topic, refusal)
                continue
            stamp_s = at.clock_s if key in self._by_receipt else seconds(message.header.stamp)
            if key in self._pictures and not self._belongs(topic, key, stamp_s):
                continue
            added += self._add(key, Sample(value, stamp_s, at.steady_s))
        return tuple(added)

    def _picture(self, key: str, message) -> np.ndarray:
        if fault := self._pictures[key].frame_fault(message):
            raise Refused(fault)
        return self._pictures[key].picture(message)

    def _take_state(self, topic: Topic, message: JointState, at: Instant) -> tuple[str, ...]:
        name, read = STATES[topic.role]
        self._names[name] = topic.name
        return self._add(name, Sample(read(message, self._robot), seconds(message.header.stamp), at.steady_s))

    def _look_up(self, topic: Topic, key: str, message, at: Instant) -> str | None:
        self._names[key] = topic.name
        lookup = self._lookups[key]
        if (looked := lookup.take(message, topic.name == TF_STATIC)) is None:
            self._passed_over[topic.name] = lookup.why_not()
            return None
        stamp_s = looked.stamp_s if np.isfinite(looked.stamp_s) else at.clock_s
        return key if self._add(key, Sample(self._readers[key].value(looked), stamp_s, at.steady_s)) else None

    def _add(self, name: str, sample: Sample) -> tuple[str, ...]:
        """Keep a sample whose stamp is new."""
        newest = self._streams[name].newest
        if newest is not None and sample.stamp_s <= newest.stamp_s:
            return ()
        self._kept.add(name)
        self._streams[name].add(sample)
        return (name,)

    def _belongs(self, topic: Topic, key: str, stamp_s: float) -> bool:
        """Whether a picture is of this episode; why not is kept for a camera of which none is."""
        newest = self._streams[key].newest
        if newest is not None and stamp_s < newest.stamp_s - CLOCK_BACK_S:
            raise ClockWentBack(f"its stamps went back by {newest.stamp_s - stamp_s:.1f} s")
        if stamp_s >= self._not_before_s:
            return True
        early_s = self._not_before_s - stamp_s
        self._passed_over[topic.name] = (
            "its messages carry no stamp"
            if stamp_s == 0.0
            else f"its stamps lie {early_s:.1f} s before the episode's beginning: another clock, or a slow path"
        )
        return False

    def refuse(self, topic: Topic, why: Exception) -> None:
        """Count a message that does not fit the contract."""
        self.refused[topic.name] += 1
        self.why[topic.name] = str(why)

    def pass_over(self, topic: Topic, why: Exception) -> None:
        """Perhaps a second device's state on the same topic: no fault as long as somebody publishes ours."""
        self._passed_over[topic.name] = str(why)

    def why_no_step(self) -> str:
        """Each sensor of which no message counted since `begin`, and why."""
        wire, observed, found = self._robot.wire, self._robot.observations, []
        states = {JOINTS: wire.joint_states.topic, GRIPPER: wire.gripper_states.topic}
        for name in self._streams:
            relative = states.get(name) or getattr(observed.get(name), "topic", None) or "/tf"
            topic = self._names.get(name)
            if topic is None and name not in self._kept:
                found.append(f"{relative}: no message came")
            elif name not in self._kept:
                found.append(f"{topic}: {self.why.get(topic) or self._passed_over.get(topic, 'no message counted')}")
        return "; ".join(found)

    def newest_s(self, names: Iterable[str]) -> list[float] | None:
        """Stamps [s] of the newest samples of these; None while a stream, any, has none."""
        if not all(map(len, self._streams.values())):
            return None
        return [self._streams[name].newest.stamp_s for name in names]

    def picked(self, stamp_s: float) -> dict[str, Sample]:
        """Of each stream the sample that belongs to an instant [s]; where none does, the newest, and the step's
        observation says so among its faults."""
        return {name: stream.pick(stamp_s) or stream.newest for name, stream in self._streams.items()}

    def of_sources(self, sources: Mapping[str, float]) -> dict[str, Sample] | None:
        """The samples of these stamps [s], by name; None where one is not held."""
        found = {
            name: stream.at(stamp_s, RECEIPT_S if name in self._by_receipt else 0.0)
            for name, stamp_s in sources.items()
            if (stream := self._streams.get(name)) is not None
        }
        if len(found) < len(sources) or None in found.values():
            return None
        return {name: sample for name, sample in found.items() if sample is not None}
