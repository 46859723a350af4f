"""Judgements of what sensors say before a robot may move: joints, gripper, pictures, ranges of the policy's inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from gato_ros.core.check_result import Finding, green, red, yellow
from gato_ros.core.guard.joint_watch import OUTSIDE_RAD
from gato_ros.core.timing.sensor_checks import BRIGHTEST, DARKEST, FLATTEST, FROZEN_FRAMES
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.decoders.image import COMPRESSED_IMAGE
from gato_ros.embodiments.preflight.robot_snapshot import Joints, Pictures, RobotSnapshot, Topic
from gato_ros.embodiments.preflight.wire import base_name

OUTSIDE_STROKE = 0.05
"""An opening may be reported outside the stroke by this share of it."""
CLIPPED_SHARE = 0.05
"""With more of an observation's values outside their range, the policy sees a robot that it does not know."""
NO_FIXES: Mapping[str, str] = {}
STRONGEST = 10.0
"""A gripper that reports more than so many times its contract's force does not report newtons."""


def judge_joints(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """Names, completeness, finite values, range and speed of the arm's joints."""
    what, joints = robot.wire.joint_states.topic, seen.joints
    if joints is None:
        return []
    if fault := _names_fault(f"{what}: names", robot.arm.joints, joints, ("position", "velocity")):
        return fault
    order = [joints.names.index(name) for name in robot.arm.joints]
    position, velocity = joints.position[:, order], joints.velocity[:, order]
    lower, upper, speed = robot.joint_limits
    found = _not_finite(f"{what}: values", robot.arm.joints, position, velocity)
    outside = [
        f"{name} at {low if low < bottom else high:.3f} rad, range {bottom:.3f} to {top:.3f}"
        for name, low, high, bottom, top in zip(robot.arm.joints, *position, lower, upper)
        if low < bottom - OUTSIDE_RAD or high > top + OUTSIDE_RAD
    ]
    if outside:
        degrees = np.nanmax(np.abs(position)) > 2.0 * np.pi
        found.append(
            red(
                f"{what}: range",
                "; ".join(outside),
                "are these degrees? The wire carries radians"
                if degrees
                else "move the joint back by hand, or mend the driver's zero",
            )
        )
    fast = [
        f"{name} at {value:.2f} rad/s, limit {limit:.2f}"
        for name, value, limit in zip(robot.arm.joints, np.abs(velocity).max(0), speed)
        if value > limit
    ]
    if fast:
        found.append(red(f"{what}: speed", "; ".join(fast), "are these degrees per second? The wire carries rad/s"))
    if not found and not position.any():
        found.append(yellow(f"{what}: values", "every joint is at exactly 0", "is the driver connected to the arm?"))
    order_said = "in the contract's order" if order == sorted(order) else "in another order, which is fine"
    return found or [green(f"{what}: values", f"{len(order)} joints, {order_said}, in range")]


def _names_fault(
    what: str, wanted: list[str], joints: Joints, fields: tuple[str, ...], fixes: Mapping[str, str] = NO_FIXES
) -> list[Finding]:
    """`fixes`: another way out for a field that is missing."""
    if doubled := [name for name, count in Counter(joints.names).items() if count > 1]:
        return [
            red(
                what,
                f"{', '.join(doubled)} named more than once",
                "name each joint once: is another device's state mixed in?",
                unusable=True,
            )
        ]
    if missing := [name for name in wanted if name not in joints.names]:
        elsewhere = {name for names in joints.beside for name in names}
        apart = set(missing) <= elsewhere and len(missing) < len(wanted)
        fix = (
            "two nodes each publish a part: merge them into one message (joint_state_publisher with a source_list)"
            if apart
            else "rename the driver's joints, or the contract's: a prefix?"
        )
        said = f"no {', '.join(missing)} among {', '.join(joints.names) or 'no names'}"
        return [red(what, said, fix, unusable=True)]
    for field in fields:
        length = getattr(joints, field).shape[1]
        if length != len(joints.names):
            return [
                red(
                    what,
                    f"{len(joints.names)} names but {length} values of {field}",
                    f"the driver has to report {field} for every name{fixes.get(field, '')}",
                    unusable=True,
                )
            ]
    return []


def _not_finite(what: str, names: list[str], *ranges: np.ndarray) -> list[Finding]:
    bad = [name for i, name in enumerate(names) if not all(np.isfinite(values[:, i]).all() for values in ranges)]
    return [red(what, f"not finite: {', '.join(bad)}", "look at the encoder and the driver", True)] if bad else []


def judge_gripper(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """Name, finite values, and whether the opening can be metres and the force newtons."""
    what, gripper, own = robot.wire.gripper_states.topic, seen.gripper, robot.gripper
    if gripper is None:
        return []
    fields = ("position", "effort") if robot.observes_grasp else ("position",)
    fixes = {"effort": "; one that cannot needs a contract without a gripper_grasp observation"}
    if fault := _names_fault(f"{what}: names", [own.joint], gripper, fields, fixes):
        return fault
    at = gripper.names.index(own.joint)
    opening, effort = gripper.position[:, at : at + 1], gripper.effort[:, at : at + 1]
    if not robot.observes_grasp:
        effort = np.zeros_like(opening)  # nobody reads it, and many grippers report none
    if fault := _not_finite(f"{what}: values", [own.joint], opening, effort):
        return fault
    low, high, room = float(opening.min()), float(opening.max()), OUTSIDE_STROKE * own.stroke_m
    found = []
    if low < -room or high > own.stroke_m + room:
        found.append(
            red(
                f"{what}: opening",
                f"{low if low < -room else high:.4g}, the stroke is 0 to {own.stroke_m:g} m",
                "report the opening in metres, 0 closed: not percent, not an angle",
            )
        )
    if np.abs(effort).max() > STRONGEST * own.force_n:
        found.append(
            red(
                f"{what}: force",
                f"{np.abs(effort).max():.4g}, the contract's force is {own.force_n:g} N",
                "report newtons",
            )
        )
    return found or [green(f"{what}: values", f"open {high * 1e3:.1f} of {own.stroke_m * 1e3:.0f} mm")]


def judge_channel(robot: Embodiment, key: str, seen: RobotSnapshot) -> list[Finding]:
    """Whether the messages of an observation with a topic of its own, or with transforms, can be read."""
    channel, look = robot.listened[key], seen.channels.get(key)
    if look is None:
        return []
    what = f"{channel.topic or '/tf'}: {key}"
    if look.refused:
        return [red(what, look.refused, "mend the sensor's driver, or what the contract says of it", unusable=True)]
    if not look.read:
        if channel.topic is not None:
            return []  # that nothing comes is said of the topic
        return [red(what, look.waits or "no transform came", "start whoever publishes it", unusable=True)]
    return [green(what, f"{look.read} messages read")]


def judge_pictures(robot: Embodiment, key: str, seen: RobotSnapshot) -> list[Finding]:
    """Size, encoding, and whether the camera shows anything, and not one frame for ever."""
    pictures, channel = seen.pictures.get(key), robot.cameras[key]
    if pictures is None or not pictures.frames:
        return []
    what = f"{channel.topic}: picture"
    if pictures.refused:
        size = f"{channel.camera.width}x{channel.camera.height}"
        kind = (
            "JPEG or PNG"
            if channel.type == COMPRESSED_IMAGE.type
            else "rgb8, or another encoding of docs/reference/contract.md"
        )
        fix = f"send {size} in {kind}, or state what the camera sends in the contract"
        return [red(what, pictures.refused, fix, unusable=True)]
    if pictures.encoding == "mono8" and channel.camera.depth_m is None:
        return [red(what, "mono8: without colour", "the policy was trained on colour: send rgb8")]
    if shown := _nothing(pictures):
        return [red(what, shown, "lens cap, light, exposure, cable?")]
    if pictures.frames >= FROZEN_FRAMES and pictures.different == 1 and not _rendered(seen.topics.get(channel.topic)):
        row = yellow if seen.clocks else red  # who publishes /clock is a simulator, and may have no noise
        return [
            row(
                what,
                f"{pictures.frames} frames equal to the bit, with new stamps",
                "no camera is without noise: its driver repeats one frame; start it anew",
            )
        ]
    size = f"{channel.camera.width}x{channel.camera.height} {pictures.encoding}"
    return [green(what, f"{size}, brightness {pictures.brightness:.0f}, contrast {pictures.contrast:.0f}")]


def _nothing(pictures: Pictures) -> str:
    if pictures.brightness < DARKEST:
        return f"black (brightness {pictures.brightness:.1f} of 255)"
    if pictures.brightness > BRIGHTEST:
        return f"white (brightness {pictures.brightness:.1f} of 255)"
    return f"of one colour (contrast {pictures.contrast:.1f})" if pictures.contrast < FLATTEST else ""


def _rendered(topic: Topic | None) -> bool:
    """Whether our simulator draws it: an arm that stands gives the same picture, to the bit."""
    return topic is not None and any(base_name(one.node) == "sim_node" for one in topic.publishers)


def judge_ranges(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """What the policy would be shown, against the ranges that it was trained on."""
    if seen.clipped is None:
        return []
    found = [
        red(
            f"range of {key}",
            f"{100.0 * one.share:.0f} % of its values lie outside the contract's range, as {one.worst}",
            "bring the arm to where it was trained, or mend unit, frame or zero of that sensor",
        )
        for key, one in seen.clipped.items()
        if one.share > CLIPPED_SHARE
    ]
    return found or [green("ranges of the policy's inputs", f"{len(seen.clipped)} observations, as in training")]
