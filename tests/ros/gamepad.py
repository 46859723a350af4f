"""What a person does, for the tests of teleop_node: a gamepad, and a listener for what teleop_node publishes."""

import time

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState, Joy

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import REPORT, STATE_OUT

ROBOT = load_embodiment()
WIRE = ROBOT.wire
FULL = ROBOT.action_upper[:4]
DEAD_MAN, GRIPPER, START = 4, 0, 7
PERIOD_S = 0.02


class TeleopListener:
    """What teleop_node says, and a gripper that it may know of."""

    def __init__(self, probe):
        self.probe = probe
        self.twists = probe.listen(TwistStamped, WIRE.human_twist, REPORT)
        self.openings = probe.listen(JointState, WIRE.human_gripper, REPORT)
        self.said = probe.listen(DiagnosticStatus, "teleop_node/status", REPORT)
        self._gripper = probe.node.create_publisher(JointState, WIRE.gripper_states.topic, STATE_OUT)

    def state_gripper(self, opening_m=0.05, effort_n=0.0) -> None:
        message = JointState(name=[ROBOT.gripper.joint], position=[opening_m], effort=[effort_n])
        message.header.stamp = self.probe.stamp()
        self._gripper.publish(message)

    def know_gripper(self) -> None:
        """teleop_node speaks only when it knows what the gripper holds."""
        self.probe.wait(
            lambda: self.said and self.values()["gripper_opening_m"],
            "a gripper that is known",
            meanwhile=self.state_gripper,
        )

    def message(self) -> str:
        return self.said[-1][1].message

    def values(self) -> dict[str, str]:
        return values_of(self.said[-1][1])

    def forward(self, since: int = 0) -> list[float]:
        """vx of the twists [m/s]."""
        return [message.twist.linear.x for _, message in self.twists[since:]]


class Pad:
    """A gamepad that repeats its state at 50 Hz while `play` runs; an axis that no mapping uses shows a live link."""

    def __init__(self, probe):
        self.probe, self._publisher = probe, probe.node.create_publisher(Joy, "joy", STATE_OUT)
        self.axes, self.buttons = [0.0] * 8, [0] * 11
        self.linked, self._sent = True, 0
        """`linked` false: the link is lost, and the node repeats its last message."""
        self.changed_s = 0.0
        """When the last message that was another one was sent [s]."""

    def send(self) -> None:
        if self.linked:  # never the same twice: a node that misses some sees a change all the same
            self._sent += 1
            self.axes[-1], self.changed_s = self._sent % 997 * 1e-4, time.monotonic()
        message = Joy(axes=self.axes, buttons=self.buttons)
        message.header.stamp = self.probe.stamp()
        self._publisher.publish(message)

    def push(self, forward=0.0, left=0.0, held=True) -> None:
        self.axes[1], self.axes[0], self.buttons[DEAD_MAN] = forward, left, int(held)

    def press(self, *buttons: int) -> None:
        """Down and up again."""
        for down in (1, 0):
            for button in buttons:
                self.buttons[button] = down
            self.play(4)

    def play(self, times: int) -> None:
        for _ in range(times):
            self.send()
            self.probe.spin(PERIOD_S)

    def wait(self, done, what: str) -> None:
        self.probe.wait(done, what, meanwhile=self.send, every_s=PERIOD_S)

    def seen_released(self, inputs: TeleopListener) -> None:
        """The dead man's button counts once it was seen released, by a node that knows of a gripper."""

        def be_there() -> None:
            self.send()
            if inputs.said and not inputs.values()["gripper_opening_m"]:
                inputs.state_gripper()

        self.push(held=False)
        self.probe.wait(
            lambda: inputs.said and inputs.message() == "hands off",
            "a joystick that is received",
            meanwhile=be_there,
            every_s=PERIOD_S,
        )
