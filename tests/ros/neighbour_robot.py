"""Another arm in namespace /other: joint states at 100 Hz beside others of the topic, where a test wants it to be.

`~/aside` [rad] turns it about its base: 0 is right before the first arm. A process of its own, that can be stopped.
"""

import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.qos import COMMAND, STATE_OUT
from tests.ros.still_robot import ANGLES


def main() -> None:
    robot = load_embodiment()
    rclpy.init()
    node = rclpy.create_node("neighbour_robot", namespace="/other")
    publisher = node.create_publisher(JointState, robot.wire.joint_states.topic, STATE_OUT)
    aside = [1.3]

    def publish() -> None:
        names = ["head_pan", *reversed(robot.arm.joints)]
        angles = [ANGLES[0] + aside[0], *ANGLES[1:]]
        message = JointState(name=names, position=[0.0, *reversed(angles)])
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)

    node.create_subscription(Float64, "~/aside", lambda message: aside.__setitem__(0, message.data), COMMAND)
    node.create_timer(0.01, publish)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
