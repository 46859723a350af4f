"""diagnostic_msgs/DiagnosticStatus and /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from gato_ros.nodes.runtime.qos import REPORT

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def status(node: Node, hardware: str, level: bytes, message: str, values: Mapping[str, Any]) -> DiagnosticStatus:
    """One status of `node`; values are written as text."""
    return DiagnosticStatus(
        level=level,
        name=node.get_fully_qualified_name(),
        message=message,
        hardware_id=hardware,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


class KeptStatus:
    """A status that is published often: one message, filled anew each time, since making one costs more.

    Publish or copy what `filled` returns before it is called again.
    """

    def __init__(self, node: Node, hardware: str):
        self._item = status(node, hardware, OK, "", {})

    def filled(self, level: bytes, message: str, **values: str) -> DiagnosticStatus:
        """The status with these values, which have the same keys every time."""
        item = self._item
        item.level, item.message = level, message
        if not item.values:
            item.values = [KeyValue(key=key) for key in values]
        for pair, value in zip(item.values, values.values(), strict=True):
            pair.value = value
        return item


def values_of(message: DiagnosticStatus) -> dict[str, str]:
    """The key-value pairs of a status."""
    return {item.key: item.value for item in message.values}


class Diagnosis:
    """Publishes a node's status on /diagnostics, the one global topic that ROS tools read."""

    def __init__(self, node: Node):
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", REPORT)

    def publish(self, item: DiagnosticStatus) -> None:
        array = DiagnosticArray(status=[item])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)
