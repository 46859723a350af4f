"""guard_node: the only publisher of robot commands. No JAX, no OpenCV: it must start fast and never stall."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState, TimeReference
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger

from gato_ros.core.arbiter import HUMAN, POLICY
from gato_ros.core.guard_settings import PARTS
from gato_ros.core.journal import Journaled
from gato_ros.core.proposal import RobotState
from gato_ros.core.verdict import Command, Level, Verdict
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.arm_command import ArmCommands
from gato_ros.nodes.clocks import instant, seconds
from gato_ros.nodes.command_watch import PERIOD_S, CommandWatch
from gato_ros.nodes.diagnosis import ERROR, OK, WARN, Diagnosis, status
from gato_ros.nodes.joint_message import JointsRefused, values_by_name
from gato_ros.nodes.parameters import GuardParameters
from gato_ros.nodes.process import Stop, run_node
from gato_ros.nodes.proposal_pair import ProposalPair, ProposalRefused
from gato_ros.nodes.quality import COMMAND, JOURNAL, PROPOSAL, REPORT, STATE_IN

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
        self._guard = Journaled(make_guard(
            robot, proposal_validity_s=parameters.proposal_validity_s, latch_after_s=parameters.latch_after_s,
            future_tolerance_s=parameters.future_tolerance_s, hand_back_ramp_s=parameters.hand_back_ramp_s,
            tick_s=1.0 / parameters.rate_hz,
            off=tuple(part.strip() for part in parameters.switched_off.split(",") if part.strip())))
        self._untold: list[str] = []
        for part in self._guard.off:
            node.get_logger().warning(f"THE GUARD IS SWITCHED OFF IN PART: {part} ({PARTS[part]})")
        self._arm_when_ready = parameters.start_armed
        self._period_s = 1.0 / parameters.rate_hz
        self._pairs = {source: ProposalPair(source, robot) for source in (HUMAN, POLICY)}
        self._state: RobotState | None = None
        self._pressed = {"topic": False, "service": False}
        self._counts = {"refused_joint_states": 0, "refused_proposals": 0, "deadlines_missed": 0, "liveliness_lost": 0}
        self._last_refusal, self._hurried_s = "", 0.0
        self._followed_stamp: Time | None = None
        self._told_opening_m: float | None = None
        self._failed = False
        self._latest: tuple[Command, Verdict] | None = None

        wire = robot.wire
        self._arm_commands = ArmCommands(robot)
        self._arm = node.create_publisher(self._arm_commands.message, wire.arm_command, COMMAND)
        self._gripper = node.create_publisher(JointState, wire.gripper_command, COMMAND)
        self._status = node.create_publisher(DiagnosticStatus, "~/status", REPORT)
        self._timing = node.create_publisher(TimeReference, "~/timing", REPORT)
        self._journal = node.create_publisher(String, "~/journal", JOURNAL)
        self._diagnosis = Diagnosis(node)
        self._watch = CommandWatch(node, (self._arm, self._gripper))
        self._subscribe(JointState, wire.joint_states.topic, self._on_joints, STATE_IN)
        self._subscribe(Bool, "e_stop", lambda message: self._press("topic", message.data), COMMAND)
        # A joystick's node need not offer a deadline; the guard's own timer judges both.
        for source, quality, twist, gripper in ((HUMAN, COMMAND, wire.human_twist, wire.human_gripper),
                                                (POLICY, PROPOSAL, wire.proposal_twist, wire.proposal_gripper)):
            pair = self._pairs[source]
            self._subscribe(TwistStamped, twist, self._half(pair, pair.on_twist), quality, pair)
            self._subscribe(JointState, gripper, self._half(pair, pair.on_gripper), quality, pair)
        node.create_service(Trigger, "~/reset", self._on_reset)
        node.create_service(SetBool, "~/emergency_stop", self._on_emergency_stop)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period_s, callback in ((self._period_s, self._tick), (PERIOD_S, self._look_around), (1.0, self._diagnose)):
            node.create_timer(period_s, self._latching(callback), clock=steady)

    def _subscribe(self, kind: type, topic: str, callback: Callable, quality, pair: ProposalPair | None = None) -> None:
        def incompatible(event) -> None:
            self._last_refusal = f"{topic}: a publisher of another quality of service ({event.last_policy_kind!s})"
            self._node.get_logger().warning(self._last_refusal)

        events = SubscriptionEventCallbacks(incompatible_qos=self._latching(incompatible))
        if quality is PROPOSAL:
            events.deadline = self._latching(lambda event: self._count("deadlines_missed", event.total_count_change))
            events.liveliness = self._latching(lambda event: self._on_liveliness(pair, event.alive_count))
        self._node.create_subscription(kind, topic, self._latching(callback), quality, event_callbacks=events)

    def _latching(self, callback: Callable) -> Callable:
        """`callback`, and a latch if it fails: a guard that misses messages unsaid is worse than one that stands."""
        def guarded(*arguments) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                self._fail(error)
        return guarded

    def _fail(self, error: Exception) -> None:
        self._failed = True
        self._guard.latch(f"callback_failed: {error!r}")
        self._node.get_logger().error(f"latched, and exit code 1 at the end: {error!r}")

    def _count(self, what: str, more: int = 1) -> None:
        self._counts[what] += more

    def _refuse(self, what: str, why: str) -> None:
        self._count(f"refused_{what}")
        self._last_refusal = f"{what}: {why}"

    def _on_liveliness(self, pair: ProposalPair, alive: int) -> None:
        if alive or pair.newest is None:
            return
        self._count("liveliness_lost")
        # Not on the word of a busy middleware alone: one that has just proposed is alive.
        if time.monotonic() - pair.newest.received_s > 1.0 / self._robot.control_rate_hz:
            pair.forget()
            self._tick()

    def _on_joints(self, message: JointState) -> None:
        received_s, names = time.monotonic(), self._robot.arm.joints
        try:
            position = values_by_name(message, "position", names, closed=False)
            velocity = values_by_name(message, "velocity", names, closed=False)
        except JointsRefused as refusal:
            return self._refuse("joint_states", str(refusal))
        self._state = self._kinematics.state(position, velocity, seconds(message.header.stamp), received_s)

    def _half(self, pair: ProposalPair, take: Callable) -> Callable:
        def receive(message) -> None:
            try:
                whole = take(message)
            except ProposalRefused as refusal:
                return self._refuse("proposals", str(refusal))
            # Followed at once: the timer alone would keep it waiting for a period. A flood is left to the timer.
            if whole and pair.newest.received_s - self._hurried_s > 0.5 / self._robot.control_rate_hz:
                self._hurried_s = pair.newest.received_s
                self._tick()
        return receive

    def _press(self, by: str, pressed: bool) -> None:
        self._pressed[by] = pressed
        self._guard.emergency_stop(any(self._pressed.values()))
        if pressed:
            self._tick()

    def _on_emergency_stop(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._latching(self._press)("service", request.data)
        response.success, response.message = True, "pressed" if any(self._pressed.values()) else "released"
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        refused = self._reset()
        response.success = refused is None
        response.message = "armed" if refused is None else f"refused: {refused}"
        return response

    def _reset(self) -> str | None:
        try:
            return self._watch.fault() or self._guard.reset(self._state, instant(self._node))
        except Exception as error:
            self._fail(error)
            return repr(error)

    def _look_around(self) -> None:
        if fault := self._watch.fault():
            self._guard.latch(fault)

    def _tick(self) -> None:
        """One step of the guard; it reckons with the time that really passed since the last."""
        if self._arm_when_ready and self._reset() is None:
            self._arm_when_ready = False
        try:
            began_s = time.monotonic()
            step = self._step()
            if time.monotonic() - began_s > 2 * self._period_s:
                # Suspended between the step and the wire: what it said is of the past.
                step = self._step()
        except Exception as error:
            # The guard itself is broken: nothing is left to say but zero.
            self._fail(error)
            ages = (float("inf"), float("inf"))
            step = (Command(np.zeros(len(self._robot.arm.joints)), self._told_opening_m),
                    Verdict(Level.LATCHED, (self._guard.latched or "step_failed",), *ages, off=self._guard.off))
        self._publish(*step)
        self._publish_journal()

    def _step(self) -> tuple[Command, Verdict]:
        proposals = {source: pair.newest for source, pair in self._pairs.items()}
        return self._guard.step(proposals, self._state, instant(self._node))

    def _publish_journal(self) -> None:
        """Every call of the guard, exact, for `replay`: a line each, some together, where somebody listens."""
        self._untold += self._guard.take(wanted=self._journal.get_subscription_count() > 0)
        if sum(map(len, self._untold)) >= JOURNAL_BYTES:
            self._journal.publish(String(data="\n".join(self._untold)))
            self._untold.clear()

    def _publish(self, command: Command, verdict: Verdict) -> None:
        stamp = self._node.get_clock().now().to_msg()
        arm = self._arm_commands.of(command.joint_velocity, self._state, stamp)
        if arm is not None:
            self._arm.publish(arm)
        stopped_now = self._latest is not None and self._latest[1].following and not verdict.following
        proposed = self._pairs[verdict.source].stamp if verdict.following else None
        new = verdict.following and proposed != self._followed_stamp
        opening_m = command.gripper_opening_m
        # The gripper holds a position by itself: told once per proposal, and once more when the arm stops.
        if opening_m is not None and (new or stopped_now or opening_m != self._told_opening_m):
            gripper = JointState(name=[self._robot.gripper.joint], position=[opening_m])
            gripper.header.stamp = stamp
            self._gripper.publish(gripper)
            self._told_opening_m = opening_m
        if new:
            self._followed_stamp = proposed
            timing = TimeReference(time_ref=proposed, source="proposal")
            timing.header.stamp = stamp
            self._timing.publish(timing)
        self._latest = (command, verdict)
        self._status.publish(self._status_message(verdict))

    def _status_message(self, verdict: Verdict) -> DiagnosticStatus:
        level = WARN if verdict.off and LEVELS[verdict.level] == OK else LEVELS[verdict.level]
        return status(self._node, self._robot.name, level, verdict.level.value, {
            "reasons": ",".join(verdict.reasons), "source": verdict.source, "off": ",".join(verdict.off),
            "proposal_age_ms": f"{verdict.proposal_age_s * 1e3:.1f}",
            "state_age_ms": f"{verdict.state_age_s * 1e3:.1f}"})

    def _diagnose(self) -> None:
        if self._latest is None:
            return
        item = self._status_message(self._latest[1])
        extra = {**self._counts, "last_refusal": self._last_refusal, "guard_digest": self._robot.guard_digest}
        item.values.extend(status(self._node, "", OK, "", extra).values)
        self._diagnosis.publish(item)

    def run(self, stop: Stop) -> int:
        executor = SingleThreadedExecutor(context=self._node.context)
        executor.add_node(self._node)
        try:
            while not stop:
                executor.spin_once(timeout_sec=0.1)
        finally:
            self._come_to_rest()
        return 1 if self._failed else 0

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
