"""What a person does whose hand the arm follows, for the tests of teleop_node."""

import numpy as np

from gato_ros.nodes.runtime.qos import STATE_OUT
from tests.ros.gamepad import PERIOD_S, Pad, TeleopListener

HELD = 0
QUICK = ("-p", "ramp_s:=0.0", "-p", "input_timeout_s:=0.2")


class Hand:
    """A hand and its switch, both published at 50 Hz while something is waited for."""

    def __init__(self, probe, kind, topic):
        self.probe, self.pad = probe, Pad(probe)
        self._publisher = probe.node.create_publisher(kind, topic, STATE_OUT)
        self.message, self.silent = None, False

    def send(self) -> None:
        self.pad.send()
        if not self.silent:
            self.message.header.stamp = self.probe.stamp()
            self._publisher.publish(self.message)

    def hold(self, held: bool) -> None:
        self.pad.buttons[HELD] = int(held)

    def wait(self, done, what: str) -> None:
        self.probe.wait(done, what, meanwhile=self.send, every_s=PERIOD_S)

    def be(self, inputs: TeleopListener, message: str) -> None:
        self.wait(lambda: inputs.message() == message, message)


def last(inputs: TeleopListener) -> np.ndarray:
    """[3] linear velocity [m/s] that was proposed last."""
    linear = inputs.twists[-1][1].twist.linear
    return np.array([linear.x, linear.y, linear.z])
