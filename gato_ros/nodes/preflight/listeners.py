"""Receives a robot's topics for a preflight, and keeps of the last seconds what is to be judged."""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image, JointState

from gato_ros.core.timing.arrivals import Arrivals, Timing
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.channels import ContinuousChannel, DiscreteChannel, ImageChannel, TextChannel
from gato_ros.embodiments.decoders.channel_reader import ChannelReader
from gato_ros.embodiments.decoders.decoder import OtherDevice, Refused
from gato_ros.embodiments.decoders.transform import TransformLookup
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.embodiments.preflight.robot_snapshot import ChannelLook, Clipped, Joints, Pictures, Status
from gato_ros.nodes.messages.clocks import instant, seconds
from gato_ros.nodes.messages.diagnosis import ERROR, OK, WARN, values_of
from gato_ros.nodes.messages.joint_state import JointsRefused, arm_state, gripper_state
from gato_ros.nodes.policy.observation_assembler import GRIPPER, JOINTS, ObservationAssembler
from gato_ros.nodes.recorder.raw_topics import MOST_AT_ONCE, _Untouched

Receive = Callable[[Any, Instant], None]
LEVELS = {OK: "ok", WARN: "warn", ERROR: "error"}
LOOK_S = 0.05
TREMBLING = 1e-6
"""Of a range: so far outside is at the bound."""
"""Between two looks at what a policy would be shown [s]."""


class PolledSubscription:
    """One subscription that no executor sees: a node that asks from within a callback takes its messages itself."""

    def __init__(self, node: Node, kind: type, topic: str, quality: QoSProfile, receive: Receive):
        self._node, self._receive = node, receive
        self._subscription = node.create_subscription(
            kind, topic, lambda message: None, quality, callback_group=_Untouched()
        )

    def take(self) -> None:
        """Pass on what the middleware has, with the instant at which it came."""
        handle = self._subscription.handle
        with handle:
            for _ in range(MOST_AT_ONCE):
                if (taken := handle.take_message(self._subscription.msg_type, False)) is None:
                    return
                message, info = taken
                now, came_ns = instant(self._node), info["received_timestamp"]
                if came_ns:
                    waited_s = max(0.0, time.time() - came_ns * 1e-9)
                    simulated = self._node.get_parameter("use_sim_time").value
                    now = Instant(now.steady_s - waited_s, now.clock_s if simulated else came_ns * 1e-9)
                self._receive(message, now)

    @property
    def publishers(self) -> int:
        return self._subscription.get_publisher_count()

    def close(self) -> None:
        self._node.destroy_subscription(self._subscription)


class TopicTimings:
    """When the messages of a topic came, and the frames that their headers named."""

    def __init__(self, window_s: float, names: Sequence[str] = ()):
        """`names`: of joints; where some messages name one of them, the others are another device's."""
        self._arrivals, self._others, self._frames = Arrivals(window_s), Arrivals(window_s), {}
        self._window_s, self._names = window_s, frozenset(names)
        self.first_s = np.inf
        """Receipt of the first [s], on the steady clock."""

    def receive(self, message, now: Instant) -> None:
        self.first_s = min(self.first_s, now.steady_s)
        own = not self._names or not self._names.isdisjoint(message.name)
        arrivals = self._arrivals if own else self._others
        header = getattr(message, "header", None)
        # What carries no stamp is as old as its receipt.
        arrivals.add(now.clock_s if header is None else seconds(header.stamp), now.steady_s, now.clock_s)
        if header is not None:
            self._frames[header.frame_id] = now.steady_s

    def timing(self) -> Timing:
        own = self._arrivals.timing(time.monotonic())
        return own if own.received else self._others.timing(time.monotonic())

    def frame_ids(self) -> list[str]:
        now_s = time.monotonic()
        return [name for name, at_s in self._frames.items() if now_s - at_s <= self._window_s]


class JointNames:
    """The values of JointState messages."""

    def __init__(self, window_s: float, names: Sequence[str]):
        """`names`: the joints that are looked for."""
        self._window_s, self._names = window_s, frozenset(names)
        self._rows: deque[tuple[float, JointState]] = deque()

    def receive(self, message: JointState, now: Instant) -> None:
        self._rows.append((now.steady_s, message))
        while now.steady_s - self._rows[0][0] > self._window_s:
            self._rows.popleft()

    def newest(self) -> JointState | None:
        """The last message that names one of the joints; if none does, the last."""
        for _, message in reversed(self._rows):
            if not self._names.isdisjoint(message.name):
                return message
        return self._rows[-1][1] if self._rows else None

    def joints(self) -> Joints | None:
        """Least and greatest of all messages that are built like the newest."""
        newest = self.newest()
        if newest is None:
            return None
        alike = [message for _, message in self._rows if list(message.name) == list(newest.name)]

        def extremes(field: str) -> np.ndarray:
            length = len(getattr(newest, field))
            values = np.array([getattr(one, field) for one in alike if len(getattr(one, field)) == length], np.float64)
            return np.stack([values.min(0), values.max(0)])  # NaN stays: a value that was not finite is reported

        beside = {tuple(message.name) for _, message in self._rows} - {tuple(newest.name)}
        return Joints(
            tuple(newest.name), extremes("position"), extremes("velocity"), extremes("effort"), tuple(sorted(beside))
        )


class CameraStats:
    """The frames of one camera."""

    def __init__(self, channel: ImageChannel, frames: int):
        self._reader = PictureReader(channel)
        self._sums: deque[int] = deque(maxlen=frames)
        self._refused, self._encoding, self._brightness, self._contrast = "", "", 0.0, 0.0

    def receive(self, message: Image | CompressedImage, now: Instant) -> None:
        self._encoding = message.encoding if isinstance(message, Image) else message.format
        try:
            pixels = self._reader.picture(message)
        except Refused as refusal:
            self._refused = str(refusal)
        else:
            sample = pixels[::4, ::4]
            self._refused, self._brightness, self._contrast = "", float(sample.mean()), float(sample.std())
        self._sums.append(zlib.crc32(message.data))

    def pictures(self) -> Pictures:
        sums = list(self._sums)
        different = 1 + sum(a != b for a, b in zip(sums, sums[1:])) if sums else 0
        return Pictures(len(sums), self._refused, self._encoding, self._brightness, self._contrast, different)


class ChannelStats:
    """The messages of one observation that has a topic of its own."""

    def __init__(self, channel: ContinuousChannel | DiscreteChannel | TextChannel):
        self.channel = channel
        self._reader, self._read, self._refused, self._waits = ChannelReader(channel), 0, "", ""
        way = channel.transform
        self._lookup = None if way is None else TransformLookup(way.frame, way.in_)

    def value(self, message: Any, static: bool = False) -> np.ndarray | None:
        """What it says; None of one that cannot be read, or does not concern it."""
        try:
            if self._lookup is not None and (message := self._lookup.take(message, static)) is None:
                self._waits = self._lookup.why_not()
                return None
            value = self._reader.value(message)
        except OtherDevice as refusal:
            if not self._read:
                self._refused = str(refusal)
            return None
        except Refused as refusal:
            self._refused = str(refusal)
            return None
        self._read, self._refused = self._read + 1, ""
        return value

    def look(self) -> ChannelLook:
        return ChannelLook(self._read, self._refused, self._waits)


class NewestStatus:
    """The newest status of one of our nodes."""

    def __init__(self) -> None:
        self._newest: tuple[float, DiagnosticStatus] | None = None

    def receive(self, message: DiagnosticStatus, now: Instant) -> None:
        self._newest = now.steady_s, message

    def status(self) -> Status | None:
        if self._newest is None:
            return None
        at_s, message = self._newest
        return Status(LEVELS.get(message.level, "error"), message.message, values_of(message), time.monotonic() - at_s)


class ValueRanges:
    """What a policy would be shown of joints and gripper, against the contract's ranges."""

    def __init__(self, robot: Embodiment, keys: tuple[str, ...], window_s: float):
        self._robot, self._window_s = robot, window_s
        self._keys = tuple(key for key in keys if robot.observations[key].kind == "continuous")
        self._assembler = ObservationAssembler(robot, self._keys, future_tolerance_s=np.inf)
        self._seen: deque[tuple[float, dict[str, np.ndarray]]] = deque()

    def receive_joints(self, message: JointState, now: Instant) -> None:
        if self._assembler.needs_joints:
            self._offer(JOINTS, message, arm_state, now)

    def receive_gripper(self, message: JointState, now: Instant) -> None:
        if self._assembler.needs_gripper:
            self._offer(GRIPPER, message, gripper_state, now)

    def receive_channel(self, key: str, value: np.ndarray, now: Instant) -> None:
        """A value that could be read of an observation with a topic of its own."""
        if key in self._keys:
            self._assembler.offer(key, Sample(value, now.steady_s, now.steady_s))
            self._look(now.steady_s)

    def _offer(
        self, name: str, message: JointState, read: Callable[[JointState, Embodiment], np.ndarray], now: Instant
    ) -> None:
        try:
            value = read(message, self._robot)
        except JointsRefused:
            return  # judged by the names
        # By receipt: stamps are judged elsewhere, and wrong ones are no reason not to look at values.
        self._assembler.offer(name, Sample(value, now.steady_s, now.steady_s))
        self._look(now.steady_s)

    def _look(self, now_s: float) -> None:
        if not self._keys or (self._seen and now_s - self._seen[-1][0] < LOOK_S):
            return
        instant_ = Instant(now_s, now_s)
        if not self._assembler.faults(instant_):
            self._seen.append((now_s, dict(self._assembler.observation().values)))
        while self._seen and now_s - self._seen[0][0] > self._window_s:
            self._seen.popleft()

    def clipped(self) -> dict[str, Clipped] | None:
        """By observation key; None where nothing could be looked at."""
        if not self._seen:
            return None
        found = {}
        for key in self._keys:
            channel = self._robot.observations[key]
            values = np.array([one[key] for _, one in self._seen], np.float64)
            # Rounded as the values are, and a little wider: one that is at its bound, as a hand that is open, is not
            # outside because a sensor or a simulator trembles by a millionth.
            lower, upper = (np.array(one, np.float32).astype(np.float64) for one in (channel.lower, channel.upper))
            outside = np.maximum(lower - values, values - upper)
            row, i = np.unravel_index(outside.argmax(), outside.shape)
            worst = f"value {i} at {values[row, i]:.4g} {channel.units[i]}, range {lower[i]:g} to {upper[i]:g}"
            # Of the worst of its values: one of seven that is always clipped is as blind as all.
            found[key] = Clipped(float((outside > TREMBLING * (upper - lower)).mean(0).max()), worst)
        return found
