"""teleop_node: an operator's input as proposals to the guard. Latest only, at the control rate, while it is held."""

from __future__ import annotations

import sys
import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import unknown_name
from gato_ros.core.teleop.operator_input import DeadMan, OperatorInput
from gato_ros.core.teleop.stick import twist_of
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.messages.diagnosis import OK, WARN, Diagnosis, status, values_of
from gato_ros.nodes.messages.joint_state import JointsRefused, gripper_opening_command, gripper_state, values_by_name
from gato_ros.nodes.messages.proposal import proposal_messages
from gato_ros.nodes.runtime.parameters import TeleopParameters
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import COMMAND, REPORT, STATE_IN
from gato_ros.nodes.teleop.device import make_device
from gato_ros.nodes.teleop.display import Display
from gato_ros.nodes.teleop.human_gripper import HumanGripper
from gato_ros.nodes.teleop.services import OperatorServices
from gato_ros.nodes.teleop.terminal import TerminalLine, terminal_behind

NAME = "teleop_node"
FRAMES = ("base", "tool")
LOOK_S = 0.01
"""Between two looks at the device [s]: so much later at most it is noticed that one has fallen silent."""
GUARD_SILENCE_S = 0.5
FINAL_ZEROS = 5
SPEED_STEP = 1.25
SLOWEST = 0.1
MISSING_GRIPPER = "nothing is known of the gripper yet"


class TeleopNode:
    """Reads one device, and proposes what it says on the contract's human topics."""

    def __init__(self, node: Node, parameters: TeleopParameters):
        self._node, self._parameters = node, parameters
        self._robot = robot = load_embodiment(parameters.embodiment)
        if parameters.frame not in FRAMES:
            raise unknown_name(f"a frame of {NAME}", parameters.frame, FRAMES)
        self._frame, self._speed_scale = parameters.frame, parameters.speed_scale
        self._full, self._period_s = robot.jog_upper, 1.0 / robot.control_rate_hz
        self._dead_man, self._gripper = DeadMan(parameters.ramp_s), HumanGripper(robot)
        self._kinematics, self._heading_rad = Kinematics(robot), None
        self._input, self._due_s, self._proposed = OperatorInput(), 0.0, 0
        self._guard_source, self._guard_says, self._guard_received_s = "nobody", "", -np.inf
        self._last_word, self._published_state = "", ""

        wire = robot.wire
        self._twist = node.create_publisher(TwistStamped, wire.human_twist, COMMAND)
        self._opening = node.create_publisher(JointState, wire.human_gripper, COMMAND)
        self._status = node.create_publisher(DiagnosticStatus, "~/status", REPORT)
        self._diagnosis = Diagnosis(node)
        node.create_subscription(JointState, wire.joint_states.topic, self._on_joints, STATE_IN)
        node.create_subscription(JointState, wire.gripper_states.topic, self._on_gripper, STATE_IN)
        node.create_subscription(JointState, wire.gripper_command, self._on_gripper_command, COMMAND)
        node.create_subscription(DiagnosticStatus, "guard_node/status", self._on_guard, REPORT)
        self._services = OperatorServices(node, self._say)
        # Last: from here on a terminal has to be put back.
        self._device = make_device(node, robot, parameters, self._step)
        path = terminal_behind(1)
        shown_on = self._device.screen or (TerminalLine(path) if path else None)
        self._display = Display(node.get_logger(), shown_on, self._device.help_text)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(LOOK_S, self._step, clock=steady)
        node.create_timer(0.1, self._look_around, clock=steady)
        node.create_timer(1.0, self._diagnose, clock=steady)

    # --- what is received ---

    def _on_joints(self, message: JointState) -> None:
        if self._frame == "base":
            return
        try:
            position = values_by_name(message, "position", self._robot.arm.joints, closed=False)
        except JointsRefused:
            return
        rotation = self._kinematics.tool(position).rotation
        self._heading_rad = float(np.arctan2(rotation[1, 0], rotation[0, 0]))

    def _on_gripper(self, message: JointState) -> None:
        try:
            opening, effort = gripper_state(message, self._robot)[:, 0]
        except JointsRefused:
            return
        self._gripper.seen(float(opening), float(effort))

    def _on_gripper_command(self, message: JointState) -> None:
        try:
            self._gripper.commanded(gripper_opening_command(message, self._robot))
        except JointsRefused:
            return

    def _on_guard(self, message: DiagnosticStatus) -> None:
        values, self._guard_received_s = values_of(message), time.monotonic()
        self._guard_source, reasons = values["source"], values["reasons"]
        self._guard_says = f"{message.message} ({reasons})" if reasons else message.message

    # --- what is done ---

    def _fault(self, now_s: float) -> str | None:
        if fault := self._device.fault(now_s):
            return fault
        if self._gripper.opening_m is None:
            return MISSING_GRIPPER
        return "nothing is known of the arm yet" if self._frame == "tool" and self._heading_rad is None else None

    def _step(self) -> None:
        """Look at the device, and propose where that is due."""
        now_s = time.monotonic()
        orders = self._device.orders(now_s)
        self._input = OperatorInput() if self._fault(now_s) else self._device.read(now_s)
        for order in orders:
            self._carry_out(order)
        if self._input.claims and self._input.opening_m is not None:
            self._gripper.set(self._input.opening_m)
        wanted = self._dead_man.step(self._input, now_s)
        if wanted.deflection is None or not (wanted.at_once or now_s >= self._due_s):
            return
        self._propose(wanted.deflection)
        # Deadlines, not pauses: the rate is the control rate, whatever a look takes.
        on_time = not wanted.at_once and now_s - self._due_s < self._period_s
        self._due_s = (self._due_s if on_time else now_s) + self._period_s
        if not self._input.claims:
            self._gripper.let_go()

    def _propose(self, deflection: np.ndarray) -> None:
        if self._gripper.opening_m is None:
            return
        heading_rad = self._heading_rad if self._frame == "tool" and self._heading_rad is not None else 0.0
        twist = twist_of(deflection, self._full, self._speed_scale, heading_rad)
        stamp = self._node.get_clock().now().to_msg()
        messages = proposal_messages(self._robot, ArmAction(twist, self._gripper.opening_m), stamp)
        for publisher, message in zip((self._twist, self._opening), messages):
            publisher.publish(message)
        self._proposed += 1

    def _carry_out(self, order: str) -> None:
        if order == "gripper":
            if not self._input.claims:
                return self._say("gripper: hold the dead man's button too")
            self._gripper.toggle()
        elif order in ("faster", "slower"):
            factor = SPEED_STEP if order == "faster" else 1.0 / SPEED_STEP
            self._speed_scale = float(np.clip(self._speed_scale * factor, SLOWEST, 1.0))
        elif order == "frame":
            self._frame = "tool" if self._frame == "base" else "base"
        elif order == "help":
            self._display.help()
        else:
            self._services.ask(order)

    # --- what is published ---

    def _say(self, what: str) -> None:
        self._last_word = what
        self._display.say(what)

    def _look_around(self) -> None:
        self._services.look()
        if time.monotonic() - self._guard_received_s > GUARD_SILENCE_S:
            self._guard_source, self._guard_says = "nobody", "SILENT: NOTHING MOVES"
        fault = self._fault(time.monotonic())
        self._display.show(self._line(fault), fault)
        if (now := self._state(fault)) != self._published_state:
            self._published_state = now
            self._tell()

    def _state(self, fault: str | None) -> str:
        return f"{fault} {self._input.claims} {self._input.held} {self._last_word} {self._services.recorder_there}"

    def _line(self, fault: str | None) -> str:
        opening_m = self._gripper.opening_m
        switch = "HELD" if self._input.held else "kept" if self._input.claims else "free"
        # The worst first: what is too long for the terminal is cut.
        return " | ".join(
            filter(
                None,
                (
                    fault,
                    f"{switch}, in command: {self._guard_source}",
                    f"guard {self._guard_says}",
                    "" if self._services.recorder_there else "NO RECORDER",
                    f"{1e3 * self._speed_scale * self._full[0]:.0f} mm/s {self._frame}",
                    "gripper ?" if opening_m is None else f"gripper {1e3 * opening_m:.0f} mm",
                ),
            )
        )

    def _tell(self) -> DiagnosticStatus:
        """Publish ~/status: every second, and at once when it is another."""
        fault = self._fault(time.monotonic())
        doing = "moving" if self._input.held else "keeping the arm" if self._input.claims else "hands off"
        others = self._node.count_publishers(self._twist.topic_name) - 1
        if others > 0:
            fault = f"{others} other publisher of {self._twist.topic_name}: two hands on one arm"
        opening_m = self._gripper.opening_m
        item = status(
            self._node,
            self._robot.name,
            WARN if fault else OK,
            fault or doing,
            {
                "device": self._parameters.device,
                "held": self._input.held,
                "claims": self._input.claims,
                "frame": self._frame,
                "speed_scale": f"{self._speed_scale:.3f}",
                "gripper_opening_m": "" if opening_m is None else f"{opening_m:.4f}",
                "proposed": self._proposed,
                "in_command": self._guard_source,
                "recorder": "there" if self._services.recorder_there else "missing",
                "last_word": self._last_word,
            },
        )
        self._status.publish(item)
        return item

    def _diagnose(self) -> None:
        self._diagnosis.publish(self._tell())

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        try:
            while not stop:
                executor.spin_once(timeout_sec=0.1)
        finally:
            try:
                for _ in range(FINAL_ZEROS if self._input.claims else 0):
                    self._propose(np.zeros(4))
                    time.sleep(LOOK_S)  # a word that is said while leaving is easily lost
            finally:
                self._device.close()
                self._display.close()


def main() -> int:
    return run_node(NAME, TeleopParameters, TeleopNode)


if __name__ == "__main__":
    sys.exit(main())
