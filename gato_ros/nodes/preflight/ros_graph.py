"""What the ROS graph says: who is on a topic and how, which nodes there are, by which clock they go."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from gato_ros.core.timing.arrivals import Timing
from gato_ros.embodiments.preflight.quality import clash
from gato_ros.embodiments.preflight.robot_snapshot import Endpoint, Quality, Topic

DOCTOR = "doctor"
"""The node that only looks."""
FOREVER_S = 1e9
"""Times from here on [s] are DDS's way to say that there is none."""


def _seconds(duration) -> float:
    value = duration.nanoseconds * 1e-9
    return value if 0.0 < value < FOREVER_S else math.inf


def quality_of(profile: QoSProfile) -> Quality:
    """What of a profile decides whether a publisher and a subscription are connected."""
    return Quality(
        reliable=profile.reliability == ReliabilityPolicy.RELIABLE,
        kept=profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        deadline_s=_seconds(profile.deadline),
        manual_liveliness=profile.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC,
        lease_s=_seconds(profile.liveliness_lease_duration),
    )


def unfit_publishers(node: Node, topic: str, requested: QoSProfile) -> str:
    """Which publishers of a topic DDS does not connect with a subscription like this, and why; nothing if none."""
    found = []
    for info in node.get_publishers_info_by_topic(node.resolve_topic_name(topic)):
        if why := clash(quality_of(info.qos_profile), quality_of(requested)):
            found.append(f"{full_name(info.node_namespace, info.node_name)} does not fit: {why}")
    return "; ".join(found)


def full_name(namespace: str, name: str) -> str:
    """`/sawyer/guard_node` of `/sawyer` and `guard_node`."""
    return f"{namespace.rstrip('/')}/{name}"


def _endpoints(infos: Iterable[TopicEndpointInfo]) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(full_name(info.node_namespace, info.node_name), info.topic_type, quality_of(info.qos_profile))
        for info in infos
    )


def topic_facts(node: Node, topic: str, timing: Timing, frame_ids: Iterable[str]) -> Topic:
    """Everything about a topic, by its name relative to the node's namespace."""
    name = node.resolve_topic_name(topic)
    return Topic(
        _endpoints(node.get_publishers_info_by_topic(name)),
        _endpoints(node.get_subscriptions_info_by_topic(name)),
        timing,
        frozenset(frame_ids),
    )


def same_name_elsewhere(node: Node, topics: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Topic -> topics of other namespaces that end like it and have publishers; only those that have some."""
    there, found = [name for name, _ in node.get_topic_names_and_types()], {}
    for topic in topics:
        own = node.resolve_topic_name(topic)
        others = tuple(
            name for name in there if name != own and name.endswith(f"/{topic}") and node.count_publishers(name)
        )
        if others:
            found[topic] = others
    return found


def nodes_beside(node: Node) -> tuple[str, ...]:
    """Full names of the nodes in the same namespace, doubles included; hidden ones and doctors are left out."""
    return tuple(
        sorted(
            full_name(namespace, name)
            for name, namespace in node.get_node_names_and_namespaces()
            if namespace == node.get_namespace() and not name.startswith("_") and name != DOCTOR
        )
    )
