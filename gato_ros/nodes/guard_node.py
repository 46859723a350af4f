"""guard_node: the only publisher of robot commands. No JAX, no OpenCV: it must start fast and never stall."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from inspect import signature

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.core.guard.arbiter import POLICY
from gato_ros.core.guard.guard import NOT_ARMED
from gato_ros.core.guard.incident_filter import DEACTIVATED, SHUTDOWN
from gato_ros.core.guard.neighbours.neighbour import NeighbourState
from gato_ros.core.guard.settings import PARTS
from gato_ros.core.guard.verdict import Command, Level, Verdict
from gato_ros.core.records.journal import Journaled
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.nodes.guard.command_publisher import CommandPublisher
from gato_ros.nodes.guard.command_watch import PERIOD_S, CommandWatch
from gato_ros.nodes.guard.inputs import GuardInputs
from gato_ros.nodes.guard.shadow import GuardShadow
from gato_ros.nodes.messages.clocks import instant
from gato_ros.nodes.messages.diagnosis import ERROR, OK, WARN, KeptStatus, status, values_of
from gato_ros.nodes.runtime.managed_node import LOOK_S, ManagedNode, run_managed_node
from gato_ros.nodes.runtime.parameters import GuardParameters
from gato_ros.nodes.runtime.qos import JOURNAL

NAME = "guard_node"
FINAL_ZEROS, HANDED_OVER_ZEROS = 5, 2
"""How often a standstill is said by a process that ends, and by one that stays and can still repeat what was lost."""
STANDING_RAD_S = 0.05
"""Joints that report less than this stand still."""
STANDING_LIMIT_S = 0.5
"""How long the node waits for an arm to stand after its stop [s]."""
JOURNAL_STEPS = 3
"""So many steps of the journal go into one message: to write and send each by itself costs more. With 7 kB a step well
within a datagram."""
INACTIVE = "inactive"
LEVELS = {Level.OK: OK, Level.LIMITED: OK, Level.STOPPING: WARN, Level.LATCHED: ERROR}


class GuardNode:
    """Feeds the newest messages to `Guard.step` at a fixed rate and publishes what it returns."""

    def __init__(self, node: ManagedNode, parameters: GuardParameters):
        self._node = node
        self.robot = robot = load_embodiment(parameters.embodiment)
        self.keys = self.act_ms_p99 = None
        make = partial(
            make_guard,
            robot,
            proposal_validity_s=parameters.proposal_validity_s,
            latch_after_s=parameters.latch_after_s,
            future_tolerance_s=parameters.future_tolerance_s,
            hand_back_ramp_s=parameters.hand_back_ramp_s,
            tick_s=1.0 / parameters.rate_hz,
            off=tuple(part.strip() for part in parameters.switched_off.split(",") if part.strip()),
        )
        self._guard = Journaled(make())
        self._unwritten = 0
        for part in self._guard.off:
            node.get_logger().warning(f"THE GUARD IS SWITCHED OFF IN PART: {part} ({PARTS[part]})")
        self.active, self._start_armed, self._arm_when_ready = False, parameters.start_armed, False
        self._period_s = 1.0 / parameters.rate_hz
        self._pressed = {"topic": False, "service": False}
        self._failed, self._in_shadow = False, "on" if parameters.shadow else "off"
        self._latest: tuple[Command, Verdict] | None = None
        self._due_s = self._stepped_s = 0.0
        self._take_step = self._latching(self._tick)

        self._status = KeptStatus(node, robot.name)
        topics = (robot.wire.arm_command, robot.wire.gripper_command, robot.base_topics[1])
        self._commands = CommandPublisher(node, robot, *topics)
        self._journal = node.create_publisher(String, "~/journal", JOURNAL)
        self._watch = CommandWatch(node, self._commands.all)
        self._shadow = None
        if parameters.shadow:
            node.get_logger().warning("SHADOW MODE: the policy moves nothing; what it would do is on shadow/*")
            self._shadow = GuardShadow(node, robot, make(), parameters.proposal_validity_s)
        self._inputs = GuardInputs(node, robot, self._latching, self._tick_now, lambda on: self._press("topic", on))
        node.create_service(Trigger, "~/reset", self._on_reset)
        node.create_service(SetBool, "~/emergency_stop", self._on_emergency_stop)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period_s, callback in ((PERIOD_S, self._look_around), (1.0, self._diagnose)):
            node.create_timer(period_s, self._latching(callback), clock=steady)

    # --- the life cycle ---

    def objections(self) -> tuple[str, ...]:
        """None: whatever latched it, an active guard says zero until a reset."""
        return ()

    def activate(self) -> None:
        """Say zero from now on, and move after a reset."""
        # In simulation no reset is needed, unless something had gone wrong before.
        self._arm_when_ready = self._start_armed and self._guard.latched in (NOT_ARMED, DEACTIVATED)
        self.active = True
        # The gate has held up the callbacks: what the joints have said meanwhile is taken here, or they would be old.
        self._inputs.take_joints()
        self._tick()

    def deactivate(self) -> str | None:
        """Decelerate, say zero, and let go of the arm once its joints say that they stand.

        An inactive guard is silent: whoever else drives the arm then must not be answered with zeros at 100 Hz, and a
        velocity-controlled robot holds by its own timeout. What it may not do is go silent while the arm moves.
        """
        self._stay(DEACTIVATED)
        self._come_to_rest(HANDED_OVER_ZEROS)
        end_s = time.monotonic() + STANDING_LIMIT_S
        while (speed := self._measured_speed()) > STANDING_RAD_S:
            if time.monotonic() > end_s:
                return f"the joints still move at {speed:.2f} rad/s"
            self._come_to_rest(1)
        self.active, self._latest = False, None
        return None

    def _measured_speed(self) -> float:
        """Of the fastest joint [rad/s]; zero where nothing is received of them, which the log tells."""
        # A transition is a callback: what arrives meanwhile has to be taken here.
        self._inputs.take_joints()
        state, now_s = self._inputs.state, time.monotonic()
        if state is None or now_s - state.received_s > STANDING_LIMIT_S:
            self._node.get_logger().warning("deactivated without knowing that the arm stands: no joint states")
            return 0.0
        return float(np.abs(state.joint_velocity).max())

    def work(self) -> float:
        """Take the step that is due; no executor's timer is trusted with it, and no queue of messages is before it."""
        if not self.active:
            return LOOK_S
        if (now_s := time.monotonic()) >= self._due_s:
            self._take_step()
            self._due_s += self._period_s
            if self._due_s <= now_s:
                self._due_s = now_s + self._period_s  # what was missed is not made up for
        return self._due_s - time.monotonic()

    def close(self) -> int:
        if self.active:
            self._stay(SHUTDOWN)
            self._come_to_rest(FINAL_ZEROS)
            self.active = False
        return 1 if self._failed else 0

    def _stay(self, reason: str) -> None:
        self._arm_when_ready = False
        self._guard.latch(reason)

    def _come_to_rest(self, zeros: int) -> None:
        """Decelerate, then say zero so many times: explicit zeros end every motion."""
        while zeros > 0:
            time.sleep(self._period_s)
            self._tick()
            zeros -= self._latest[0].at_rest

    # --- callbacks ---

    def _latching(self, callback: Callable) -> Callable:
        """`callback`, and a latch if it fails: a guard that misses messages unsaid is worse than one that stands."""

        def guarded(*arguments) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                self._fail(error)

        # The executor inspects, every time, whether a timer's callback takes the timer as an argument.
        guarded.__signature__ = signature(callback)
        return guarded

    def _fail(self, error: Exception) -> None:
        self._failed = True
        self._guard.latch(f"callback_failed: {error!r}")
        self._node.get_logger().error(f"latched, and exit code 1 at the end: {error!r}")

    def _press(self, by: str, pressed: bool) -> None:
        self._pressed[by] = pressed
        self._guard.emergency_stop(any(self._pressed.values()))
        if pressed:
            self._tick_now()

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
        if not self.active:
            return "inactive"
        try:
            now = instant(self._node)
            refused = self._watch.fault() or self._guard.reset(self._inputs.state, now, *self._beside())
            if refused is None and self._shadow is not None:
                self._shadow.reset(self._inputs.state, now, *self._beside())
            return refused
        except Exception as error:
            self._fail(error)
            return repr(error)

    def _look_around(self) -> None:
        if self.active and (fault := self._watch.fault()):
            self._guard.latch(fault)

    def _tick_now(self) -> None:
        """A step that cannot wait; the next one is due a period later, so that there are as many as the rate says.

        A stop that begins right behind a step has had no time yet to slow the arm down: the next step comes soon.
        """
        since_s, soon_s = time.monotonic() - self._stepped_s, self._period_s / 2
        self._tick()
        stopped = self._latest is not None and not self._latest[1].following
        self._due_s = time.monotonic() + (soon_s if stopped and since_s < soon_s else self._period_s)

    def _tick(self) -> None:
        """One step of the guard; it reckons with the time that really passed since the last."""
        if not self.active:
            return
        if self._arm_when_ready and self._reset() is None:
            self._arm_when_ready = False
        self._stepped_s = began_s = time.monotonic()
        try:
            step = self._step()
            if time.monotonic() - began_s > 2 * self._period_s:
                # Suspended between the step and the wire: what it said is of the past.
                step = self._step()
        except Exception as error:
            # The guard itself is broken: nothing is left to say but zero.
            self._fail(error)
            ages = (float("inf"), float("inf"))
            step = (
                Command(np.zeros(len(self.robot.arm.joints)), self._commands.last_opening_m),
                Verdict(Level.LATCHED, (self._guard.latched or "step_failed",), *ages, off=self._guard.off),
            )
        self._publish(*step)
        self._publish_journal()
        if self._shadow is not None:
            self._latching(self._shadow.step)(
                self._inputs.proposals(),
                self._inputs.pairs[POLICY].stamp,
                self._inputs.state,
                instant(self._node),
                *self._beside(),
            )

    def _step(self) -> tuple[Command, Verdict]:
        proposals = self._inputs.proposals()
        if self._shadow is not None:
            proposals[POLICY] = None  # the one place that keeps a policy in shadow mode from the robot
        return self._guard.step(proposals, self._inputs.state, instant(self._node), *self._beside())

    def _beside(self) -> tuple[dict[str, NeighbourState | None], ...]:
        """The states of other arms; nothing where there are none, and journals stay what they were."""
        return (self._inputs.neighbours(),) if self.robot.guard_neighbours else ()

    def _publish_journal(self) -> None:
        """Every call of the guard, exact, for `replay`: a line each, some together, where somebody listens."""
        self._unwritten += 1
        if self._unwritten >= JOURNAL_STEPS:
            self._unwritten = 0
            if lines := self._guard.take(wanted=self._journal.get_subscription_count() > 0):
                self._journal.publish(String(data="\n".join(lines)))

    def _publish(self, command: Command, verdict: Verdict) -> None:
        proposed = self._inputs.pairs[verdict.source].stamp if verdict.following else None
        self._commands.publish(command, verdict, proposed, self._inputs.state)
        self._latest = (command, verdict)
        self.tell()

    def tell(self) -> None:
        """Publish ~/status."""
        self._node.status.publish(self._status_message())

    def _status_message(self) -> DiagnosticStatus:
        if self._latest is None:
            refusals = self._node.refusals
            return self._status.filled(
                WARN if refusals else OK,
                INACTIVE,
                reasons="; ".join(refusals),
                source="",
                off=",".join(self._guard.off),
                proposal_age_ms="inf",
                state_age_ms="inf",
                shadow=self._in_shadow,
            )
        verdict = self._latest[1]
        level = WARN if verdict.off and LEVELS[verdict.level] == OK else LEVELS[verdict.level]
        return self._status.filled(
            level,
            verdict.level.value,
            reasons=",".join(verdict.reasons),
            source=verdict.source,
            off=",".join(verdict.off),
            proposal_age_ms=f"{verdict.proposal_age_s * 1e3:.1f}",
            state_age_ms=f"{verdict.state_age_s * 1e3:.1f}",
            shadow=self._in_shadow,
        )

    def _diagnose(self) -> None:
        item = self._status_message()
        more = {
            **self._inputs.counts,
            "last_refusal": self._inputs.last_refusal,
            "guard_digest": self.robot.guard_digest,
        }
        self._node.diagnosis.publish(
            status(self._node, item.hardware_id, item.level, item.message, {**values_of(item), **more})
        )
        if not self.active:
            self.tell()


def main() -> int:
    return run_managed_node(NAME, GuardParameters, GuardNode, "guard")


if __name__ == "__main__":
    sys.exit(main())
