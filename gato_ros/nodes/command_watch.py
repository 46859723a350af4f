"""Who else is on the command topics: nobody but the guard may publish there, and the robot has to listen."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher

PERIOD_S = 0.1
"""Between two looks at the ROS graph [s]."""
SECOND_PUBLISHER = "second_publisher"
NOBODY_LISTENS = "robot_gone"
OBSERVERS = ("incident_node", "recorder_node", "rosbag2_recorder", "teleop_node")
"""Nodes that listen to commands and carry none out."""


class CommandWatch:
    """Asks the ROS graph. A detector, not a lock: SROS 2 keeps others out."""

    def __init__(self, node: Node, publishers: Sequence[Publisher]):
        self._node, self._publishers = node, publishers
        self._heard = [False] * len(publishers)

    def fault(self) -> str | None:
        """Why the arm may not move, or None."""
        for i, publisher in enumerate(self._publishers):
            if self._node.count_publishers(publisher.topic_name) > 1:
                return SECOND_PUBLISHER
            listeners = self._node.get_subscriptions_info_by_topic(publisher.topic_name)
            carried_out = any(one.node_name not in OBSERVERS for one in listeners)
            if self._heard[i] and not carried_out:
                return NOBODY_LISTENS
            self._heard[i] |= carried_out
        return None
