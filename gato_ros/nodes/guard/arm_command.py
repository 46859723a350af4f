"""The guard's joint velocities as the message that the robot's side takes: `arm_command_kind` of the contract.

What the guard has limited holds for the joint velocities. As JointState or Float64MultiArray they go out as they are.
A JointTrajectory leads along them and then by itself to a rest. As a twist only the tool's motion goes out:
its speed, acceleration and workspace stay limited, but which joints carry it out is decided by whoever takes the twist,
and joint ranges, joint speeds, singularities and clearance are limited by nobody here.
"""

from __future__ import annotations

import importlib

import numpy as np
from builtin_interfaces.msg import Duration, Time

from gato_ros.core.errors import SetupError
from gato_ros.core.guard.proposal import RobotState
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.joint_state import JointsRefused, values_by_name

MESSAGES = {
    "joint_state": ("sensor_msgs", "JointState"),
    "float64_multi_array": ("std_msgs", "Float64MultiArray"),
    "joint_trajectory": ("trajectory_msgs", "JointTrajectory"),
    "twist": ("geometry_msgs", "TwistStamped"),
}
"""Kind in the contract -> package and message."""
LEAD, REST = 0.25, 0.5
"""Shares of the contract's velocity_timeout_s: a trajectory leads on at full speed, then comes to rest, for so long."""
LEASH_RAD = 0.05
"""A trajectory's start is never further than this from where the joints are."""


def arm_message(robot: Embodiment) -> type:
    """The message class of this robot's arm commands.

    Raises:
        SetupError: the package that holds it is not installed.
    """
    package, name = MESSAGES[robot.wire.arm_command_kind]
    try:
        # Not at the top: a robot that takes joint velocities needs no trajectory_msgs.
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except ImportError:
        kind = robot.wire.arm_command_kind
        raise SetupError(
            expected=f"{package}, for arm_command_kind {kind}",
            got="no such package",
            fix=f"install ros-{package.replace('_', '-')} (or ros-DISTRO-..., with apt)",
        ) from None


def demand_joint_state(robot: Embodiment, node: str) -> None:
    """SetupError unless this robot's commands are joint velocities by name: the others are for other drivers."""
    if robot.wire.arm_command_kind != "joint_state":
        raise SetupError(
            expected=f"arm_command_kind joint_state for {node}",
            got=robot.wire.arm_command_kind,
            fix=f"use the contract's own controller instead of {node}, or another contract",
        )


def joint_velocity_of(robot: Embodiment, message) -> np.ndarray:
    """[joints] [rad/s] in the contract's order, from an arm command in any form but a twist.

    Raises:
        JointsRefused: not the joints of this robot.
    """
    kind = robot.wire.arm_command_kind
    if kind == "joint_state":
        return values_by_name(message, "velocity", robot.arm.joints, closed=True)
    names, values = robot.arm.joints, message.data if kind == "float64_multi_array" else ()
    if kind == "joint_trajectory" and message.points:
        names, values = list(message.joint_names), message.points[0].velocities
    if len(values) != len(robot.arm.joints) or list(names) != robot.arm.joints:
        raise JointsRefused(f"{len(values)} velocities of {' '.join(names)}")
    return np.array(values, np.float64)


class ArmCommands:
    """Makes one message of each command. Remembers where the arm was last seen and where a trajectory has led."""

    def __init__(self, robot: Embodiment):
        self.message = arm_message(robot)
        self._robot, self._make = robot, getattr(self, f"_{robot.wire.arm_command_kind}")
        self._lead_s, self._rest_s = LEAD * robot.arm.velocity_timeout_s, REST * robot.arm.velocity_timeout_s
        self._by_pose = robot.wire.arm_command_kind in ("joint_trajectory", "twist")
        self._seen: RobotState | None = None
        self._goal: np.ndarray | None = None
        self._stamp_ns = 0

    def of(self, velocity: np.ndarray, state: RobotState | None, stamp: Time):
        """The message of joint velocities [joints] [rad/s], in the contract's order, or None before there can be one.

        Args:
            state: the newest; where the arm is, for the kinds that need it.
        """
        # A stop goes on where the sensors have gone mad: by where the arm was before.
        if (
            self._by_pose
            and state is not None
            and all(np.isfinite(array).all() for array in (state.joint_position, state.jacobian))
        ):
            self._seen = state
        return self._make(velocity, stamp)

    def _joint_state(self, velocity: np.ndarray, stamp: Time):
        message = self.message(name=self._robot.arm.joints, velocity=velocity.tolist())
        message.header.stamp, message.header.frame_id = stamp, self._robot.base_frame
        return message

    def _float64_multi_array(self, velocity: np.ndarray, stamp: Time):
        return self.message(data=velocity.tolist())

    def _twist(self, velocity: np.ndarray, stamp: Time):
        message = self.message()
        message.header.stamp, message.header.frame_id = stamp, self._robot.base_frame
        if velocity.any() and self._seen is not None:
            linear, angular = np.split(self._seen.jacobian @ velocity, 2)
            for part, values in ((message.twist.linear, linear), (message.twist.angular, angular)):
                part.x, part.y, part.z = values.tolist()
        return message

    def _joint_trajectory(self, velocity: np.ndarray, stamp: Time):
        if self._seen is None:
            return None
        self._advance(velocity, self._seen.joint_position, stamp)
        lead = self._goal + self._lead_s * velocity
        message = self.message(joint_names=self._robot.arm.joints)
        message.header.stamp = stamp
        # A controller whose stream ends goes to the last point and stays: that point has to be a rest, and near.
        rest = lead + 0.5 * self._rest_s * velocity
        for position, speed, after_s in (
            (lead, velocity, self._lead_s),
            (rest, np.zeros_like(velocity), self._lead_s + self._rest_s),
        ):
            message.points.append(_point(position, speed, after_s))
        return message

    def _advance(self, velocity: np.ndarray, position: np.ndarray, stamp: Time) -> None:
        """Integrate what was commanded: from where joints are measured, gravity would draw them down step by step."""
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        passed_s = min(max((stamp_ns - self._stamp_ns) * 1e-9, 0.0), self._lead_s)
        goal = position if self._goal is None else self._goal + passed_s * velocity
        self._goal, self._stamp_ns = np.clip(goal, position - LEASH_RAD, position + LEASH_RAD), stamp_ns


def _point(position: np.ndarray, velocity: np.ndarray, after_s: float):
    from trajectory_msgs.msg import JointTrajectoryPoint

    whole_ns = round(after_s * 1e9)
    return JointTrajectoryPoint(
        positions=position.tolist(),
        velocities=velocity.tolist(),
        time_from_start=Duration(sec=whole_ns // 10**9, nanosec=whole_ns % 10**9),
    )
