"""A neighbour on the network, by argument: `listen` to every topic of the loop, `call` services without pause, or send
`big` pictures on a camera's topic. A process of its own."""

import sys

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rcl_interfaces.srv import GetParameters
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.runtime.qos import CAMERA, REPORT

ROBOT = load_embodiment()
CHANNEL = ROBOT.observations[ROBOT.image_keys[0]]


def listen(node) -> None:
    for kind, topic in (
        (JointState, ROBOT.wire.arm_command),
        (JointState, ROBOT.wire.gripper_command),
        (TwistStamped, ROBOT.wire.proposal_twist),
        (DiagnosticStatus, "guard_node/status"),
    ):
        node.create_subscription(kind, topic, lambda message: None, REPORT)


def call(node) -> None:
    def again(client, request):
        def send(_=None) -> None:
            client.call_async(request).add_done_callback(send)

        return send

    for kind, name, request in (
        (GetParameters, "guard_node/get_parameters", GetParameters.Request(names=["rate_hz"])),
        (Trigger, "guard_node/reset", Trigger.Request()),
        (GetParameters, "policy_node/get_parameters", GetParameters.Request(names=["policy"])),
    ):
        client = node.create_client(kind, name)
        client.wait_for_service()
        for _ in range(4):  # so many under way at a time
            again(client, request)()


def big(node) -> None:
    publisher = node.create_publisher(Image, CHANNEL.topic, CAMERA)
    message = message_from_rgb(np.zeros((480, 640, 3), np.uint8), CHANNEL.frame_id)
    small = message_from_rgb(np.zeros((128, 192, 3), np.uint8), CHANNEL.frame_id)

    def send() -> None:
        for picture in (message, small):  # the first may be too large to arrive at all
            picture.header.stamp = node.get_clock().now().to_msg()
            publisher.publish(picture)

    node.create_timer(0.05, send)


def main() -> None:
    rclpy.init()
    node = rclpy.create_node(f"busybody_{sys.argv[1]}", namespace="/sawyer")
    {"listen": listen, "call": call, "big": big}[sys.argv[1]](node)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
