"""Reads the robot's commands off the wire, as the robot would: for measurements of how soon a stop reaches it."""

from __future__ import annotations

import threading
import time

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from gato_ros.embodiments import Embodiment
from gato_ros.nodes.runtime.qos import REPORT


class CommandListener:
    """Every arm command with its receipt on the steady clock, in a thread of its own. A context manager."""

    def __init__(self, robot: Embodiment, namespace: str):
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node("command_listener", namespace=namespace)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self.received: list[tuple[float, float]] = []
        """Receipt [s] and speed of the fastest joint [rad/s]."""
        self.verdicts: list[tuple[float, str]] = []
        """Receipt [s] and level."""
        self._node.create_subscription(DiagnosticStatus, "guard_node/status", self._judge, REPORT)
        # Deeper than the robot's own subscription: not one command may escape.
        self._node.create_subscription(JointState, robot.wire.arm_command, self._receive, REPORT)
        self._stopping = False
        self._thread = threading.Thread(target=self._spin, name="command_listener", daemon=True)

    def _receive(self, message: JointState) -> None:
        self.received.append((time.monotonic(), float(np.abs(message.velocity).max())))

    def _judge(self, message: DiagnosticStatus) -> None:
        self.verdicts.append((time.monotonic(), message.message))

    def _spin(self) -> None:
        while not self._stopping:
            self._executor.spin_once(timeout_sec=0.1)

    def __enter__(self) -> CommandListener:
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._stopping = True
        self._thread.join()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def moving(self, for_s: float) -> bool:
        """Whether every command of the last `for_s` moved the arm."""
        now_s = time.monotonic()
        recent = [speed for at_s, speed in self.received[-1000:] if at_s > now_s - for_s]
        return bool(recent) and min(recent) > 0.0 and self.received[0][0] < now_s - for_s
