"""The newest messages of every sensor, and the observation they make together."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.freshness import Instant, Sample, timing_fault
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.rotation import quat_xyzw_from_matrix
from gato_ros.core.text import value_from_text
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.kinematics import Kinematics

ARM_SOURCES = ("joint_position", "joint_velocity", "tool_pose", "wrist_pose")
JOINTS, GRIPPER = "joint_states", "gripper_states"
HISTORY = 32


class ObservationAssembler:
    """Keeps what arrives and builds an Observation of the keys a policy reads.

    Images set the time: joint and gripper values are taken from the message stamped nearest to the oldest
    image, as in training, where one instant gives all values.
    """

    def __init__(self, robot: Embodiment, keys: Sequence[str], future_tolerance_s: float):
        """`keys` are the policy's `observation_keys`; SetupError where the robot cannot give one."""
        for key in keys:
            if key.startswith(PRIVILEGED_PREFIX):
                raise SetupError(expected="a policy that needs no ground truth", got=f"key {key!r}",
                                 fix="privileged values never cross the wire; choose another policy")
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

    def offer(self, name: str, sample: Sample) -> None:
        """Keep a sample of an image key, of JOINTS or of GRIPPER.

        JOINTS: [2 joints], angles [rad] and speeds [rad/s]; GRIPPER: [2 1], opening [m] and effort [N]; finite.
        A message that repeats or precedes the newest stamp adds nothing and is dropped.
        """
        samples = self._samples[name]
        if name in self.image_keys:
            samples.clear()
        if not samples or sample.stamp_s > samples[-1].stamp_s:
            samples.append(sample)

    def set_task(self, task: str) -> None:
        """What to do, in words, from now on; SetupError if the policy reads it and it is empty or too long."""
        if self.text_keys and not task:
            raise SetupError(expected=f"a task for a policy that reads {self.text_keys[0]}", got="none",
                             fix="set the parameter `task`, e.g. 'stack the red object on the blue one'")
        self.texts = {key: value_from_text(task, self._robot.observations[key].size_bytes) for key in self.text_keys}

    def clear(self) -> None:
        """Forget everything, as at the start of an episode."""
        for samples in self._samples.values():
            samples.clear()

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
        return tuple(found)

    def observation(self) -> Observation:
        """The observation of the samples held; call only when `faults` is empty."""
        stamps = self.image_stamps()
        joints, gripper = self._nearest(JOINTS, stamps), self._nearest(GRIPPER, stamps)
        values = {key: self._samples[key][-1].value if key in self.image_keys else
                  self._value(self._robot.observations[key].source, joints, gripper)
                  for key in self._keys if key not in self.text_keys}
        values |= self.texts
        stamp_s = min(stamps) if stamps else min(sample.stamp_s for sample in (joints, gripper) if sample)
        return Observation(values, stamp_s)

    def sources(self) -> dict[str, float]:
        """Stamp [s] of every sample that `observation` is made of, by the name it was offered under."""
        stamps = self.image_stamps()
        samples = {name: self._samples[name][-1] if name in self.image_keys else self._nearest(name, stamps)
                   for name in self._samples}
        return {name: sample.stamp_s for name, sample in samples.items()}

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
