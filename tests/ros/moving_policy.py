"""Proposes the same motion at 20 Hz, as a policy process would. A process of its own, so that it can be killed."""

import rclpy
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.qos import PROPOSAL


def main() -> None:
    robot = load_embodiment()
    rclpy.init()
    node = rclpy.create_node("moving_policy", namespace="/sawyer")
    twists = node.create_publisher(TwistStamped, robot.wire.proposal_twist, PROPOSAL)
    grippers = node.create_publisher(JointState, robot.wire.proposal_gripper, PROPOSAL)
    sway_s = node.declare_parameter("sway_s", 0.0).value  # turn round so often; 0: never
    wanted = node.declare_parameter("subscribers", 0).value  # begin when so many have found it

    def propose() -> None:
        twist, gripper = TwistStamped(), JointState(name=[robot.gripper.joint], position=[0.01])
        twist.header.frame_id = robot.base_frame
        twist.header.stamp = gripper.header.stamp = node.get_clock().now().to_msg()
        back = sway_s and int(node.get_clock().now().nanoseconds * 1e-9 / sway_s) % 2
        twist.twist.linear.x, twist.twist.angular.z = (-0.05, -0.5) if back else (0.05, 0.5)
        twists.publish(twist)
        grippers.publish(gripper)

    while min(twists.get_subscription_count(), grippers.get_subscription_count()) < wanted:
        rclpy.spin_once(node, timeout_sec=0.05)
    node.create_timer(0.05, propose)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
