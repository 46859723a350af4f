"""A robot that stands still: joint states at 100 Hz, in an order that is not the contract's. A process of its own.

It receives commands, as a robot does, and carries none out.
"""

import rclpy
from sensor_msgs.msg import JointState

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.qos import COMMAND, STATE_OUT

# Inside the workspace, gripper down.
ANGLES = [0.1371, -0.9177, -0.6417, 1.5575, 0.4264, 1.0745, -0.0847]


def main() -> None:
    robot = load_embodiment()
    rclpy.init()
    node = rclpy.create_node("still_robot", namespace="/sawyer")
    publisher = node.create_publisher(JointState, robot.wire.joint_states.topic, STATE_OUT)

    def publish() -> None:
        names = ["head_pan", *reversed(robot.arm.joints)]
        message = JointState(name=names, position=[0.0, *reversed(ANGLES)], velocity=[0.0] * len(names))
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)

    for command in (robot.wire.arm_command, robot.wire.gripper_command):
        node.create_subscription(JointState, command, lambda message: None, COMMAND)
    node.create_timer(0.01, publish)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
