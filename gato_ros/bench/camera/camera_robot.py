"""A made-up robot that stands still before one camera, as the contract states it. A process of its own.

    python -m gato_ros.bench.camera.camera_robot --ros-args -r __ns:=/sawyer -p embodiment:=FILE -p camera_hz:=30.0

Pictures are packed ahead: a real camera's driver does that elsewhere, and it is not the loop's cost.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, JointState

from gato_ros.bench.recorder.sample_robot import ANGLES, pictures
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.nodes.messages.image import jpeg_from_rgb, message_from_rgb
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.runtime.parameters import parameter
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, STATE_OUT

NAME = "camera_robot"
STATES_HZ = 100.0


@dataclass(frozen=True)
class CameraRobotParameters:
    """camera_robot."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    camera_hz: float = parameter(30.0, "pictures per second", lower=1.0, upper=120.0)


class CameraRobot:
    """Joint states and pictures on time, whatever its listeners do."""

    def __init__(self, node: Node, parameters: CameraRobotParameters):
        self._node, self._parameters = node, parameters
        self._robot: Embodiment = load_embodiment(parameters.embodiment)
        robot, wire = self._robot, self._robot.wire
        channel = robot.cameras[robot.image_keys[0]]
        kind = message_class(channel.type)
        packed = jpeg_from_rgb if kind is CompressedImage else message_from_rgb
        seen = pictures(channel.camera.height or channel.height, channel.camera.width or channel.width)
        self._messages = [packed(picture, channel.frame_id) for picture in seen]
        self._camera = node.create_publisher(kind, channel.topic, CAMERA)
        self._joints = node.create_publisher(JointState, wire.joint_states.topic, STATE_OUT)
        self._gripper = node.create_publisher(JointState, wire.gripper_states.topic, STATE_OUT)
        # A guard does not begin before a robot listens, and this one stands whatever the command.
        for topic in (wire.arm_command, wire.gripper_command):
            node.create_subscription(JointState, topic, lambda message: None, COMMAND)
        self._number = 0

    def _state(self) -> None:
        stamp = self._node.get_clock().now().to_msg()
        joints = JointState(name=self._robot.arm.joints, position=ANGLES, velocity=[0.0] * len(ANGLES))
        gripper = JointState(name=[self._robot.gripper.joint], position=[0.04], effort=[0.0])
        joints.header.stamp = gripper.header.stamp = stamp
        self._joints.publish(joints)
        self._gripper.publish(gripper)

    def _picture(self) -> None:
        message = self._messages[self._number % len(self._messages)]
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._camera.publish(message)
        self._number += 1

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._node.create_timer(1.0 / STATES_HZ, self._state, clock=steady)
        self._node.create_timer(1.0 / self._parameters.camera_hz, self._picture, clock=steady)
        while not stop:
            executor.spin_once(timeout_sec=0.1)


def main() -> int:
    return run_node(NAME, CameraRobotParameters, CameraRobot)


if __name__ == "__main__":
    sys.exit(main())
