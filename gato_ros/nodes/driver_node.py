"""driver_node: a real robot, or a mock, behind the same topics as sim_node. What it may do is in `core.driver`."""

from __future__ import annotations

import math
import sys
import time
from concurrent.futures import Future

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from gato_ros.core.driver import RobotDriver, RobotReport
from gato_ros.core.errors import unknown_name
from gato_ros.core.timing.freshness import Sample, timing_fault
from gato_ros.drivers.mock import MockDriver
from gato_ros.drivers.sawyer import SawyerDriver
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.nodes.guard.arm_command import demand_joint_state
from gato_ros.nodes.messages.clocks import CLOCK_SET_S, SampleStamps, instant, seconds
from gato_ros.nodes.messages.diagnosis import ERROR, OK, WARN, Diagnosis, status
from gato_ros.nodes.messages.joint_state import JointsRefused, arm_velocity_command, gripper_opening_command
from gato_ros.nodes.runtime.parameters import DriverParameters
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import COMMAND, REPORT, STATE_OUT

NAME = "driver_node"
DRIVERS = ("mock", "sawyer")
POLL_S = 0.005
"""Between two looks at the robot [s]: joint states come at 100 Hz and are passed on as they come."""
STATUS_S = 0.1
ANSWER_LIMIT_S = 90.0
"""Longer than joints take to find home."""
FUTURE_S = 0.05
"""So far ahead of our clock [s] a stamp may be."""


def make_driver(robot: Embodiment, parameters: DriverParameters) -> RobotDriver:
    """The driver that the parameters name; SetupError if there is no such one."""
    if parameters.driver not in DRIVERS:
        raise unknown_name("a driver", parameters.driver, DRIVERS)
    if parameters.driver == "mock":
        return MockDriver(robot)
    return SawyerDriver(robot, parameters.host, parameters.port, parameters.keys, parameters.insecure)


class DriverNode:
    """Passes commands on, once each, and what the robot says back. Everything in one thread, nothing waits."""

    def __init__(self, node: Node, parameters: DriverParameters):
        self._node, self._robot = node, load_embodiment(parameters.embodiment)
        robot, wire = self._robot, self._robot.wire
        demand_joint_state(robot, NAME)
        self._driver = make_driver(robot, parameters)
        if parameters.driver == "sawyer" and parameters.insecure:
            node.get_logger().warning("insecure: nothing is encrypted, and whoever reaches sawyer_agent moves the arm")
        self._report = RobotReport()
        self._published_s = {"joints": -math.inf, "gripper": -math.inf}
        clock_ns = lambda: node.get_clock().now().nanoseconds  # noqa: E731
        self._stamps = {what: SampleStamps(clock_ns) for what in self._published_s}
        self._moving, self._command_s, self._stamp_s = False, 0.0, -math.inf
        self._refused, self._last_refusal, self._timeouts, self._pressed = 0, "", 0, False
        self._stop: Stop | bool = False
        self._joints = node.create_publisher(JointState, wire.joint_states.topic, STATE_OUT)
        self._gripper = node.create_publisher(JointState, wire.gripper_states.topic, STATE_OUT)
        self._e_stop = node.create_publisher(Bool, "e_stop", COMMAND)
        self._status = node.create_publisher(DiagnosticStatus, "~/status", REPORT)
        self._diagnosis = Diagnosis(node)
        node.create_subscription(JointState, wire.arm_command, self._on_arm, COMMAND)
        node.create_subscription(JointState, wire.gripper_command, self._on_gripper, COMMAND)
        node.create_service(SetBool, "~/enable", self._on_enable)
        node.create_service(Trigger, "~/home", self._on_home)
        node.add_on_set_parameters_callback(self._on_parameters)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period_s, callback in ((POLL_S, self._poll), (STATUS_S, self._tell), (1.0, self._diagnose)):
            node.create_timer(period_s, callback, clock=steady)
        self._enable_when_linked = parameters.enable_at_start

    # --- commands ---

    def _refuse(self, why: str) -> None:
        self._refused += 1
        self._last_refusal = why

    def _on_arm(self, message: JointState) -> None:
        now = instant(self._node)
        try:
            velocity = arm_velocity_command(message, self._robot)
        except JointsRefused as refusal:
            return self._refuse(f"arm: {refusal}")
        # By its stamp as well: what has waited in a queue is not what is wanted now.
        stamp_s = seconds(message.header.stamp)
        if fault := timing_fault(
            Sample(None, stamp_s, now.steady_s), now, self._robot.arm.velocity_timeout_s / 2, FUTURE_S
        ):
            return self._refuse(f"arm: {fault}")
        if 0.0 <= self._stamp_s - stamp_s < CLOCK_SET_S:
            return self._refuse("arm: a command that came before")
        self._stamp_s, self._command_s, self._moving = stamp_s, now.steady_s, bool(velocity.any())
        self._driver.move(dict(zip(self._robot.arm.joints, velocity.tolist())))

    def _on_gripper(self, message: JointState) -> None:
        try:
            opening_m = gripper_opening_command(message, self._robot)
        except JointsRefused as refusal:
            return self._refuse(f"gripper: {refusal}")
        self._driver.grip(opening_m)

    # --- requests ---

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if not request.data:
            self._driver.stop()
            response.success, response.message = True, "stopped"
            return response
        return self._ask(self._driver.enable(), response)

    def _on_home(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._ask(self._driver.enable(home=True), response)

    def _ask(self, answer: Future[str], response):
        """Waits, for seconds, and takes no commands meanwhile; what the robot says goes on being passed on."""
        # Not a coroutine: while one waits, rclpy's executor runs it over and over, and no timer any more.
        end_s, reported_s = time.monotonic() + ANSWER_LIMIT_S, 0.0
        while not (answer.done() or self._stop or time.monotonic() > end_s):
            time.sleep(POLL_S)
            self._poll()
            if time.monotonic() - reported_s > STATUS_S:
                reported_s = time.monotonic()
                self._tell()
        text = answer.result() if answer.done() else "the robot did not answer"
        response.success, response.message = not text, text or "enabled"
        return response

    def _on_parameters(self, parameters) -> SetParametersResult:
        for item in parameters:
            if item.name == "mock_e_stop" and isinstance(self._driver, MockDriver):
                self._driver.press_e_stop(item.value)
            elif item.name == "mock_e_stop" and item.value:
                return SetParametersResult(successful=False, reason="this robot has an emergency stop of its own")
        return SetParametersResult(successful=True)

    # --- what the robot says ---

    def _poll(self) -> None:
        now_s = time.monotonic()
        if self._moving and now_s - self._command_s > self._robot.arm.velocity_timeout_s / 2:
            # The driver stops the arm by itself a little later; said is better than left to it.
            self._moving, self._timeouts = False, self._timeouts + 1
            self._driver.rest()
        before, report = self._report, self._driver.report()
        self._report = report
        if report.refused != before.refused:
            self._last_refusal = report.last_refusal
        if report.joints is not None:
            joints = JointState(
                name=self._robot.arm.joints,
                position=report.joints.position.tolist(),
                velocity=report.joints.velocity.tolist(),
            )
            self._pass_on("joints", self._joints, joints, report.joints.sampled_s)
        if report.gripper is not None:
            gripper = JointState(
                name=[self._robot.gripper.joint], position=[report.gripper.opening_m], effort=[report.gripper.force_n]
            )
            self._pass_on("gripper", self._gripper, gripper, report.gripper.sampled_s)
        if report.e_stop != self._pressed:
            self._say_e_stop()
        if self._enable_when_linked and report.linked and report.joints is not None:
            self._enable_when_linked = False
            self._driver.enable()

    def _pass_on(self, what: str, publisher, message: JointState, sampled_s: float) -> None:
        """A sample that is new, under the time at which it was taken."""
        if sampled_s <= self._published_s[what]:
            return
        self._published_s[what] = sampled_s
        stamp = message.header.stamp
        stamp.sec, stamp.nanosec = divmod(self._stamps[what].stamp_ns(sampled_s), 1_000_000_000)
        message.header.frame_id = self._robot.base_frame if what == "joints" else ""
        publisher.publish(message)

    def _say_e_stop(self) -> None:
        self._pressed = self._report.e_stop
        self._e_stop.publish(Bool(data=self._pressed))

    def _message(self) -> DiagnosticStatus:
        report = self._report
        level = OK if report.ready else ERROR if report.e_stop or not report.linked else WARN
        return status(
            self._node,
            self._robot.name,
            level,
            "ready" if report.ready else report.fault,
            {
                "linked": report.linked,
                "enabled": report.enabled,
                "e_stop": report.e_stop,
                "ready": report.ready,
                "fault": report.fault,
                "refused_commands": self._refused + report.refused,
                "last_refusal": self._last_refusal,
                "command_timeouts": self._timeouts,
                "robot_stops": report.stops,
            },
        )

    def _tell(self) -> None:
        self._status.publish(self._message())
        if self._pressed:
            # Again and again: a guard that starts later has to receive it, and another source must not undo it.
            self._say_e_stop()

    def _diagnose(self) -> None:
        self._diagnosis.publish(self._message())

    def run(self, stop: Stop) -> None:
        self._stop, executor = stop, SingleThreadedExecutor(context=self._node.context)
        executor.add_node(self._node)
        try:
            while not stop:
                executor.spin_once(timeout_sec=0.1)
        finally:
            self._driver.close()


def main() -> int:
    return run_node(NAME, DriverParameters, DriverNode)


if __name__ == "__main__":
    sys.exit(main())
