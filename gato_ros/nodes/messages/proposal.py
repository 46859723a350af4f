"""One proposal as its two messages, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.opening import wanted_opening_m
from gato_ros.embodiments.actions.part import TWIST_STAMPED
from gato_ros.nodes.messages.joint_state import values_by_name

USUAL = ("vx", "vy", "vz", "wz")


def twist_paths(components: Sequence[str]) -> tuple[str, ...]:
    """The fields of a TwistStamped that hold these components, as contracts write fields."""
    return tuple(f"twist.{'linear' if name[0] == 'v' else 'angular'}.{name[1]}" for name in components)


def proposal_paths(robot: Embodiment) -> tuple[str, ...]:
    """The fields that hold what a policy proposes for the arm, in the order of the contract's part."""
    part = robot.arm_part
    if part.message == TWIST_STAMPED:
        return twist_paths(part.names)
    return tuple(f"{part.field}.{name}" for name in part.names)


class ProposalRefused(Exception):
    """A message that is no half of a proposal; the text says why."""


def proposal_messages(robot: Embodiment, action: ArmAction, stamp: Time) -> tuple[TwistStamped, JointState]:
    """Twist in the base frame and gripper opening, under one stamp: what every operator's node publishes."""
    return (
        _twist(action.twist, USUAL, robot.base_frame, stamp),
        _gripper(robot, float(action.gripper_opening_m), stamp),
    )


def policy_messages(robot: Embodiment, action: Action, stamp: Time) -> tuple[TwistStamped | JointState, ...]:
    """An action of the contract's parts: the arm's as its message, the gripper's opening, and the base's velocity where
    the contract has one, under one stamp.

    Raises:
        ValueError: not the keys or sizes of this robot's action.
    """
    wanted = {key: len(part.lower) for key, part in robot.actions.items()}
    if {key: value.size for key, value in action.values.items()} != wanted:
        raise ValueError(f"an action of {robot.name} has {wanted}, got {action}")
    arm, values = robot.arm_part, action.values[robot.arm_key]
    opening = wanted_opening_m(robot, float(action.values[robot.gripper_key][0]))
    if arm.message == TWIST_STAMPED:
        message = _twist(values, arm.names, frame_of(robot), stamp)
    else:
        message = JointState(name=list(arm.names), **{arm.field: np.asarray(values, np.float64).tolist()})
        message.header.stamp = stamp
    if robot.base_key is None:
        return message, _gripper(robot, opening, stamp)
    return message, _gripper(robot, opening, stamp), base_message(robot, action.values[robot.base_key], stamp)


def base_message(robot: Embodiment, values: Sequence[float] | np.ndarray, stamp: Time) -> TwistStamped:
    """Velocity of the base [axes], as it is proposed and as it is commanded."""
    part = robot.base_part
    assert part is not None  # nobody asks otherwise
    return _twist(values, part.names, part.frame_id, stamp)


def base_values(message: TwistStamped, robot: Embodiment) -> np.ndarray:
    """Inverse of `base_message`, float64 [axes]; ProposalRefused as of `twist_values`."""
    part = robot.base_part
    assert part is not None  # nobody asks otherwise
    return twist_values(message, part.names, part.frame_id)


def frame_of(robot: Embodiment) -> str:
    """Frame of the twists that a policy of this robot proposes."""
    return robot.tool_frame if getattr(robot.arm_part, "frame", "base") == "tool" else robot.base_frame


def arm_message(robot: Embodiment) -> type:
    """Class of the message that a policy proposes the arm's part with."""
    return TwistStamped if robot.arm_part.message == TWIST_STAMPED else JointState


def twist_values(message: TwistStamped, components: Sequence[str], frame: str) -> np.ndarray:
    """The components of a twist, float64 [components].

    Raises:
        ProposalRefused: another frame, or a component that is not listed and not zero.
    """
    if message.header.frame_id != frame:
        raise ProposalRefused(f"a twist in frame {message.header.frame_id!r}, expected {frame!r}")
    linear, angular = message.twist.linear, message.twist.angular
    found = dict(zip(COMPONENTS, (linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)))
    if other := [name for name in COMPONENTS if name not in components and found[name]]:
        why = ": the gripper points down" if tuple(components) == USUAL else ""
        raise ProposalRefused(f"{other[0]}, which is no part of the action ({' '.join(components)}){why}")
    return np.array([found[name] for name in components])


def arm_values(message: TwistStamped | JointState, robot: Embodiment) -> np.ndarray:
    """What a policy proposes for the arm, float64 [values], in the order of the contract's part.

    Raises:
        ProposalRefused: as `twist_values`.
        JointsRefused: not exactly the joints of the part, or its field is empty.
    """
    part = robot.arm_part
    if isinstance(message, TwistStamped):
        return twist_values(message, part.names, frame_of(robot))
    return values_by_name(message, part.field, part.names, closed=True)


def _twist(values: Sequence[float] | np.ndarray, components: Sequence[str], frame: str, stamp: Time) -> TwistStamped:
    message = TwistStamped()
    message.header.stamp, message.header.frame_id = stamp, frame
    for name, value in zip(components, values, strict=True):
        setattr(message.twist.linear if name[0] == "v" else message.twist.angular, name[1], float(value))
    return message


def _gripper(robot: Embodiment, opening: float, stamp: Time) -> JointState:
    message = JointState(name=[robot.gripper.joint], position=[opening])
    message.header.stamp = stamp
    return message
