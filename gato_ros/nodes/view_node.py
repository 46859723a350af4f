"""view_node: what the robot is, where its links are, and what the loop is about, for RViz, Foxglove and Rerun.

Nobody waits for it, and what nobody looks at is not made. Where a message package is missing, its topic is, too.
"""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import String

from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.link_poses import LinkPoses
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.runtime.parameters import ViewParameters
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import CAMERA, REPORT
from gato_ros.nodes.view.debug_picture import Ranges, debug_picture
from gato_ros.nodes.view.rerun_log import RerunLog
from gato_ros.nodes.view.scene_state import SceneState

NAME = "view_node"
TF_RATE_HZ = 20.0
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""The robot's description: whoever comes late gets it as well."""


def installed(package: str) -> bool:
    """Whether a message package is there."""
    return importlib.util.find_spec(package) is not None


class ViewNode:
    """Publishes robot_description once, /tf and ~/markers at a rate, and ~/image where somebody looks at it."""

    def __init__(self, node: Node, parameters: ViewParameters):
        self._node, self._robot = node, load_embodiment(parameters.embodiment)
        robot = self._robot
        self._inputs, self._links = SceneState(node, robot), LinkPoses(robot)
        self._sizes = {key: robot.observations[key].shape[:2] for key in robot.image_keys}
        full = robot.jog_upper
        self._ranges = Ranges(float(max(full[:3])), float(full[3]), robot.gripper.stroke_m)
        # First, for what is missing here keeps the node from starting.
        self._rerun = RerunLog(robot, parameters.rerun) if parameters.rerun else None
        self._image = node.create_publisher(Image, "~/image", CAMERA)
        self._description = node.create_publisher(String, "robot_description", LATCHED)
        self._description.publish(String(data=robot.urdf_path.read_text()))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(1.0 / parameters.rate_hz, self._draw, clock=steady)
        self._markers = self._tf = None
        if installed("visualization_msgs"):
            from visualization_msgs.msg import MarkerArray

            self._markers = node.create_publisher(MarkerArray, "~/markers", REPORT)
        else:
            self._miss("visualization_msgs", "~/markers", "pip install ros-visualization-msgs")
        if parameters.tf and installed("tf2_msgs"):
            from tf2_msgs.msg import TFMessage

            self._tf = node.create_publisher(TFMessage, "/tf", REPORT)
            node.create_timer(1.0 / TF_RATE_HZ, self._place_links, clock=steady)
        elif parameters.tf:
            self._miss("tf2_msgs", "/tf", "robot_state_publisher makes it from robot_description and joint_states")

    def _miss(self, package: str, topic: str, otherwise: str) -> None:
        self._node.get_logger().warning(f"{package} is not installed: no {topic} from here; {otherwise}")

    def _draw(self) -> None:
        shown = self._image.get_subscription_count() > 0
        self._inputs.look(shown or self._rerun is not None)
        marked = self._markers is not None and self._markers.get_subscription_count() > 0
        if not shown and not marked and self._rerun is None:
            return
        tool, stamp = self._inputs.tool(), self._node.get_clock().now().to_msg()
        scene, rotation = self._inputs.scene(tool), None if tool is None else tool.rotation
        if self._rerun is not None:
            self._rerun.add(scene, self._inputs.joints, rotation, seconds(stamp))
        if shown:
            message = message_from_rgb(debug_picture(scene, self._ranges, self._sizes), NAME)
            message.header.stamp = stamp
            self._image.publish(message)
        if marked:
            from gato_ros.nodes.view.markers import scene_markers

            self._markers.publish(scene_markers(self._robot, scene, rotation, stamp))

    def _place_links(self) -> None:
        if (q := self._inputs.joints) is None or not self._tf.get_subscription_count():
            return
        self._tf.publish(transforms(self._links, q, self._inputs.opening_m, self._node.get_clock().now().to_msg()))

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        while not stop:
            executor.spin_once(timeout_sec=0.1)
        if self._rerun is not None:
            self._rerun.close()


def transforms(links: LinkPoses, q: np.ndarray, opening_m: float, stamp):
    """tf2_msgs/TFMessage of all links; frames carry no prefix, as the contract's do not."""
    from geometry_msgs.msg import TransformStamped
    from tf2_msgs.msg import TFMessage

    found = []
    for link in links.at(q, opening_m):
        one = TransformStamped(child_frame_id=link.child)
        one.header.stamp, one.header.frame_id = stamp, link.parent
        place, turn = one.transform.translation, one.transform.rotation
        place.x, place.y, place.z = map(float, link.position)
        turn.x, turn.y, turn.z, turn.w = map(float, link.quat_xyzw)
        found.append(one)
    return TFMessage(transforms=found)


def main() -> int:
    return run_node(NAME, ViewParameters, ViewNode)


if __name__ == "__main__":
    sys.exit(main())
