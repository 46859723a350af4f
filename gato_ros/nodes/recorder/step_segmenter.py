"""Messages in the order of their receipt, made into control steps: what a policy would see, what was done, and by whom.

A step begins when every camera has a new picture, and ends when the next one begins; without cameras the arm's state
gives the pace. What is proposed in between is its label, what the guard commands in between is what was executed.
"""

from __future__ import annotations

import json
from collections import Counter, deque

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState, TimeReference
from std_msgs.msg import String

from gato_ros.core.action import Action
from gato_ros.core.guard.arbiter import IDLE, POLICY
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.opening import wanted_opening_m
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.guard.arm_command import arm_message, joint_velocity_of
from gato_ros.nodes.guard.proposal_pair import ProposalPair, ProposalRefused
from gato_ros.nodes.messages.clocks import nanoseconds
from gato_ros.nodes.messages.joint_state import (
    JointsRefused,
    OtherJoints,
    gripper_opening_command,
)
from gato_ros.nodes.messages.proposal import arm_message as proposal_message
from gato_ros.nodes.messages.proposal import base_values
from gato_ros.nodes.policy.observation_assembler import GRIPPER, HISTORY, JOINTS, ObservationAssembler
from gato_ros.nodes.recorder.sensor_streams import SENSORS, ClockWentBack, SensorStreams
from gato_ros.nodes.recorder.step import OpenStep, Step
from gato_ros.nodes.recorder.step_action import BASE_COMMAND, PROPOSAL_BASE, StepAction, proposal_roles

FUTURE_TOLERANCE_S = 0.05
EARLY = 0.3
"""A picture that comes by this share of a control period too early still belongs to the next step."""
UNPAIRED = 5
"""So many halves of proposals in a row without a whole one are no coincidence."""


class JournalRefused(Exception):
    """A journal entry that is none."""


class StepSegmenter:
    """Takes messages one by one; one thread."""

    def __init__(self, robot: Embodiment):
        self._robot, self._action = robot, StepAction(robot, Kinematics(robot))
        self._out_of = proposal_roles(robot)
        self._assembler = ObservationAssembler(robot, robot.observation_keys, FUTURE_TOLERANCE_S)
        self._period_s = 1.0 / robot.control_rate_hz
        self._take = {
            **dict.fromkeys((*SENSORS, "transforms"), self._on_sensor),
            "policy_timing": self._on_timing,
            "policy_journal": self._on_journal,
            "guard_status": self._on_verdict,
            "arm_command": self._on_arm,
            "gripper_command": self._on_opening,
            BASE_COMMAND: self._on_base,
            **{role: self._on_proposal(source) for source, roles in self._out_of.items() for role in roles},
        }
        self._sensors = SensorStreams(robot, self._assembler)
        self._paced = robot.image_keys or (JOINTS,)
        """Names of the streams that a step waits for."""
        self._forget(0.0)

    def begin(self, task: str, not_before_s: float) -> None:
        """A new episode; pictures stamped before `not_before_s` [s] are of the one before.

        Raises:
            SetupError: the contract has the task as a text, and it is empty or too long.
        """
        self._assembler.set_task(task)
        self._forget(not_before_s)

    def _forget(self, not_before_s: float) -> None:
        self._due_s, self._last_stamp_s = -np.inf, -np.inf
        self._sensors.begin(not_before_s)
        self._pairs = {source: ProposalPair(source, self._robot) for source in self._out_of}
        self._unpaired: Counter[str] = Counter()
        self._newest: dict[str, Action] = {}
        self._answers: dict[int, int] = {}
        self._by_stamp: deque[tuple[int, Action]] = deque(maxlen=HISTORY)
        self._opening_m: float | None = None
        self._open: OpenStep | None = None
        self._newest_verdict = ("", IDLE)
        self.missed_ticks = 0
        """Control periods without a step of their own between the first and the last."""
        self.about_policy: dict | None = None
        """Which policy was at work, as its journal says."""

    def take(self, topic: Topic, kept: Kept, clock_ns: int) -> Step | None:
        """One message; the step that it ended, if it did.

        Args:
            clock_ns: its receipt on the clock that stamps messages.

        Raises:
            ClockWentBack: nothing more can be added to this episode.
        """
        if (read := self._take.get(topic.role)) is None:
            return None
        try:
            return read(topic, kept.data, Instant(kept.received_s, clock_ns * 1e-9))
        except OtherJoints as refusal:
            self._sensors.pass_over(topic, refusal)
        except (Refused, JointsRefused, ProposalRefused, JournalRefused) as refusal:
            self._sensors.refuse(topic, refusal)
        except ClockWentBack as error:
            raise ClockWentBack(f"{topic.name}: {error}") from None
        return None

    @property
    def refused(self) -> Counter[str]:
        """Topic -> messages that did not fit the contract."""
        return self._sensors.refused

    @property
    def why(self) -> dict[str, str]:
        """Topic -> what was wrong with the last of them."""
        return self._sensors.why

    def why_no_step(self) -> str:
        """Each sensor of which no message counted since `begin`, and why."""
        return self._sensors.why_no_step()

    def mark(self) -> None:
        """The operator points at this moment."""
        if self._open is not None:
            self._open.marks += 1

    def finish(self) -> Step | None:
        """The step that is going on, ended now."""
        return self._close()

    def _on_sensor(self, topic: Topic, data: bytes, at: Instant) -> Step | None:
        added = self._sensors.take(topic, data, at)
        return self._turn(at) if not set(added).isdisjoint(self._paced) and self._is_due() else None

    def _is_due(self) -> bool:
        """Whether all that a step waits for is there for the next one."""
        if (newest := self._sensors.newest_s(self._paced)) is None:
            return False
        used = [self._open.samples[key].stamp_s for key in self._paced] if self._open else [-np.inf] * len(newest)
        return all(a > b for a, b in zip(newest, used)) and min(newest) >= self._due_s - EARLY * self._period_s

    def _turn(self, at: Instant) -> Step | None:
        """End the step that is going on, begin the next."""
        ended = self._close()
        self._begin_step(self._sensors.picked(min(self._sensors.newest_s(self._paced))), at)
        return ended

    def _begin_step(self, samples: dict[str, Sample], at: Instant) -> None:
        stamp_s = min(samples[key].stamp_s for key in self._paced)
        if np.isfinite(self._due_s):
            self.missed_ticks += max(0, round((stamp_s - self._due_s) / self._period_s))
        self._due_s = (self._due_s if abs(stamp_s - self._due_s) < self._period_s / 2 else stamp_s) + self._period_s
        self._open = OpenStep(samples, at)

    def _on_proposal(self, source: str):
        roles = self._out_of[source]
        kind = proposal_message(self._robot) if source == POLICY else TwistStamped

        def take(topic: Topic, data: bytes, at: Instant) -> None:
            pair = self._pairs[source]
            if topic.role == roles[0]:
                whole = pair.on_twist(deserialize_message(data, kind))
            elif topic.role == PROPOSAL_BASE:
                whole = pair.on_base(deserialize_message(data, TwistStamped))
            else:
                whole = pair.on_gripper(deserialize_message(data, JointState))
            self._unpaired[source] = 0 if whole else self._unpaired[source] + 1
            if self._unpaired[source] >= UNPAIRED:
                others = " or ".join(role for role in roles if role != topic.role)
                raise ProposalRefused(f"no {others} carries its stamp: twist and gripper are one proposal")
            if not whole:
                return
            joints = None if self._open is None else self._open.samples[JOINTS].value[0]
            if (action := self._action.wanted(pair.newest, joints)) is None:
                return
            if not np.isfinite(action.as_vector()).all():
                raise ProposalRefused("a value is not finite")
            self._newest[source] = action
            if source == POLICY:
                self._by_stamp.append((nanoseconds(pair.stamp), action))
            if self._open is not None:
                self._open.proposals[source] = action

        return take

    def _on_timing(self, topic: Topic, data: bytes, at: Instant) -> None:
        message = deserialize_message(data, TimeReference)
        self._answers[nanoseconds(message.header.stamp)] = nanoseconds(message.time_ref)

    def _on_journal(self, topic: Topic, data: bytes, at: Instant) -> Step | None:
        try:
            entry = json.loads(deserialize_message(data, String).data)
            self.about_policy = entry.get("about", self.about_policy)
            sources = dict(entry["sources"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise JournalRefused(str(error)) from None
        if self._open is None or (samples := self._samples_of(sources)) is None:
            return None
        ended, newer = None, any(samples[key].stamp_s > self._open.samples[key].stamp_s for key in self._paced)
        if newer and self._open.journal is not None:
            # It has acted on pictures that came too soon for a step of ours: what it did is what counts.
            ended = self._close()
            self._begin_step(samples, at)
            self._open.count(*self._newest_verdict)
        self._open.samples, self._open.journal = samples, entry
        return ended

    def _samples_of(self, sources: dict[str, float]) -> dict[str, Sample] | None:
        """What a policy made its observation of, if that was this step's; what it does not read is as it was."""
        found = self._sensors.of_sources(sources)
        if not found or any(found[name].stamp_s <= self._last_stamp_s for name in self._paced if name in found):
            return None
        return {**self._open.samples, **found}

    def _on_verdict(self, topic: Topic, data: bytes, at: Instant) -> None:
        if self._open is not None:
            self._newest_verdict = self._open.judge(deserialize_message(data, DiagnosticStatus))

    def _on_arm(self, topic: Topic, data: bytes, at: Instant) -> None:
        if self._open is not None:
            velocity = joint_velocity_of(self._robot, deserialize_message(data, arm_message(self._robot)))
            if not np.isfinite(velocity).all():
                raise JointsRefused("a value is not finite")
            self._open.commands.append(velocity)

    def _on_base(self, topic: Topic, data: bytes, at: Instant) -> None:
        if self._open is not None:
            velocity = base_values(deserialize_message(data, TwistStamped), self._robot)
            if not np.isfinite(velocity).all():
                raise ProposalRefused("a value is not finite")
            self._open.base_commands.append(velocity)

    def _on_opening(self, topic: Topic, data: bytes, at: Instant) -> None:
        self._opening_m = gripper_opening_command(deserialize_message(data, JointState), self._robot)

    def _close(self) -> Step | None:
        if (step := self._open) is None:
            return None
        self._open = None
        self._assembler.clear(everything=True)
        for name, sample in step.samples.items():
            self._assembler.offer(name, sample)
        observation, faults = self._assembler.observation(), self._assembler.faults(step.at)
        self._last_stamp_s = max(step.samples[key].stamp_s for key in self._paced)
        executed = self._executed(step)
        label, label_from = self._label(step, observation.stamp_s, executed)
        return Step(observation, label, executed, step.tick(label_from, faults))

    def _executed(self, step: OpenStep) -> Action:
        opening_m = self._opening_m
        if opening_m is None:
            opening_m = float(step.samples[GRIPPER].value[0][0])
        return self._action.executed(step.commands, step.samples[JOINTS].value[0], opening_m, step.base_commands)

    def _label(self, step: OpenStep, stamp_s: float, executed: Action) -> tuple[Action, str]:
        """What whoever was in command wanted, and where it is taken from."""
        source = step.source
        if source == POLICY:
            observed_ns = round(stamp_s * 1e9)
            for proposed_ns, action in reversed(self._by_stamp):
                if abs(self._answers.get(proposed_ns, 0) - observed_ns) < 1000:
                    return action, POLICY
        if source in step.proposals:
            return step.proposals[source], source
        if source in self._newest:
            return self._newest[source], "held"
        robot = self._robot
        opening = wanted_opening_m(robot, float(executed.values[robot.gripper_key][0]))
        return self._action.standing(step.samples[JOINTS].value[0], opening), "none"
