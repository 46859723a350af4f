"""Everything on the wire as bytes, taken in turn, and what was lost on the way counted: for nodes that record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState, TimeReference
from std_msgs.msg import Bool, String

from gato_ros.core.guard.arbiter import HUMAN, POLICY
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.transform import TF, TF_STATIC, TF_TYPE
from gato_ros.nodes.guard.arm_command import arm_message
from gato_ros.nodes.messages.proposal import arm_message as proposal_message
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.recorder.step_action import BASE_COMMAND, PROPOSAL_BASE, proposal_roles
from gato_ros.nodes.runtime.qos import JOURNAL, RECORD_SENSOR, REPORT, TRANSFORMS, TRANSFORMS_KEPT, of_contract

MOST_AT_ONCE = 100
"""Messages of one topic in one look."""
LARGEST_OVERTAKING_NS = 10**9
"""A stamp further back than this means that the wall clock was set."""

Received = Callable[[Topic, Kept], None]


def shared_topic(robot: Embodiment, key: str) -> tuple[str, ...]:
    """The observations that are read from the topic of this one, itself among them, in token order."""
    topic = robot.observations[key].topic
    return tuple(one for one in (*robot.image_keys, *robot.listened) if robot.observations[one].topic == topic)


def listened_topics(robot: Embodiment) -> list[tuple]:
    """As `recorded`, of what observations have topics of their own for: each topic once, by its first key."""
    states = {robot.wire.joint_states.topic, robot.wire.gripper_states.topic}
    found, transforms = [], False
    for key in (*robot.image_keys, *robot.listened):
        channel = robot.observations[key]
        if getattr(channel, "transform", None) is not None:
            transforms = True
        elif channel.topic not in states and shared_topic(robot, key)[0] == key:
            role = "image" if key in robot.image_keys else "channel"
            quality = of_contract(channel.quality, RECORD_SENSOR.depth)
            found.append((role, key, channel.topic, message_class(channel.type), quality))
    if transforms:
        kind = message_class(TF_TYPE)
        found += [("transforms", "", TF, kind, TRANSFORMS), ("transforms", "", TF_STATIC, kind, TRANSFORMS_KEPT)]
    return found


def recorded_only(robot: Embodiment) -> list[tuple]:
    """As `recorded`, of the contract's section of that name; what is kept anyway is passed over."""
    return [
        ("recorded", "", topic, message_class(one.type), of_contract(one.quality, REPORT.depth))
        for topic, one in robot.recorded.items()
    ]


def recorded(robot: Embodiment) -> list[tuple]:
    """Role, key, topic, message class and quality of everything that is kept, each topic of the contract once."""
    found = [*listened_topics(robot), *_loop(robot)]
    topics = {topic for _, _, topic, _, _ in found}
    return [*found, *(one for one in recorded_only(robot) if one[2] not in topics)]


def _loop(robot: Embodiment) -> list[tuple]:
    wire, (arm, gripper) = robot.wire, robot.proposal_topics
    roles = proposal_roles(robot)
    return [
        *(
            (role, "", topic, kind, quality)
            for role, topic, kind, quality in (
                ("joints", wire.joint_states.topic, JointState, RECORD_SENSOR),
                ("gripper", wire.gripper_states.topic, JointState, RECORD_SENSOR),
                ("e_stop", "e_stop", Bool, RECORD_SENSOR),
                (roles[POLICY][0], arm, proposal_message(robot), REPORT),
                ("proposal_gripper", gripper, JointState, REPORT),
                (roles[HUMAN][0], wire.human_twist, TwistStamped, REPORT),
                ("human_gripper", wire.human_gripper, JointState, REPORT),
                ("arm_command", wire.arm_command, arm_message(robot), REPORT),
                ("shadow_arm_command", "shadow/joint_velocity", arm_message(robot), REPORT),
                ("shadow_gripper_command", "shadow/gripper", JointState, REPORT),
                ("shadow_status", "shadow/status", DiagnosticStatus, REPORT),
                ("gripper_command", wire.gripper_command, JointState, REPORT),
                ("policy_journal", "policy_node/journal", String, JOURNAL),
                ("policy_status", "policy_node/status", DiagnosticStatus, REPORT),
                ("policy_timing", "policy_node/timing", TimeReference, REPORT),
                ("guard_journal", "guard_node/journal", String, JOURNAL),
                ("guard_status", "guard_node/status", DiagnosticStatus, REPORT),
                ("guard_timing", "guard_node/timing", TimeReference, REPORT),
                ("diagnostics", "/diagnostics", DiagnosticArray, REPORT),
            )
        ),
        *_of_base(robot),
    ]


def _of_base(robot: Embodiment) -> list[tuple]:
    """As `recorded`, of a mobile base; nothing where an arm stands on the floor."""
    if robot.base_part is None:
        return []
    proposed, commanded = robot.base_topics
    topics = {PROPOSAL_BASE: proposed, BASE_COMMAND: commanded, f"shadow_{BASE_COMMAND}": "shadow/base"}
    return [(role, "", topic, TwistStamped, REPORT) for role, topic in topics.items()]


class _Untouched(CallbackGroup):
    """Keeps subscriptions out of the executor, which spends more on a message than all the rest of such a node."""

    def can_execute(self, entity) -> bool:
        return False

    def beginning_execution(self, entity) -> bool:
        return False

    def ending_execution(self, entity) -> None:
        pass


class RawTopics:
    """Subscribes to what is recorded; `listen` passes on what came since."""

    def __init__(self, node: Node, wanted: Sequence[tuple], received: Received):
        """`wanted` as `recorded` lists it."""
        self._node, self._received = node, received
        self.topics: dict[str, Topic] = {}
        """By their absolute names."""
        self.received = 0
        self.lost: Counter[str] = Counter()
        """Topic -> messages that were sent and never came."""
        self._last_sequence: dict[tuple[str, bytes], int] = {}
        """By topic and publisher: each counts its own."""
        self._last_stamp_ns: dict[str, int] = {}
        self._inputs, group = [], _Untouched()
        for role, key, name, kind, quality in wanted:
            full = node.resolve_topic_name(name)
            topic = Topic(full, f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}", role, key)
            self.topics[full] = topic
            # The callback is never called; `listen` takes the messages itself.
            subscription = node.create_subscription(
                kind, name, lambda data: None, quality, raw=True, callback_group=group
            )
            self._inputs.append((subscription, topic))

    def close(self) -> None:
        """Unsubscribe."""
        for subscription, _ in self._inputs:
            self._node.destroy_subscription(subscription)

    def listen(self) -> None:
        """Pass on what the middleware has; of a flood, a part of it, in turn with the others."""
        for subscription, topic in self._inputs:
            with subscription.handle:
                for _ in range(MOST_AT_ONCE):
                    if (taken := subscription.handle.take_message(subscription.msg_type, True)) is None:
                        break
                    self._take(topic, *taken)

    def _take(self, topic: Topic, data: bytes, info: dict) -> None:
        self.received += 1
        # On /diagnostics several nodes speak, each with a count of its own.
        if topic.role != "diagnostics":
            publisher = bytes(info.get("publisher_gid", {}).get("data", b""))  # nothing before ROS 2 Kilted
            self._count_lost(topic.name, publisher, info["publication_sequence_number"])
        # When the middleware had it, not when its turn came here.
        stamp_ns = self._in_line(topic.name, info["received_timestamp"] or time.time_ns())
        self._received(topic, Kept(time.monotonic(), stamp_ns, topic.name, data))

    def _in_line(self, topic: str, stamp_ns: int) -> int:
        """The stamp, or the one before on this topic where a message that was sent again had overtaken it."""
        last_ns = self._last_stamp_ns.get(topic, 0)
        if 0 < last_ns - stamp_ns < LARGEST_OVERTAKING_NS:
            stamp_ns = last_ns
        self._last_stamp_ns[topic] = stamp_ns
        return stamp_ns

    def _count_lost(self, topic: str, publisher: bytes, sequence: int | None) -> None:
        if sequence is None:
            return  # a middleware that does not count
        last = self._last_sequence.get((topic, publisher))
        self._last_sequence[topic, publisher] = sequence
        # A count that goes back is another publisher's.
        if last is not None and last < sequence:
            self.lost[topic] += sequence - last - 1
