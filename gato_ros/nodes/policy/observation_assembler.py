"""The newest messages of every sensor, and the observation they make together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.sensing.rotation_kinds import rotation_values
from gato_ros.core.text import value_from_text
from gato_ros.core.timing.alignment import Stream
from gato_ros.core.timing.freshness import Instant, Sample, timing_fault
from gato_ros.core.timing.sensor_checks import PictureWatch, ValueWatch
from gato_ros.embodiments.channels import Channel, source_of
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.kinematics import Kinematics

ARM_SOURCES = ("joint_position", "joint_velocity", "tool_pose", "wrist_pose")
JOINTS, GRIPPER = "joint_states", "gripper_states"
HISTORY = 32
"""Proposals that a recorder remembers."""
LONGEST_AGE_S = 1.0
"""A message that may get as old as it likes counts as outlived after this [s], where its clock went back."""
MOST = 4096
"""Messages of any other sensor that are kept."""
PICTURES = 4
"""Of each camera that are kept, for those whose rule looks back."""
LARGEST_SPREAD_S = 0.1
"""Cameras and joints whose instants lie further apart than this [s] do not show one world."""


class ObservationAssembler:
    """Keeps what arrives and builds an Observation of the keys a policy reads.

    Images set the time: of every other sensor the message counts that belongs to the oldest of the newest images by the
    rule that the contract states (`core.timing.alignment`), as in training, where one instant gives all values.
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
        self.text_keys = tuple(
            key for key in keys if robot.observations[key].kind == "text" and key not in robot.listened
        )
        self.texts: dict[str, np.ndarray] = {}
        """Contract key -> value of the texts in force; of those that have no topic."""
        self.listened = tuple(key for key in keys if key in robot.listened)
        """Contract keys with a topic of their own, or a transform, that are no pictures."""
        own = (*self.image_keys, *self.text_keys, *self.listened)
        sources = {robot.observations[key].source for key in keys if key not in own}
        self.needs_joints = bool(sources & set(ARM_SOURCES))
        self.needs_gripper = bool(sources - set(ARM_SOURCES))
        stated = {key: robot.observations[key] for key in (*self.image_keys, *self.listened)}
        if self.needs_joints:
            stated[JOINTS] = robot.wire.joint_states
        if self.needs_gripper:
            stated[GRIPPER] = robot.wire.gripper_states
        self._max_age_s = {name: one.max_age_s or np.inf for name, one in stated.items()}
        self._rules = {name: one.align for name, one in stated.items()}
        self._streams = self.new_streams(PICTURES)
        self._bounds = {
            key: (np.array(channel.lower), np.array(channel.upper))
            for key in keys
            if (channel := robot.observations[key]).kind == "continuous"
        }
        self.repeated = 0
        """Messages that repeated or preceded the newest stamp of their topic."""
        self._pictures = {key: PictureWatch() for key in self.image_keys}
        self._values = ValueWatch(self._bounds)

    def new_streams(self, pictures: int) -> dict[str, Stream]:
        """An empty stream for each name that samples are offered under; of each camera so many pictures are kept."""
        period_s = 1.0 / self._robot.control_rate_hz
        return {
            name: Stream(rule, self._max_age_s[name], period_s, pictures if name in self.image_keys else MOST)
            for name, rule in self._rules.items()
        }

    def offer(self, name: str, sample: Sample) -> None:
        """Keep a sample of an image key, of JOINTS, of GRIPPER, or of a key of `listened`.

        JOINTS: [2 joints], angles [rad] and speeds [rad/s]; GRIPPER: [2 1], opening [m] and effort [N]; finite.
        A message that repeats or precedes the newest stamp adds nothing and is dropped. An earlier stamp is taken when
        the newest message is too old to be used anyway: then a clock was set back. A repeated one never is: a clock
        that stands still would keep a sensor fresh for ever.
        """
        stream = self._streams[name]
        if (newest := stream.newest) is not None and sample.stamp_s <= newest.stamp_s:
            outlived = sample.received_s - newest.received_s > min(self._max_age_s[name], LONGEST_AGE_S)
            if sample.stamp_s == newest.stamp_s or not outlived:
                self.repeated += 1
                return
            stream.clear()
        if name in self.image_keys:
            self._pictures[name].look(sample.value, self._tool_speed_m_s())
        stream.add(sample)

    def set_task(self, task: str) -> None:
        """What to do, in words, from now on; SetupError if the policy reads it and it is empty or too long."""
        if self.text_keys and not task:
            raise SetupError(
                expected=f"a task for a policy that reads {self.text_keys[0]}",
                got="none",
                fix="set the parameter `task`, e.g. 'stack the red object on the blue one'",
            )
        self.texts = {key: value_from_text(task, self._robot.observations[key].size_bytes) for key in self.text_keys}

    def clear(self, everything: bool = False) -> None:
        """Forget, as at the start of an episode; but for what is never too old and may be said only once.

        Args:
            everything: that, too.
        """
        for name, stream in self._streams.items():
            if everything or np.isfinite(self._max_age_s[name]):
                stream.clear()
        for picture in self._pictures.values():
            picture.begin_anew()
        self._values = ValueWatch(self._bounds)

    def outlasts(self, name: str) -> bool:
        """Whether a message counts however old it is: one from before the episode, too."""
        return not np.isfinite(self._max_age_s[name])

    def picture(self, now: Instant) -> np.ndarray | str:
        """The first camera's, uint8 [height width 3]; or why there is none now."""
        if not self.image_keys:
            return "the policy reads no camera"
        key = self.image_keys[0]
        sample = self._streams[key].newest
        fault = timing_fault(sample, now, self._max_age_s[key], self._future_tolerance_s)
        return sample.value if sample is not None and not fault else f"{fault} {key}"

    def image_stamps(self) -> tuple[float, ...]:
        """Stamps [s] of the newest image of every camera; shorter than `image_keys` while one is missing."""
        return tuple(one.stamp_s for key in self.image_keys if (one := self._streams[key].newest))

    def images_arrived_s(self) -> float | None:
        """When the newest images were all there [s], on the steady clock; None without any."""
        newest = [one.received_s for key in self.image_keys if (one := self._streams[key].newest)]
        return max(newest, default=None)

    def faults(self, now: Instant) -> tuple[str, ...]:
        """What keeps an observation from being made now, e.g. ("stale joint_states",); empty when nothing does."""
        found = []
        for name, stream in self._streams.items():
            fault = timing_fault(stream.newest, now, self._max_age_s[name], self._future_tolerance_s)
            if fault:
                found.append(f"{fault} {name}")
        if not found:
            at_s = self._instant_s()
            found += [f"no_match {name}" for name, stream in self._streams.items() if stream.pick(at_s) is None]
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
        picked = self._picked()
        joints, gripper = picked.get(JOINTS), picked.get(GRIPPER)
        values = {
            key: picked[key].value if key in picked else self._value(self._robot.observations[key], joints, gripper)
            for key in self._keys
            if key not in self.text_keys
        }
        values |= self.texts
        timing = [picked[key] for key in self.image_keys] or [one for one in (joints, gripper) if one]
        return Observation(values, min(one.stamp_s for one in timing or picked.values()))

    def sources(self) -> dict[str, float]:
        """Stamp [s] of every sample that `observation` is made of, by the name it was offered under."""
        return {name: sample.stamp_s for name, sample in self._picked().items()}

    def _instant_s(self) -> float | None:
        """The instant that everything is to belong to [s]: the oldest of the newest images; None without cameras."""
        return min(self.image_stamps(), default=None)

    def _picked(self) -> dict[str, Sample]:
        at_s = self._instant_s()
        # What is offered one by one, for a step that was chosen elsewhere, is taken as it is.
        found = {name: stream.pick(at_s) or stream.newest for name, stream in self._streams.items()}
        return {name: sample for name, sample in found.items() if sample is not None}

    def _spread_s(self) -> float:
        """How far the instants of the cameras and of the joints that go with them lie apart [s]."""
        picked = self._picked()
        instants = [picked[name].stamp_s for name in (*self.image_keys, JOINTS) if name in picked]
        return max(instants) - min(instants) if instants else 0.0

    def _tool_speed_m_s(self) -> float:
        stream = self._streams.get(JOINTS)
        if stream is None or stream.newest is None:
            return 0.0
        position, velocity = stream.newest.value
        return float(np.linalg.norm(self._kinematics.tool(position).jacobian[:3] @ velocity))

    def _value(self, channel: Channel, joints: Sample | None, gripper: Sample | None) -> np.ndarray:
        source = source_of(channel)
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
        return np.append(place, rotation_values(rotation, channel.rotation)).astype(np.float32)
