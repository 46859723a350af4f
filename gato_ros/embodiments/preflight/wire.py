"""Judgements of the wire before a robot may move: who is on a topic, of what type, how often, and with whom."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from gato_ros.core.check_result import Finding, green, red, yellow
from gato_ros.core.timing.arrivals import Timing
from gato_ros.embodiments.channels import source_of
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.decoders.registry import decoder_of
from gato_ros.embodiments.preflight.robot_snapshot import Endpoint, RobotSnapshot, Topic
from gato_ros.embodiments.preflight.stamps import CLOCK_FIX, judge_stamps, silence_s

IMAGE, JOINT_STATE = "sensor_msgs/msg/Image", "sensor_msgs/msg/JointState"
TWIST = "geometry_msgs/msg/TwistStamped"
LOOP = ("guard_node", "policy_node", "sim_node")
"""Nodes of ours without which nothing moves: what they cannot receive is red."""
SLOW_SHARE = 0.8
"""Cameras slower than this share of the control rate are pointed out."""
LARGEST_SPREAD_S = 0.1
"""As in the observations that policy_node makes."""


@dataclass(frozen=True)
class Sensor:
    """A topic that observations are made of."""

    topic: str
    kind: str
    max_age_s: float
    frame_id: str | None = ""
    """Of a camera, or of what means something in one frame only; nothing, or None where any will do."""
    camera: bool = False
    stamped: bool = True
    """Whether its messages carry a stamp."""
    by_header: bool = True
    """Whether the contract judges it by that stamp."""
    reliable: bool = False
    """What the contract asks of its quality of service; best effort takes what reliable publishers send."""
    kept: bool = False
    """As `Quality.kept`."""


def sensors(robot: Embodiment, keys: tuple[str, ...] | None = None) -> tuple[Sensor, ...]:
    """The topics that the observations `keys` (None: all) are made of; joint states always, for the guard."""
    cameras = [camera for key, camera in robot.cameras.items() if keys is None or key in keys]
    sources = {source_of(robot.observations[key]) for key in (robot.observation_keys if keys is None else keys)}
    joints, gripper = robot.wire.joint_states, robot.wire.gripper_states
    found = [_of_channel(camera, camera=True) for camera in cameras]
    found.append(Sensor(joints.topic, JOINT_STATE, joints.max_age_s))
    if sources & {"gripper_opening", "gripper_grasp"} and gripper.topic != joints.topic:
        found.append(Sensor(gripper.topic, JOINT_STATE, gripper.max_age_s))
    listened = [one for key, one in robot.listened.items() if one.topic and (keys is None or key in keys)]
    found += [_of_channel(channel) for channel in listened]
    # Of a topic that several observations are read from, one row says it all.
    return tuple({sensor.topic: sensor for sensor in reversed(found)}.values())[::-1]


def _of_channel(channel: Any, camera: bool = False) -> Sensor:
    decoder = decoder_of(channel.type)
    return Sensor(
        channel.topic,
        channel.type,
        math.inf if channel.max_age_s is None else channel.max_age_s,
        channel.frame_id if decoder.framed else "",
        camera=camera,
        stamped=decoder.stamped,
        by_header=channel.timeline == "header",
        reliable=channel.quality != "sensor",
        kept=channel.quality == "transient_local",
    )


def base_name(node: str) -> str:
    """`guard_node` of `/sawyer/guard_node`."""
    return node.rsplit("/", 1)[-1]


def judge_sensor(robot: Embodiment, sensor: Sensor, seen: RobotSnapshot) -> list[Finding]:
    """All that is wrong with a sensor's topic, or one green row."""
    topic = seen.topics.get(sensor.topic, Topic())
    if not topic.publishers:
        return [red(sensor.topic, "nobody publishes it", _where_else(sensor.topic, seen), unusable=True)]
    found = [
        replace(row, unusable=not topic.timing.received) for row in wrong_types(sensor.topic, sensor.kind, topic, seen)
    ]
    found += _unheard(sensor, topic)
    if len(topic.publishers) > 1 and not _share_a_topic(robot, sensor, topic, seen):
        found.append(
            red(
                sensor.topic,
                f"{len(topic.publishers)} publishers: {_names(topic.publishers)}",
                "end all but the robot's; is one left over from an earlier start?",
            )
        )
    if not topic.timing.received:
        if not found:
            found.append(
                red(
                    sensor.topic,
                    f"has a publisher, {_names(topic.publishers)}, and nothing arrives",
                    "is the sensor on? Images too large for the middleware are lost whole: send smaller ones",
                    unusable=True,
                )
            )
        return found
    if sensor.by_header:
        found += judge_stamps(sensor.topic, sensor.max_age_s, topic.timing, seen.simulated)
    if not seen.simulated and math.isfinite(sensor.max_age_s):
        found += _judge_rate(robot, sensor, topic.timing)
    if sensor.frame_id:
        found += _judge_frames(robot, sensor, topic)
    timing = topic.timing
    return found or [
        green(
            sensor.topic, f"{timing.rate_hz:.1f} Hz, {timing.age_s * 1e3:.0f} ms old, from {_names(topic.publishers)}"
        )
    ]


def _unheard(sensor: Sensor, topic: Topic) -> Iterator[Finding]:
    """Publishers that DDS does not connect with the quality that the contract states."""
    for publisher in topic.publishers:
        offered = publisher.quality
        short = "best effort" if sensor.reliable and not offered.reliable else ""
        short = short or ("volatile" if sensor.kept and not offered.kept else "")
        if publisher.kind == sensor.kind and short:
            asked = "reliable" if short == "best effort" else "transient_local"
            yield red(
                f"{sensor.topic}: quality of service",
                f"{publisher.node} offers {short}, and the contract states quality: {asked}, so nothing arrives",
                "state `quality: sensor` in the contract, or give the publisher the better one",
                unusable=not topic.timing.received,
            )


def judge_recorded(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """Topics that are only recorded: whether anything of them can come."""
    found = []
    for name, one in robot.recorded.items():
        topic = seen.topics.get(name, Topic())
        wanted = Sensor(
            name, one.type, math.inf, reliable=one.quality != "sensor", kept=one.quality == "transient_local"
        )
        rows = [*wrong_types(name, one.type, topic, seen), *_unheard(wanted, topic)]
        if not topic.publishers:
            rows.append(yellow(name, "nobody publishes it: nothing of it is recorded", _where_else(name, seen)))
        found += [replace(row, level="yellow", unusable=False) for row in rows]
    return found


def _share_a_topic(robot: Embodiment, sensor: Sensor, topic: Topic, seen: RobotSnapshot) -> bool:
    """Whether several publishers each say the state of joints of their own: an arm's driver and a gripper's."""
    received = seen.joints if sensor.topic == robot.wire.joint_states.topic else seen.gripper
    if sensor.kind != JOINT_STATE or received is None:
        return False
    lists = {frozenset(names) for names in (received.names, *received.beside)}
    return len(lists) >= len(topic.publishers) and sum(map(len, lists)) == len(frozenset().union(*lists))


def _where_else(topic: str, seen: RobotSnapshot) -> str:
    if others := seen.elsewhere.get(topic):
        return f"there is {', '.join(others)}: name that namespace, or remap"
    return "start the robot or its driver; are namespace, ROS_DOMAIN_ID and discovery range the same on both sides?"


def _names(endpoints: tuple[Endpoint, ...]) -> str:
    return ", ".join(sorted(endpoint.node for endpoint in endpoints))


def wrong_types(name: str, kind: str, topic: Topic, seen: RobotSnapshot, obeyed: bool = False) -> Iterator[Finding]:
    """Publishers, and readers that matter, of another type than the contract's: DDS never connects them.

    Args:
        obeyed: the topic is a command.
    """
    for endpoint in topic.publishers:
        if endpoint.kind != kind:
            yield red(
                name,
                f"{endpoint.node} publishes {endpoint.kind}, expected {kind}",
                "publish the contract's type, or remap that topic away",
            )
    for endpoint in topic.subscribers:
        if endpoint.kind != kind and matters(endpoint, seen, obeyed):
            yield red(
                name,
                f"{endpoint.node} subscribes to {endpoint.kind}, expected {kind}: it receives nothing",
                "mend the listener's type",
            )


def matters(listener: Endpoint, seen: RobotSnapshot, obeyed: bool) -> bool:
    """Whether somebody who receives nothing keeps the loop from working: our own nodes, and whoever obeys commands."""
    return base_name(listener.node) in LOOP or listener.node in seen.observers or (obeyed and obeys(listener, seen))


def obeys(listener: Endpoint, seen: RobotSnapshot) -> bool:
    """Whether a node that listens to commands carries them out."""
    name = base_name(listener.node)
    return listener.node not in seen.observers and name not in seen.observers and not name.startswith("_ros2cli")


def _judge_rate(robot: Embodiment, sensor: Sensor, timing: Timing) -> list[Finding]:
    what, period_s = f"{sensor.topic}: rate", timing.period_s
    if timing.silent_s > silence_s(sensor.max_age_s):
        said, fix = f"nothing for {timing.silent_s:.1f} s", "the sensor has stopped: look at its driver"
        return [red(what, said, fix, unusable=True)]
    if timing.received < 2:
        return [red(what, "one message in all", "raise the sensor's rate: is it published on change only?")]
    said, fix = f"{timing.rate_hz:.1f} Hz", "raise the sensor's rate, or relieve the machine"
    if period_s > sensor.max_age_s:
        return [
            red(
                what,
                f"{said}: between two messages the last one gets older than the {sensor.max_age_s * 1e3:.0f} "
                "ms of the contract, and the arm stops",
                fix,
            )
        ]
    if sensor.camera and timing.rate_hz < SLOW_SHARE * robot.control_rate_hz:
        return [yellow(what, f"{said}, control goes at {robot.control_rate_hz:g} Hz", fix)]
    if period_s > 0.5 * sensor.max_age_s:
        return [yellow(what, f"{said}: one that is lost stops the arm, at {sensor.max_age_s * 1e3:.0f} ms", fix)]
    if timing.longest_gap_s > sensor.max_age_s:
        return [
            yellow(
                what,
                f"a gap of {timing.longest_gap_s * 1e3:.0f} ms, longer than the age limit of "
                f"{sensor.max_age_s * 1e3:.0f} ms: the arm stops in it",
                "relieve machine or network",
            )
        ]
    return []


def judge_sync(robot: Embodiment, sensors_: Iterable[Sensor], seen: RobotSnapshot) -> list[Finding]:
    """Whether the sensors show one instant: the policy is shown their newest messages as one world."""
    if seen.simulated:
        return []
    own = (robot.wire.joint_states.topic, robot.wire.gripper_states.topic)
    ages_s = {
        sensor.topic: age_s
        for sensor in sensors_
        # What has a rule of its own, or another clock, is matched by that.
        if sensor.by_header
        and (sensor.camera or sensor.topic in own)
        and math.isfinite(age_s := seen.topics.get(sensor.topic, Topic()).timing.age_s)
    }
    if len(ages_s) < 2:
        return []
    oldest, newest = max(ages_s, key=ages_s.__getitem__), min(ages_s, key=ages_s.__getitem__)
    spread_s = ages_s[oldest] - ages_s[newest]
    said = f"{oldest} is {spread_s * 1e3:.0f} ms older than {newest}"
    if spread_s > LARGEST_SPREAD_S:
        return [red("sensors together", said, "they do not show one instant: a slow driver, or " + CLOCK_FIX)]
    return [green("sensors together", said)]


def _judge_frames(robot: Embodiment, sensor: Sensor, topic: Topic) -> list[Finding]:
    wrong = sorted(topic.frame_ids - {sensor.frame_id})
    if not wrong:
        return []
    others = {camera.frame_id for camera in robot.cameras.values()} - {sensor.frame_id} if sensor.camera else set()
    fix = (
        "the cameras are swapped: exchange their cables or topics"
        if set(wrong) & others
        else "set the driver's frame_id, or the contract's (no leading slash)"
    )
    said = f"{', '.join(map(repr, wrong))}, expected {sensor.frame_id!r}"
    return [red(f"{sensor.topic}: frame", said, fix, unusable=True)]
