"""Messages in the order of their receipt, made into control steps: what a policy would see, what was done, and by whom.

A step begins when every camera has a new picture and ends when the next one begins. What is proposed in between is its
label, what the guard commands in between is what was executed.
"""

from __future__ import annotations

import json
from collections import Counter, deque

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState, TimeReference
from std_msgs.msg import String

from gato_ros.core.action import Action
from gato_ros.core.arbiter import HUMAN, IDLE, POLICY
from gato_ros.core.freshness import Instant, Sample
from gato_ros.data.incident import Topic
from gato_ros.data.ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.arm_command import arm_message, joint_velocity_of
from gato_ros.nodes.clocks import nanoseconds, seconds
from gato_ros.nodes.image import ImageRefused, rgb_from_message
from gato_ros.nodes.joint_message import JointsRefused, values_by_name
from gato_ros.nodes.observation_assembler import GRIPPER, HISTORY, JOINTS, ObservationAssembler
from gato_ros.nodes.proposal_pair import ProposalPair, ProposalRefused
from gato_ros.nodes.recorder_step import OpenStep, Step

FUTURE_TOLERANCE_S = 0.05
PICTURES = 8
"""Of each camera that are held: a policy may have taken an older one than the newest."""
CLOCK_BACK_S = 1.0
EARLY = 0.3
"""A picture that comes by this share of a control period too early still belongs to the next step."""
OUT_OF = {HUMAN: ("human_twist", "human_gripper"), POLICY: ("proposal_twist", "proposal_gripper")}


class JournalRefused(Exception):
    """A journal entry that is none."""


class ClockWentBack(Exception):
    """Stamps are earlier than they were: what comes now belongs to another time."""


class StepMaker:
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
        self._pairs = {source: ProposalPair(source, self._robot) for source in OUT_OF}
        self._newest: dict[str, Action] = {}
        self._answers: dict[int, int] = {}
        self._by_stamp: deque[tuple[int, Action]] = deque(maxlen=HISTORY)
        self._opening_m: float | None = None
        self._open: OpenStep | None = None
        self._newest_verdict = ("", IDLE)
        self.refused: Counter[str] = Counter()
        """Topic -> messages that did not fit the contract."""
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
        except (ImageRefused, JointsRefused, ProposalRefused, JournalRefused):
            self.refused[topic.name] += 1
            return None

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
            raise ImageRefused(f"frame {message.header.frame_id!r}")
        stamp_s, pictures = seconds(message.header.stamp), self._pictures[topic.key]
        if pictures and stamp_s < pictures[-1].stamp_s - CLOCK_BACK_S:
            raise ClockWentBack
        if stamp_s < self._not_before_s or (pictures and stamp_s <= pictures[-1].stamp_s):
            return None
        pictures.append(Sample(pixels, stamp_s, at.steady_s))
        return self._turn(at) if self._is_due() else None

    def _is_due(self) -> bool:
        """Whether every camera has a picture for the next step."""
        newest = [pictures[-1].stamp_s for pictures in self._pictures.values() if pictures]
        if len(newest) < len(self._pictures) or not self._states[JOINTS] or not self._states[GRIPPER]:
            return False
        used = [self._open.samples[key].stamp_s for key in self._pictures] if self._open else [-np.inf] * len(newest)
        return all(a > b for a, b in zip(newest, used)) and min(newest) >= self._due_s - EARLY * self._period_s

    def _turn(self, at: Instant) -> Step | None:
        """End the step that is going on, begin the next."""
        ended = self._close()
        samples = {key: pictures[-1] for key, pictures in self._pictures.items()}
        stamp_s = min(sample.stamp_s for sample in samples.values())
        for name, states in self._states.items():
            samples[name] = min(states, key=lambda sample: abs(sample.stamp_s - stamp_s))
        self._begin_step(samples, at)
        return ended

    def _begin_step(self, samples: dict[str, Sample], at: Instant) -> None:
        stamp_s = min(samples[key].stamp_s for key in self._pictures)
        if np.isfinite(self._due_s):
            self.missed_ticks += max(0, round((stamp_s - self._due_s) / self._period_s))
        self._due_s = (self._due_s if abs(stamp_s - self._due_s) < self._period_s / 2 else stamp_s) + self._period_s
        self._open = OpenStep(samples, at)

    def _on_joints(self, topic: Topic, data: bytes, at: Instant) -> None:
        self._keep_state(JOINTS, data, at, self._robot.arm.joints, ("position", "velocity"))

    def _on_gripper(self, topic: Topic, data: bytes, at: Instant) -> None:
        self._keep_state(GRIPPER, data, at, [self._robot.gripper.joint], ("position", "effort"))

    def _keep_state(self, name: str, data: bytes, at: Instant, joints: list[str], fields: tuple[str, ...]) -> None:
        message, states = deserialize_message(data, JointState), self._states[name]
        value = np.array([values_by_name(message, part, joints, closed=False) for part in fields])
        if not np.isfinite(value).all():
            raise JointsRefused("a value is not finite")
        stamp_s = seconds(message.header.stamp)
        if not states or stamp_s > states[-1].stamp_s:
            states.append(Sample(value, stamp_s, at.steady_s))

    def _on_proposal(self, source: str):
        def take(topic: Topic, data: bytes, at: Instant) -> None:
            pair = self._pairs[source]
            if topic.role == OUT_OF[source][0]:
                whole = pair.on_twist(deserialize_message(data, TwistStamped))
            else:
                whole = pair.on_gripper(deserialize_message(data, JointState))
            if not whole:
                return
            action = Action(pair.newest.twist, pair.newest.gripper_opening_m)
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
        ended, newer = None, any(samples[key].stamp_s > self._open.samples[key].stamp_s for key in self._pictures)
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
            if not found or (name in self._pictures and stamp_s <= self._last_stamp_s):
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
        opening = values_by_name(
            deserialize_message(data, JointState), "position", [self._robot.gripper.joint], closed=True
        )[0]
        if not np.isfinite(opening):
            raise JointsRefused("the opening is not finite")
        self._opening_m = float(opening)

    def _close(self) -> Step | None:
        if (step := self._open) is None:
            return None
        self._open, images = None, self._robot.image_keys
        self._assembler.clear()
        for name, sample in step.samples.items():
            self._assembler.offer(name, sample)
        observation, faults = self._assembler.observation(), self._assembler.faults(step.at)
        self._last_stamp_s = max(step.samples[key].stamp_s for key in images) if images else observation.stamp_s
        executed = self._executed(step)
        label, label_from = self._label(step, observation.stamp_s, executed.gripper_opening_m)
        return Step(observation, label, executed, step.tick(label_from, faults))

    def _executed(self, step: OpenStep) -> Action:
        """The mean motion that the guard commanded, and the opening that the gripper holds."""
        position, opening_m = step.samples[JOINTS].value[0], self._opening_m
        if opening_m is None:
            opening_m = float(step.samples[GRIPPER].value[0][0])
        if not step.commands:
            return Action(np.zeros(4), opening_m)
        velocity = self._kinematics.tool(position).jacobian @ np.mean(step.commands, axis=0)
        return Action(velocity[[0, 1, 2, 5]], opening_m)

    def _label(self, step: OpenStep, stamp_s: float, opening_m: float) -> tuple[Action, str]:
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
        return Action(np.zeros(4), opening_m), "none"
