"""The newest messages of every sensor, and the observation they make together."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.rotation import quat_xyzw_from_matrix
from gato_ros.core.text import value_from_text
from gato_ros.core.timing.freshness import Instant, Sample, timing_fault
from gato_ros.core.timing.sensor_checks import PictureWatch, ValueWatch
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.kinematics import Kinematics

ARM_SOURCES = ("joint_position", "joint_velocity", "tool_pose", "wrist_pose")
JOINTS, GRIPPER = "joint_states", "gripper_states"
HISTORY = 32
LARGEST_SPREAD_S = 0.1
"""Cameras and joints whose instants lie further apart than this [s] do not show one world."""


class ObservationAssembler:
    """Keeps what arrives and builds an Observation of the keys a policy reads.

    Images set the time: joint and gripper values are taken from the message stamped nearest to the oldest
    image, as in training, where one instant gives all values.
    """

    def __init__(self, robot: Embodiment, keys: Sequence[str], future_tolerance_s: float):
        """`keys` are the policy's `observation_keys`; SetupError where the robot cannot give one."""
        for key in keys:
            if key.startswith(PRIVILEGED_PREFIX):
                raise SetupError(
                    expected="a policy that needs no ground truth",
                    got=f"key {key!r}",
                    fix="privileged values never cross the wire; choose another policy",
                )
            robot.channel(key)
        self._robot, self._keys, self._future_tolerance_s = robot, tuple(keys), future_tolerance_s
        self._kinematics = Kinematics(robot)
        self.image_keys = tuple(key for key in keys if key in robot.image_keys)
        self.text_keys = tuple(key for key in keys if robot.observations[key].kind == "text")
        self.texts: dict[str, np.ndarray] = {}
        """Contract key -> value of the texts in force."""
        sources = {robot.observations[key].source for key in keys if key not in self.image_keys + self.text_keys}
        self.needs_joints = bool(sources & set(ARM_SOURCES))
        self.needs_gripper = bool(sources - set(ARM_SOURCES))
        self._max_age_s = {key: robot.observations[key].max_age_s for key in self.image_keys}
        if self.needs_joints:
            self._max_age_s[JOINTS] = robot.wire.joint_states.max_age_s
        if self.needs_gripper:
            self._max_age_s[GRIPPER] = robot.wire.gripper_states.max_age_s
        self._samples: dict[str, deque[Sample]] = {name: deque(maxlen=HISTORY) for name in self._max_age_s}
        self._bounds = {
            key: (np.array(channel.lower), np.array(channel.upper))
            for key in keys
            if (channel := robot.observations[key]).kind == "continuous"
        }
        self.repeated = 0
        """Messages that repeated or preceded the newest stamp of their topic."""
        self._pictures = {key: PictureWatch() for key in self.image_keys}
        self._values = ValueWatch(self._bounds)

    def offer(self, name: str, sample: Sample) -> None:
        """Keep a sample of an image key, of JOINTS or of GRIPPER.

        JOINTS: [2 joints], angles [rad] and speeds [rad/s]; GRIPPER: [2 1], opening [m] and effort [N]; finite.
        A message that repeats or precedes the newest stamp adds nothing and is dropped. An earlier stamp is taken when
        the newest message is too old to be used anyway: then a clock was set back. A repeated one never is: a clock
        that stands still would keep a sensor fresh for ever.
        """
        samples = self._samples[name]
        if samples and sample.stamp_s <= samples[-1].stamp_s:
            outlived = sample.received_s - samples[-1].received_s > self._max_age_s[name]
            if sample.stamp_s == samples[-1].stamp_s or not outlived:
                self.repeated += 1
                return
            samples.clear()
        if name in self.image_keys:
            samples.clear()
            self._pictures[name].look(sample.value, self._tool_speed_m_s())
        samples.append(sample)

    def set_task(self, task: str) -> None:
        """What to do, in words, from now on; SetupError if the policy reads it and it is empty or too long."""
        if self.text_keys and not task:
            raise SetupError(
                expected=f"a task for a policy that reads {self.text_keys[0]}",
                got="none",
                fix="set the parameter `task`, e.g. 'stack the red object on the blue one'",
            )
        self.texts = {key: value_from_text(task, self._robot.observations[key].size_bytes) for key in self.text_keys}

    def clear(self) -> None:
        """Forget everything, as at the start of an episode."""
        for samples in self._samples.values():
            samples.clear()
        for picture in self._pictures.values():
            picture.begin_anew()
        self._values = ValueWatch(self._bounds)

    def picture(self, now: Instant) -> np.ndarray | str:
        """The first camera's, uint8 [height width 3]; or why there is none now."""
        if not self.image_keys:
            return "the policy reads no camera"
        key = self.image_keys[0]
        sample = self._samples[key][-1] if self._samples[key] else None
        fault = timing_fault(sample, now, self._max_age_s[key], self._future_tolerance_s)
        return sample.value if sample is not None and not fault else f"{fault} {key}"

    def image_stamps(self) -> tuple[float, ...]:
        """Stamps [s] of the newest image of every camera; shorter than `image_keys` while one is missing."""
        return tuple(self._samples[key][-1].stamp_s for key in self.image_keys if self._samples[key])

    def images_arrived_s(self) -> float | None:
        """When the newest images were all there [s], on the steady clock; None without any."""
        newest = [self._samples[key][-1] for key in self.image_keys if self._samples[key]]
        return max((sample.received_s for sample in newest), default=None)

    def faults(self, now: Instant) -> tuple[str, ...]:
        """What keeps an observation from being made now, e.g. ("stale joint_states",); empty when nothing does."""
        found = []
        for name, samples in self._samples.items():
            fault = timing_fault(samples[-1] if samples else None, now, self._max_age_s[name], self._future_tolerance_s)
            if fault:
                found.append(f"{fault} {name}")
        found += [f"blank {key}" for key, picture in self._pictures.items() if picture.blank]
        if not found and (spread_s := self._spread_s()) > LARGEST_SPREAD_S:
            found.append(f"out_of_sync by {spread_s * 1e3:.0f} ms")
        return tuple(found)

    def frozen(self) -> str | None:
        """The camera that repeats one frame while the arm moves, or None; it stays so until `clear`."""
        return next((f"frozen {key}" for key, picture in self._pictures.items() if picture.frozen), None)

    @property
    def clipped(self) -> int:
        """How many values lay outside the contract's ranges since `clear`."""
        return self._values.clipped

    def observe(self, now: Instant) -> tuple[Observation | None, tuple[str, ...]]:
        """The observation to act on now, or None and what speaks against one."""
        if found := self.faults(now):
            return None, found
        observation = self.observation()
        # Only now, and at every tick: whether values are back to normal shows in nothing but the values.
        self._values.look({key: observation.values[key] for key in self._bounds})
        return (None, (f"implausible {key}",)) if (key := self._values.implausible) else (observation, ())

    def observation(self) -> Observation:
        """The observation of the samples held; call only when `faults` is empty."""
        stamps = self.image_stamps()
        joints, gripper = self._nearest(JOINTS, stamps), self._nearest(GRIPPER, stamps)
        values = {
            key: self._samples[key][-1].value
            if key in self.image_keys
            else self._value(self._robot.observations[key].source, joints, gripper)
            for key in self._keys
            if key not in self.text_keys
        }
        values |= self.texts
        stamp_s = min(stamps) if stamps else min(sample.stamp_s for sample in (joints, gripper) if sample)
        return Observation(values, stamp_s)

    def sources(self) -> dict[str, float]:
        """Stamp [s] of every sample that `observation` is made of, by the name it was offered under."""
        stamps = self.image_stamps()
        samples = {
            name: self._samples[name][-1] if name in self.image_keys else self._nearest(name, stamps)
            for name in self._samples
        }
        return {name: sample.stamp_s for name, sample in samples.items()}

    def _spread_s(self) -> float:
        """How far the instants of the cameras and of the joints that go with them lie apart [s]."""
        stamps = self.image_stamps()
        joints = self._nearest(JOINTS, stamps)
        instants = (*stamps, joints.stamp_s) if joints else stamps
        return max(instants) - min(instants) if instants else 0.0

    def _tool_speed_m_s(self) -> float:
        joints = self._samples.get(JOINTS)
        if not joints:
            return 0.0
        position, velocity = joints[-1].value
        return float(np.linalg.norm(self._kinematics.tool(position).jacobian[:3] @ velocity))

    def _nearest(self, name: str, image_stamps: tuple[float, ...]) -> Sample | None:
        samples = self._samples.get(name)
        if not samples:
            return None
        return min(samples, key=lambda sample: abs(sample.stamp_s - min(image_stamps))) if image_stamps else samples[-1]

    def _value(self, source: str, joints: Sample | None, gripper: Sample | None) -> np.ndarray:
        if source in ("gripper_opening", "gripper_grasp"):
            opening_m, effort_n = gripper.value[0][0], gripper.value[1][0]
            grasped = effort_n > self._robot.gripper.grasp_threshold_n
            return np.array([opening_m if source == "gripper_opening" else grasped], np.float32)
        position, velocity = joints.value
        if source in ("joint_position", "joint_velocity"):
            return np.asarray(position if source == "joint_position" else velocity, np.float32)
        if source == "tool_pose":
            tool = self._kinematics.tool(position)
            place, rotation = tool.position, tool.rotation
        else:
            place, rotation = self._kinematics.wrist(position)
        return np.append(place, quat_xyzw_from_matrix(rotation)).astype(np.float32)
