"""Who else is on the command topics: nobody but the guard may publish there, and the robot has to listen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher

PERIOD_S = 0.1
"""Between two looks at the ROS graph [s]: what they find may take half a second, and names cost time."""
SECOND_PUBLISHER = "second_publisher"
NOBODY_LISTENS = "robot_gone"
OBSERVERS = ("incident_node", "recorder_node", "rosbag2_recorder", "teleop_node")
"""Nodes that listen to commands and carry none out."""
UNKNOWN = "_NODE_NAME_UNKNOWN_"
"""What the graph calls the node of a subscription that it has found before the node."""


class CommandWatch:
    """Asks the ROS graph. A detector, not a lock: SROS 2 keeps others out."""

    def __init__(self, node: Node, publishers: Sequence[Publisher]):
        self._node, self._publishers = node, publishers
        self._received = [False] * len(publishers)

    def fault(self) -> str | None:
        """Why the arm may not move, or None."""
        for i, publisher in enumerate(self._publishers):
            if self._node.count_publishers(publisher.topic_name) > 1:
                return SECOND_PUBLISHER
            listeners = self._node.get_subscriptions_info_by_topic(publisher.topic_name)
            carried_out = robot_among(one.node_name for one in listeners)
            if self._received[i] and carried_out is False:
                return NOBODY_LISTENS
            self._received[i] |= bool(carried_out)
        return None


def robot_among(listeners: Iterable[str]) -> bool | None:
    """Whether one of these nodes carries commands out; None where that is not known yet."""
    names = set(listeners).difference(OBSERVERS)
    return None if names == {UNKNOWN} else bool(names)
