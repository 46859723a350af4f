"""A made-up robot with its operator, as one process on the wire: what recorders are tested and measured with.

    python -m gato_ros.bench.recorder.sample_robot --ros-args -r __ns:=/sawyer -p log:=FILE

It stands still in front of pictures that move. Every frame is written down, so that whoever kills a recorder knows what
it could have had.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.nodes.messages.clocks import nanoseconds
from gato_ros.nodes.messages.diagnosis import OK, status
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.runtime.parameters import parameter
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, REPORT, STATE_OUT

NAME = "sample_robot"
TICKS_PER_FRAME = 5
PICTURES = 40
ANGLES = [0.1371, -0.9177, -0.6417, 1.5575, 0.4264, 1.0745, -0.0847]
"""Inside the workspace, gripper down [rad]."""
ROW = np.dtype([("frame", np.int64), ("stamp_ns", np.int64), ("published_ns", np.int64)])
"""Of the log; `published_ns` is the steady clock after the last camera's message went out."""


@dataclass(frozen=True)
class SampleParameters:
    """sample_robot."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    speed: float = parameter(1.0, "of its time: 2 is frames twice as often as the contract says", lower=0.1, upper=20.0)
    guard: bool = parameter(False, "true: it also says what a guard would, where none runs")
    operator: bool = parameter(True, "false: nobody proposes anything")
    log: str = parameter("", "file for a row of each frame, or nothing")


def pictures(height: int, width: int) -> list[np.ndarray]:
    """uint8 [height width 3] each: a texture that wanders, about as compressible as a camera's picture."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)[:height, :width]
    texture = np.clip(coarse + rng.integers(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)
    return [np.roll(texture, (3 * i, 5 * i), (0, 1)) for i in range(PICTURES)]


def label_of(frame: int) -> tuple[float, float]:
    """What the operator wants when he has seen this frame: vx [m/s] and opening [m]."""
    return 0.07 * np.sin(0.1 * frame), 0.085 * (frame // 20 % 2)


class SampleRobot:
    """Frames on time, whatever its listeners do."""

    def __init__(self, node: Node, parameters: SampleParameters):
        self._node, self._parameters = node, parameters
        self._robot: Embodiment = load_embodiment(parameters.embodiment)
        robot, wire = self._robot, self._robot.wire
        self._tick_s = 1.0 / (robot.control_rate_hz * TICKS_PER_FRAME * parameters.speed)
        channels = {key: robot.observations[key] for key in robot.image_keys}
        self._pictures = {key: pictures(channel.height, channel.width) for key, channel in channels.items()}
        self._cameras = {key: node.create_publisher(Image, channel.topic, CAMERA) for key, channel in channels.items()}
        self._joints = node.create_publisher(JointState, wire.joint_states.topic, STATE_OUT)
        self._gripper = node.create_publisher(JointState, wire.gripper_states.topic, STATE_OUT)
        self._twist = node.create_publisher(TwistStamped, wire.human_twist, COMMAND)
        self._opening = node.create_publisher(JointState, wire.human_gripper, COMMAND)
        if parameters.guard:
            self._status = node.create_publisher(DiagnosticStatus, "guard_node/status", REPORT)
            self._arm = node.create_publisher(JointState, wire.arm_command, COMMAND)
        else:
            # A guard does not begin before a robot listens, and this one stands whatever the command.
            for topic in (wire.arm_command, wire.gripper_command):
                node.create_subscription(JointState, topic, lambda message: None, COMMAND)
        self._log = os.open(parameters.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if parameters.log else None
        self._tick = 0

    def _state(self) -> None:
        stamp = self._node.get_clock().now().to_msg()
        joints = JointState(name=self._robot.arm.joints, position=ANGLES, velocity=[0.0] * len(ANGLES))
        gripper = JointState(name=[self._robot.gripper.joint], position=[0.04], effort=[0.0])
        joints.header.stamp = gripper.header.stamp = stamp
        self._joints.publish(joints)
        self._gripper.publish(gripper)
        if self._parameters.guard:
            values = {"reasons": "", "source": "human" if self._parameters.operator else "idle"}
            self._status.publish(status(self._node, "", OK, "ok", values))
            arm = JointState(name=self._robot.arm.joints, velocity=[0.01] * len(ANGLES))
            arm.header.stamp = stamp
            self._arm.publish(arm)

    def _frame(self) -> None:
        number, stamp = self._tick // TICKS_PER_FRAME, self._node.get_clock().now().to_msg()
        for key, publisher in self._cameras.items():
            message = message_from_rgb(self._pictures[key][number % PICTURES], self._robot.observations[key].frame_id)
            message.header.stamp = stamp
            publisher.publish(message)
        if self._log is not None:
            os.write(self._log, np.array((number, nanoseconds(stamp), time.monotonic_ns()), ROW).tobytes())

    def _propose(self) -> None:
        """What he wants, seen the last frame: a tick later, as a person would, and again until the next."""
        speed, opening_m = label_of(self._tick // TICKS_PER_FRAME)
        twist, gripper = TwistStamped(), JointState(name=[self._robot.gripper.joint], position=[opening_m])
        twist.header.frame_id, twist.twist.linear.x = self._robot.base_frame, speed
        twist.header.stamp = gripper.header.stamp = self._node.get_clock().now().to_msg()
        self._twist.publish(twist)
        self._opening.publish(gripper)

    def _advance(self) -> None:
        self._state()
        if self._tick % TICKS_PER_FRAME == 0:
            self._frame()
        elif self._parameters.operator and self._tick % TICKS_PER_FRAME % 2:
            self._propose()
        self._tick += 1

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._node.create_timer(self._tick_s, self._advance, clock=steady)
        while not stop:
            executor.spin_once(timeout_sec=0.1)


def read_log(path: Path) -> np.ndarray:
    """[frames] of ROW; of a row that is being written, nothing."""
    content = Path(path).read_bytes()
    return np.frombuffer(content[: len(content) // ROW.itemsize * ROW.itemsize], ROW)


def rows_of(log: np.ndarray, stamps_s: np.ndarray) -> np.ndarray:
    """[n] rows of the log of the frames with these stamps [s]; a double keeps a stamp of today to 0.2 us."""
    after = np.searchsorted(log["stamp_ns"], np.asarray(stamps_s) * 1e9 - 1000.0)
    rows = log[np.minimum(after, len(log) - 1)]
    if (np.abs(rows["stamp_ns"] - np.asarray(stamps_s) * 1e9) > 1000.0).any():
        raise ValueError("a stamp that no frame has")
    return rows


def main() -> int:
    return run_node(NAME, SampleParameters, SampleRobot)


if __name__ == "__main__":
    sys.exit(main())
