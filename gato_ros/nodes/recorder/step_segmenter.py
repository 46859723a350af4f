"""Messages in the order of their receipt, made into control steps: what a policy would see, what was done, and by whom.

A step begins when every camera has a new picture, and ends when the next one begins; without cameras the arm's state
gives the pace. What is proposed in between is its label, what the guard commands in between is what was executed.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState, TimeReference
from std_msgs.msg import String

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.guard.arbiter import HUMAN, IDLE, POLICY
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.guard.arm_command import arm_message, joint_velocity_of
from gato_ros.nodes.guard.proposal_pair import ProposalPair, ProposalRefused
from gato_ros.nodes.messages.clocks import nanoseconds, seconds
from gato_ros.nodes.messages.image import ImageRefused, rgb_from_message
from gato_ros.nodes.messages.joint_state import (
    JointsRefused,
    OtherJoints,
    arm_state,
    gripper_opening_command,
    gripper_state,
)
from gato_ros.nodes.policy.observation_assembler import GRIPPER, HISTORY, JOINTS, ObservationAssembler
from gato_ros.nodes.recorder.step import OpenStep, Step

FUTURE_TOLERANCE_S = 0.05
PICTURES = 8
"""Of each camera that are held: a policy may have taken an older one than the newest."""
CLOCK_BACK_S = 1.0
EARLY = 0.3
"""A picture that comes by this share of a control period too early still belongs to the next step."""
UNPAIRED = 5
"""So many halves of proposals in a row without a whole one are no coincidence."""
OUT_OF = {HUMAN: ("human_twist", "human_gripper"), POLICY: ("proposal_twist", "proposal_gripper")}


SENSORS = ("image", "joints", "gripper")
"""Roles without which there is no step."""
ReadState = Callable[[JointState, Embodiment], np.ndarray]


class JournalRefused(Exception):
    """A journal entry that is none."""


class ClockWentBack(Exception):
    """Stamps are earlier than they were: what comes now belongs to another time."""


class StepSegmenter:
    """Takes messages one by one; one thread."""

    def __init__(self, robot: Embodiment):
        self._robot, self._kinematics = robot, Kinematics(robot)
        self._assembler = ObservationAssembler(robot, robot.observation_keys, FUTURE_TOLERANCE_S)
        self._period_s = 1.0 / robot.control_rate_hz
        self._take = {
            "image": self._on_image,
            "joints": self._on_joints,
            "gripper": self._on_gripper,
            "policy_timing": self._on_timing,
            "policy_journal": self._on_journal,
            "guard_status": self._on_verdict,
            "arm_command": self._on_arm,
            "gripper_command": self._on_opening,
            **{role: self._on_proposal(source) for source, roles in OUT_OF.items() for role in roles},
        }
        self._forget(0.0)

    def begin(self, task: str, not_before_s: float) -> None:
        """A new episode; pictures stamped before `not_before_s` [s] are of the one before.

        Raises:
            SetupError: the contract has the task as a text, and it is empty or too long.
        """
        self._assembler.set_task(task)
        self._forget(not_before_s)

    def _forget(self, not_before_s: float) -> None:
        self._not_before_s, self._due_s, self._last_stamp_s = not_before_s, -np.inf, -np.inf
        self._pictures = {key: deque(maxlen=PICTURES) for key in self._robot.image_keys}
        self._states = {name: deque(maxlen=HISTORY) for name in (JOINTS, GRIPPER)}
        paced = self._pictures or {JOINTS: self._states[JOINTS]}
        self._paced: dict[str, deque[Sample]] = paced
        """What a step waits for."""
        self._pairs = {source: ProposalPair(source, self._robot) for source in OUT_OF}
        self._unpaired: Counter[str] = Counter()
        self._newest: dict[str, ArmAction] = {}
        self._answers: dict[int, int] = {}
        self._by_stamp: deque[tuple[int, ArmAction]] = deque(maxlen=HISTORY)
        self._opening_m: float | None = None
        self._open: OpenStep | None = None
        self._newest_verdict = ("", IDLE)
        self.refused: Counter[str] = Counter()
        """Topic -> messages that did not fit the contract."""
        self.why: dict[str, str] = {}
        """Topic -> what was wrong with the last of them."""
        self._passed_over: dict[str, str] = {}
        self._kept: set[tuple[str, str]] = set()
        """Role and key of the sensors of which a message counted."""
        self._came: dict[tuple[str, str], Topic] = {}
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
        if topic.role in SENSORS:
            self._came[topic.role, topic.key] = topic
        try:
            return read(topic, kept.data, Instant(kept.received_s, clock_ns * 1e-9))
        except OtherJoints as refusal:
            # Perhaps a second device's state on the same topic: no fault as long as somebody publishes ours.
            self._passed_over[topic.name] = str(refusal)
        except (ImageRefused, JointsRefused, ProposalRefused, JournalRefused) as refusal:
            self._refuse(topic, refusal)
        except ClockWentBack as error:
            raise ClockWentBack(f"{topic.name}: {error}") from None
        return None

    def _refuse(self, topic: Topic, why: Exception) -> None:
        self.refused[topic.name] += 1
        self.why[topic.name] = str(why)

    def why_no_step(self) -> str:
        """Each sensor of which no message counted since `begin`, and why."""
        named = {(topic.role, topic.key): topic.name for topic in self._came.values()}
        wire, observed = self._robot.wire, self._robot.observations
        sensors = {("image", key): observed[key].topic for key in self._robot.image_keys}
        sensors |= {("joints", ""): wire.joint_states.topic, ("gripper", ""): wire.gripper_states.topic}
        found = []
        for sensor, relative in sensors.items():
            name = named.get(sensor)
            if name is None:
                found.append(f"{relative}: no message came")
            elif sensor not in self._kept:
                found.append(f"{name}: {self.why.get(name) or self._passed_over.get(name, 'no message counted')}")
        return "; ".join(found)

    def mark(self) -> None:
        """The operator points at this moment."""
        if self._open is not None:
            self._open.marks += 1

    def finish(self) -> Step | None:
        """The step that is going on, ended now."""
        return self._close()

    def _on_image(self, topic: Topic, data: bytes, at: Instant) -> Step | None:
        channel, message = self._robot.observations[topic.key], deserialize_message(data, Image)
        pixels = rgb_from_message(message, channel.height, channel.width)
        if message.header.frame_id != channel.frame_id:
            raise ImageRefused(f"frame {message.header.frame_id!r}, expected {channel.frame_id!r}")
        stamp_s, pictures = seconds(message.header.stamp), self._pictures[topic.key]
        if pictures and stamp_s < pictures[-1].stamp_s - CLOCK_BACK_S:
            raise ClockWentBack(f"its stamps went back by {pictures[-1].stamp_s - stamp_s:.1f} s")
        if not self._is_new(topic, stamp_s, pictures):
            return None
        pictures.append(Sample(pixels, stamp_s, at.steady_s))
        return self._turn(at) if self._is_due() else None

    def _is_new(self, topic: Topic, stamp_s: float, held: deque[Sample]) -> bool:
        """Whether a stamp adds something; why not is kept for a topic of which nothing does."""
        if topic.role == "image" and stamp_s < self._not_before_s:
            early_s = self._not_before_s - stamp_s
            self._passed_over[topic.name] = (
                "its messages carry no stamp"
                if stamp_s == 0.0
                else f"its stamps lie {early_s:.1f} s before the episode's beginning: another clock, or a slow path"
            )
            return False
        if held and stamp_s <= held[-1].stamp_s:
            return False
        self._kept.add((topic.role, topic.key))
        return True

    def _is_due(self) -> bool:
        """Whether all that a step waits for is there for the next one."""
        newest = [held[-1].stamp_s for held in self._paced.values() if held]
        if len(newest) < len(self._paced) or not self._states[JOINTS] or not self._states[GRIPPER]:
            return False
        used = [self._open.samples[key].stamp_s for key in self._paced] if self._open else [-np.inf] * len(newest)
        return all(a > b for a, b in zip(newest, used)) and min(newest) >= self._due_s - EARLY * self._period_s

    def _turn(self, at: Instant) -> Step | None:
        """End the step that is going on, begin the next."""
        ended = self._close()
        samples = {key: held[-1] for key, held in self._paced.items()}
        stamp_s = min(sample.stamp_s for sample in samples.values())
        for name, states in self._states.items():
            samples[name] = min(states, key=lambda sample: abs(sample.stamp_s - stamp_s))
        self._begin_step(samples, at)
        return ended

    def _begin_step(self, samples: dict[str, Sample], at: Instant) -> None:
        stamp_s = min(samples[key].stamp_s for key in self._paced)
        if np.isfinite(self._due_s):
            self.missed_ticks += max(0, round((stamp_s - self._due_s) / self._period_s))
        self._due_s = (self._due_s if abs(stamp_s - self._due_s) < self._period_s / 2 else stamp_s) + self._period_s
        self._open = OpenStep(samples, at)

    def _on_joints(self, topic: Topic, data: bytes, at: Instant) -> Step | None:
        self._keep_state(topic, JOINTS, deserialize_message(data, JointState), arm_state, at)
        return self._turn(at) if JOINTS in self._paced and self._is_due() else None

    def _on_gripper(self, topic: Topic, data: bytes, at: Instant) -> None:
        self._keep_state(topic, GRIPPER, deserialize_message(data, JointState), gripper_state, at)

    def _keep_state(self, topic: Topic, name: str, message: JointState, read: ReadState, at: Instant) -> None:
        value, stamp_s, states = read(message, self._robot), seconds(message.header.stamp), self._states[name]
        if self._is_new(topic, stamp_s, states):
            states.append(Sample(value, stamp_s, at.steady_s))

    def _on_proposal(self, source: str):
        def take(topic: Topic, data: bytes, at: Instant) -> None:
            pair = self._pairs[source]
            if topic.role == OUT_OF[source][0]:
                whole = pair.on_twist(deserialize_message(data, TwistStamped))
            else:
                whole = pair.on_gripper(deserialize_message(data, JointState))
            self._unpaired[source] = 0 if whole else self._unpaired[source] + 1
            if self._unpaired[source] >= UNPAIRED:
                other = OUT_OF[source][topic.role == OUT_OF[source][0]]
                raise ProposalRefused(f"no {other} carries its stamp: twist and gripper are one proposal")
            if not whole:
                return
            action = ArmAction(pair.newest.twist, pair.newest.gripper_opening_m)
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
        samples = dict(self._open.samples)
        for name, stamp_s in sources.items():
            held = self._pictures.get(name, self._states.get(name, ()))
            found = [sample for sample in held if sample.stamp_s == stamp_s]
            if not found or (name in self._paced and stamp_s <= self._last_stamp_s):
                return None
            samples[name] = found[0]
        return samples if sources else None

    def _on_verdict(self, topic: Topic, data: bytes, at: Instant) -> None:
        if self._open is not None:
            self._newest_verdict = self._open.judge(deserialize_message(data, DiagnosticStatus))

    def _on_arm(self, topic: Topic, data: bytes, at: Instant) -> None:
        if self._open is not None:
            velocity = joint_velocity_of(self._robot, deserialize_message(data, arm_message(self._robot)))
            if not np.isfinite(velocity).all():
                raise JointsRefused("a value is not finite")
            self._open.commands.append(velocity)

    def _on_opening(self, topic: Topic, data: bytes, at: Instant) -> None:
        self._opening_m = gripper_opening_command(deserialize_message(data, JointState), self._robot)

    def _close(self) -> Step | None:
        if (step := self._open) is None:
            return None
        self._open = None
        self._assembler.clear()
        for name, sample in step.samples.items():
            self._assembler.offer(name, sample)
        observation, faults = self._assembler.observation(), self._assembler.faults(step.at)
        self._last_stamp_s = max(step.samples[key].stamp_s for key in self._paced)
        executed = self._executed(step)
        label, label_from = self._label(step, observation.stamp_s, executed.gripper_opening_m)
        return Step(observation, label, executed, step.tick(label_from, faults))

    def _executed(self, step: OpenStep) -> ArmAction:
        """The mean motion that the guard commanded, and the opening that the gripper holds."""
        position, opening_m = step.samples[JOINTS].value[0], self._opening_m
        if opening_m is None:
            opening_m = float(step.samples[GRIPPER].value[0][0])
        if not step.commands:
            return ArmAction(np.zeros(4), opening_m)
        velocity = self._kinematics.tool(position).jacobian @ np.mean(step.commands, axis=0)
        return ArmAction(velocity[[0, 1, 2, 5]], opening_m)

    def _label(self, step: OpenStep, stamp_s: float, opening_m: float) -> tuple[ArmAction, str]:
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
        return ArmAction(np.zeros(4), opening_m), "none"
