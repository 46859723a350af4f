"""The preflight of a running robot: what is received and seen of the graph, and the reasons against activation."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState

from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.core.timing.arrivals import Timing
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.transform import TF, TF_STATIC, TF_TYPE
from gato_ros.embodiments.preflight.judge import against_activation, all_topics
from gato_ros.embodiments.preflight.robot_snapshot import Clipped, RobotSnapshot, Status
from gato_ros.embodiments.preflight.wire import sensors
from gato_ros.nodes.guard.command_watch import OBSERVERS
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.messages.joint_state import JointsRefused, gripper_state
from gato_ros.nodes.messages.proposal import arm_message
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.preflight.listeners import (
    CameraStats,
    ChannelStats,
    JointNames,
    NewestStatus,
    PolledSubscription,
    TopicTimings,
    ValueRanges,
)
from gato_ros.nodes.preflight.ros_graph import DOCTOR, full_name, nodes_beside, same_name_elsewhere, topic_facts
from gato_ros.nodes.runtime.qos import (
    CAMERA,
    COMMAND,
    PROPOSAL,
    REPORT,
    STATE_IN,
    TRANSFORMS,
    TRANSFORMS_KEPT,
    of_contract,
)
from gato_ros.nodes.runtime.transport import FILES, PROFILE, RANGE

LISTEN_S = {"policy": 0.8, "guard": 0.2}
"""Role -> how much of every topic that has a publisher is received before an activation [s]: for a policy enough frames
to tell a frozen camera; for a guard so little that what it received before is not old when it begins."""
LONGEST_S = 1.4
"""How long an activation may wait for that [s]."""
LOOK_S = 0.005


def preflight(
    node: Node, robot: Embodiment, role: str, keys: Sequence[str] | None = None, act_ms_p99: float | None = None
) -> list[str]:
    """Reasons against the activation of `node`, each in one line; empty: go.

    For a transition's callback: it takes up to LONGEST_S [s], receives for itself, and needs no executor.

    Args:
        role: "policy" or "guard".
        keys: observations that the policy reads; None: all of the contract's.
        act_ms_p99: time for an action [ms], where it is known (`time_of_an_action`).
    """
    collector = Preflight(node, robot, role, keys, window_s=LONGEST_S)
    collector.act_ms_p99 = act_ms_p99
    try:
        while collector.listened_s < LONGEST_S and not collector.has_received(LISTEN_S[role]):
            collector.look()
            time.sleep(LOOK_S)
        seen = collector.snapshot()
    finally:
        collector.close()
    return [f"{finding.what}: {finding.found}; {finding.fix}" for finding in against_activation(robot, seen, role)]


class Preflight:
    """Receives what concerns `role`, from its creation on and until `close`; `look` takes what has come."""

    def __init__(
        self,
        node: Node,
        robot: Embodiment,
        role: str,
        keys: Sequence[str] | None = None,
        window_s: float = LONGEST_S,
        subscribe: bool = True,
        graph_s: float = 0.0,
    ):
        """`role` is policy, guard, or doctor, which receives our own nodes too.

        Without `subscribe` it receives what it is given: `receive_header` of every message, `receive_values` of some.
        The ROS graph is slow to read: it is read every `graph_s` [s] at most.
        """
        self._graph_s, self._graph_read_s, self._graph = graph_s, -np.inf, {}
        self._node, self._robot, self._window_s = node, robot, window_s
        self.keys = None if keys is None else tuple(keys)
        """What of the observations is judged; the guard's are joint states alone."""
        self.act_ms_p99: float | None = None
        self._began_s = time.monotonic()
        self._inputs: list[PolledSubscription] = []
        self._timed: list[tuple[PolledSubscription, TopicTimings]] = []
        """Those of the contract's topics, with what is known of their messages."""
        self._subscribe = subscribe
        self._topics: dict[str, TopicTimings] = {}
        self._values: dict[str, tuple[Callable, ...]] = {}
        self._pictures: dict[str, CameraStats] = {}
        self._channels: dict[str, ChannelStats] = {}
        self._status = {"guard": NewestStatus(), "policy": NewestStatus()}
        self._joints = JointNames(window_s, robot.arm.joints)
        self._gripper = JointNames(window_s, [robot.gripper.joint])
        self._guard_digest: str | None = None
        read = () if role == "guard" else robot.observation_keys if keys is None else self.keys
        self._ranges = ValueRanges(robot, read, window_s)
        self._receive_sensors(read)
        if role == DOCTOR:
            self._receive_our_nodes()

    def _receive_sensors(self, read: tuple[str, ...]) -> None:
        robot, wire = self._robot, self._robot.wire
        wanted = {sensor.topic for sensor in sensors(robot, read)}
        cameras: dict[str, list[Callable]] = {}
        for key, channel in robot.cameras.items():
            if channel.topic in wanted:
                frames = int(np.ceil(self._window_s * robot.control_rate_hz))
                self._pictures[key] = inputs = CameraStats(channel, frames)
                cameras.setdefault(channel.topic, []).append(inputs.receive)
        for topic, receive in cameras.items():
            self._receive_channel(topic, receive, CAMERA.depth)
        arm = [*robot.arm.joints], [self._joints.receive, self._ranges.receive_joints]
        states: dict[str, tuple[list[str], list[Callable]]] = {wire.joint_states.topic: arm}
        if wire.gripper_states.topic in wanted:
            # A robot may say both on one topic.
            names, receive = states.setdefault(wire.gripper_states.topic, ([], []))
            names.append(robot.gripper.joint)
            receive += [self._gripper.receive, self._ranges.receive_gripper]
        beside: dict[str, list[Callable]] = {}
        for key, channel in robot.listened.items():
            if key not in read:
                continue
            if channel.transform is not None:
                self._receive_transforms(key)
            else:
                receive = states[channel.topic][1] if channel.topic in states else beside.setdefault(channel.topic, [])
                receive.append(self._channel_receiver(key))
        for topic, receive in beside.items():
            self._receive_channel(topic, receive, STATE_IN.depth)
        for topic, (names, receive) in states.items():
            self._receive(JointState, topic, STATE_IN, *receive, names=names)

    def _receive_channel(self, topic: str, receive: list[Callable], depth: int) -> None:
        """As the first observation that is read from it states."""
        channel = next(one for one in self._robot.observations.values() if getattr(one, "topic", None) == topic)
        self._receive(message_class(channel.type), topic, of_contract(channel.quality, depth), *receive)

    def _channel_receiver(self, key: str, static: bool = False) -> Callable:
        stats = self._channels.setdefault(key, ChannelStats(self._robot.listened[key]))

        def receive(message, now: Instant) -> None:
            if (value := stats.value(message, static)) is not None:
                self._ranges.receive_channel(key, value, now)

        return receive

    def _receive_transforms(self, key: str) -> None:
        if self._subscribe:
            kind = message_class(TF_TYPE)
            for topic, quality, static in ((TF, TRANSFORMS, False), (TF_STATIC, TRANSFORMS_KEPT, True)):
                receive = self._channel_receiver(key, static)
                self._inputs.append(PolledSubscription(self._node, kind, topic, quality, receive))

    def _receive_our_nodes(self) -> None:
        wire = self._robot.wire
        arm, gripper = self._robot.proposal_topics
        for topic, kind, quality in (
            (arm, arm_message(self._robot), PROPOSAL),
            (gripper, JointState, PROPOSAL),
            (wire.human_twist, TwistStamped, COMMAND),
            (wire.human_gripper, JointState, COMMAND),
            *([] if self._robot.base_part is None else [(self._robot.base_topics[0], TwistStamped, PROPOSAL)]),
        ):
            self._receive(kind, topic, quality)
        for name, inputs in self._status.items():
            self._inputs.append(
                PolledSubscription(self._node, DiagnosticStatus, f"{name}_node/status", REPORT, inputs.receive)
            )
        self._inputs.append(
            PolledSubscription(self._node, DiagnosticArray, "/diagnostics", REPORT, self._on_diagnostics)
        )

    def _receive(self, kind: type, topic: str, quality, *values: Callable, names: Sequence[str] = ()) -> None:
        self._topics[topic], self._values[topic] = TopicTimings(self._window_s, names), values

        def each(message, now: Instant) -> None:
            self._topics[topic].receive(message, now)
            self.receive_values(topic, message, now)

        if self._subscribe:
            self._inputs.append(PolledSubscription(self._node, kind, topic, quality, each))
            self._timed.append((self._inputs[-1], self._topics[topic]))

    def receive_header(self, topic: str, message, now: Instant) -> None:
        """Take that a message came on a topic of the contract, with its header; of a state, with its names."""
        self._topics[topic].receive(message, now)

    def receive_values(self, topic: str, message, now: Instant) -> None:
        """Take what a message of a topic of the contract says."""
        for receive in self._values[topic]:
            receive(message, now)

    def _on_diagnostics(self, message: DiagnosticArray, now: Instant) -> None:
        for item in message.status:
            if item.name == full_name(self._node.get_namespace(), "guard_node"):
                self._guard_digest = values_of(item).get("guard_digest")

    def look(self) -> None:
        """Take what has come since the last look; to be called more often than a queue fills, every 10 ms."""
        for one in self._inputs:
            one.take()

    def close(self) -> None:
        """End the subscriptions."""
        for one in self._inputs:
            one.close()
        self._inputs.clear()

    @property
    def listened_s(self) -> float:
        """For how long [s]."""
        return time.monotonic() - self._began_s

    def has_received(self, seconds: float) -> bool:
        """Whether every topic that has a publisher has been received for so long."""
        now_s = time.monotonic()
        return all(now_s - topic.first_s >= seconds for one, topic in self._timed if one.publishers)

    def snapshot(self) -> RobotSnapshot:
        """Everything that was observed."""
        node, robot, topics = self._node, self._robot, {}
        if time.monotonic() - self._graph_read_s >= self._graph_s:
            self._graph_read_s = time.monotonic()
            self._graph = {name: topic_facts(node, name, Timing(), ()) for name in all_topics(robot)}
        for name, facts in self._graph.items():
            topics[name] = facts
            if inputs := self._topics.get(name):
                topics[name] = replace(facts, timing=inputs.timing(), frame_ids=frozenset(inputs.frame_ids()))
        unpublished = [name for name, topic in topics.items() if not topic.publishers]
        own, simulated = node.get_fully_qualified_name(), node.get_parameter("use_sim_time").value
        return RobotSnapshot(
            listened_s=self.listened_s,
            topics=topics,
            elsewhere=same_name_elsewhere(node, unpublished),
            nodes=nodes_beside(node),
            observers=frozenset({*OBSERVERS, own}),
            joints=self._joints.joints(),
            gripper=self._gripper.joints(),
            pictures={key: inputs.pictures() for key, inputs in self._pictures.items()},
            channels={key: stats.look() for key, stats in self._channels.items()},
            guard=self._status["guard"].status(),
            policy=self._status["policy"].status(),
            guard_digest=self._guard_digest,
            clocks=node.count_publishers(node.resolve_topic_name("/clock")),
            simulated=simulated,
            simulated_time={own: simulated},
            clipped=self._clipped(),
            keys=self.keys,
            act_ms_p99=self.act_ms_p99,
            settings=ros_settings(),
        )

    def _clipped(self) -> dict[str, Clipped] | None:
        clipped = self._ranges.clipped()
        return clipped and {key: one for key, one in clipped.items() if self.keys is None or key in self.keys}

    def newest_gripper(self) -> tuple[float, float] | None:
        """Opening [m] and effort [N] of the gripper's last message, or None."""
        message = self._gripper.newest()
        if message is None:
            return None
        try:
            return tuple(map(float, gripper_state(message, self._robot)[:, 0]))
        except JointsRefused:
            return None

    def status(self, name: str) -> Status | None:
        """Of "guard" or "policy": the newest."""
        return self._status[name].status()

    def received(self, topic: str) -> int:
        """How many messages came on a topic that is listened to, of those remembered."""
        return self._topics[topic].timing().received


def ros_settings() -> str:
    """Domain and reach of this process, in words."""
    only_here = str(PROFILE) in (os.environ.get(name) for name in FILES)  # what LOCALHOST was made into
    reach = "LOCALHOST" if only_here else os.environ.get(RANGE, "SUBNET")
    return f"ROS_DOMAIN_ID {os.environ.get('ROS_DOMAIN_ID', '0')}, discovery range {reach}"


def time_of_an_action(policy: Policy, robot: Embodiment, times: int = 40) -> float:
    """99th percentile of the time that a warm policy takes for an action [ms]; it is reset afterwards."""
    values = {
        key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
        for key in policy.observation_keys
        for channel in [robot.channel(key)]
    }
    took_ms = []
    for _ in range(times):
        began_s = time.perf_counter()
        policy.act(Observation(values, 0.0))
        took_ms.append(1e3 * (time.perf_counter() - began_s))
    policy.reset(None)
    return float(np.percentile(took_ms, 99))
