"""guard_node: the only publisher of robot commands. No JAX, no OpenCV: it must start fast and never stall."""

from __future__ import annotations

import sys
import time

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState, TimeReference
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from gato_ros.core.guard import Command, Guard, GuardSettings, Level, Proposal, RobotState, Verdict
from gato_ros.core.journal import Journaled
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics, differential_ik
from gato_ros.nodes.clocks import instant, seconds
from gato_ros.nodes.diagnosis import ERROR, OK, WARN, Diagnosis, status
from gato_ros.nodes.joint_message import JointsRefused, values_by_name
from gato_ros.nodes.parameters import GuardParameters
from gato_ros.nodes.process import Stop, run_node
from gato_ros.nodes.quality import COMMAND, JOURNAL, REPORT, STATE_IN

NAME = "guard_node"
FINAL_ZEROS = 5
JOURNAL_BYTES = 20_000
"""So much of the journal goes into one message, some steps: many small ones cost more. Well within a datagram."""
LEVELS = {Level.OK: OK, Level.LIMITED: OK, Level.STOPPING: WARN, Level.LATCHED: ERROR}


class GuardNode:
    """Feeds the newest messages to `Guard.step` at a fixed rate and publishes what it returns."""

    def __init__(self, node: Node, parameters: GuardParameters):
        self._node = node
        self._robot = robot = load_embodiment(parameters.embodiment)
        self._kinematics = Kinematics(robot)
        self._guard = Journaled(Guard(robot.motion_limits, differential_ik(robot), GuardSettings(
            stroke_m=robot.gripper.stroke_m, proposal_validity_s=parameters.proposal_validity_s,
            state_max_age_s=robot.wire.joint_states.max_age_s, future_tolerance_s=parameters.future_tolerance_s,
            latch_after_s=parameters.latch_after_s, tick_s=1.0 / parameters.rate_hz)))
        self._untold: list[str] = []
        self._arm_when_ready = parameters.start_armed
        self._period_s = 1.0 / parameters.rate_hz
        # Halves of a proposal: stamp, value, receipt on the steady clock [s].
        self._twist: tuple[Time, np.ndarray, float] | None = None
        self._opening: tuple[Time, float, float] | None = None
        self._proposal: Proposal | None = None
        self._state: RobotState | None = None
        self._refused = {"joint_states": 0, "proposals": 0}
        self._last_refusal, self._hurried_s = "", 0.0
        self._proposal_stamp: Time | None = None
        self._followed_stamp: Time | None = None

        wire = robot.wire
        self._arm = node.create_publisher(JointState, wire.arm_command, COMMAND)
        self._gripper = node.create_publisher(JointState, wire.gripper_command, COMMAND)
        self._status = node.create_publisher(DiagnosticStatus, "~/status", REPORT)
        self._timing = node.create_publisher(TimeReference, "~/timing", REPORT)
        self._journal = node.create_publisher(String, "~/journal", JOURNAL)
        self._diagnosis = Diagnosis(node)
        for kind, topic, callback, quality in (
                (JointState, wire.joint_states.topic, self._on_joints, STATE_IN),
                (TwistStamped, wire.proposal_twist, self._on_twist, COMMAND),
                (JointState, wire.proposal_gripper, self._on_gripper_proposal, COMMAND),
                (Bool, "e_stop", lambda message: self._guard.emergency_stop(message.data), COMMAND)):
            node.create_subscription(kind, topic, self._latching(callback), quality)
        node.create_service(Trigger, "~/reset", self._on_reset)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(self._period_s, self._tick, clock=steady)
        node.create_timer(1.0, self._diagnose, clock=steady)
        self._latest: tuple[Command, Verdict] | None = None

    def _latching(self, callback):
        def guarded(message) -> None:
            try:
                callback(message)
            except Exception as error:
                # A guard that misses messages without saying so is worse than one that has stopped.
                self._guard.latch(f"callback_failed: {error!r}")
        return guarded

    def _refuse(self, what: str, why: str) -> None:
        self._refused[what] += 1
        self._last_refusal = f"{what}: {why}"

    def _on_joints(self, message: JointState) -> None:
        received_s, names = time.monotonic(), self._robot.arm.joints
        try:
            position = values_by_name(message, "position", names, closed=False)
            velocity = values_by_name(message, "velocity", names, closed=False)
        except JointsRefused as refusal:
            return self._refuse("joint_states", str(refusal))
        tool = self._kinematics.tool(position)
        self._state = RobotState(position, velocity, seconds(message.header.stamp), received_s, tool.position,
                                 tool.rotation, tool.jacobian)

    def _on_twist(self, message: TwistStamped) -> None:
        if message.header.frame_id != self._robot.base_frame:
            return self._refuse("proposals", f"a twist in frame {message.header.frame_id!r}")
        if message.twist.angular.x or message.twist.angular.y:
            return self._refuse("proposals", "rotation about x or y: the gripper points down")
        linear = message.twist.linear
        twist = np.array([linear.x, linear.y, linear.z, message.twist.angular.z])
        self._twist = (message.header.stamp, twist, time.monotonic())
        self._pair()

    def _on_gripper_proposal(self, message: JointState) -> None:
        try:
            opening = values_by_name(message, "position", [self._robot.gripper.joint], closed=True)[0]
        except JointsRefused as refusal:
            return self._refuse("proposals", str(refusal))
        self._opening = (message.header.stamp, float(opening), time.monotonic())
        self._pair()

    def _pair(self) -> None:
        """The two halves of a proposal carry one stamp; they may arrive in either order."""
        if self._twist is None or self._opening is None or self._twist[0] != self._opening[0]:
            return
        (stamp, twist, twist_s), (_, opening, opening_s) = self._twist, self._opening
        self._proposal = Proposal(twist, opening, seconds(stamp), min(twist_s, opening_s))
        self._proposal_stamp = stamp
        # Followed at once: the timer alone would keep it waiting for up to a period. A flood is left to the timer.
        if min(twist_s, opening_s) - self._hurried_s > 0.5 / self._robot.control_rate_hz:
            self._hurried_s = min(twist_s, opening_s)
            self._tick()

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        refused = self._guard.reset(self._state, instant(self._node))
        response.success = refused is None
        response.message = "armed" if refused is None else f"refused: {refused}"
        return response

    def _tick(self) -> None:
        """One step of the guard; it reckons with the time that really passed since the last."""
        now = instant(self._node)
        if self._arm_when_ready and self._guard.reset(self._state, now) is None:
            self._arm_when_ready = False
        self._publish(*self._guard.step(self._proposal, self._state, now))
        self._publish_journal()

    def _publish_journal(self) -> None:
        """Every call of the guard, exact, for `replay`: a line each, some together, where somebody listens."""
        self._untold += self._guard.take(wanted=self._journal.get_subscription_count() > 0)
        if sum(map(len, self._untold)) >= JOURNAL_BYTES:
            self._journal.publish(String(data="\n".join(self._untold)))
            self._untold.clear()

    def _publish(self, command: Command, verdict: Verdict) -> None:
        stamp = self._node.get_clock().now().to_msg()
        arm = JointState(name=self._robot.arm.joints, velocity=command.joint_velocity.tolist())
        arm.header.stamp, arm.header.frame_id = stamp, self._robot.base_frame
        self._arm.publish(arm)
        stopped_now = self._latest is not None and self._latest[1].following and not verdict.following
        new = verdict.following and self._proposal_stamp != self._followed_stamp
        # The gripper holds a position by itself: told once per proposal, and once more when the arm stops.
        if new or (stopped_now and command.gripper_opening_m is not None):
            gripper = JointState(name=[self._robot.gripper.joint], position=[command.gripper_opening_m])
            gripper.header.stamp = stamp
            self._gripper.publish(gripper)
        if new:
            self._followed_stamp = self._proposal_stamp
            timing = TimeReference(time_ref=self._proposal_stamp, source="proposal")
            timing.header.stamp = stamp
            self._timing.publish(timing)
        self._latest = (command, verdict)
        self._status.publish(self._status_message(verdict))

    def _status_message(self, verdict: Verdict) -> DiagnosticStatus:
        return status(self._node, self._robot.name, LEVELS[verdict.level], verdict.level.value, {
            "reasons": ",".join(verdict.reasons), "proposal_age_ms": f"{verdict.proposal_age_s * 1e3:.1f}",
            "state_age_ms": f"{verdict.state_age_s * 1e3:.1f}"})

    def _diagnose(self) -> None:
        if self._latest is None:
            return
        item = self._status_message(self._latest[1])
        extra = {f"refused_{name}": count for name, count in self._refused.items()}
        extra["last_refusal"] = self._last_refusal
        item.values.extend(status(self._node, "", OK, "", extra).values)
        self._diagnosis.publish(item)

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        try:
            while not stop:
                executor.spin_once(timeout_sec=0.1)
        finally:
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        """Decelerate, then say zero several times: explicit zeros end every motion."""
        self._guard.latch("shutdown")
        zeros = 0
        while zeros < FINAL_ZEROS:
            time.sleep(self._period_s)
            self._tick()
            zeros += not self._latest[0].joint_velocity.any()


def main() -> int:
    return run_node(NAME, GuardParameters, GuardNode)


if __name__ == "__main__":
    sys.exit(main())
