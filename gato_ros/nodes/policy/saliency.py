"""What a policy's action depends on in its pictures, published as maps in the time that control leaves."""

from __future__ import annotations

import array
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.clocks import stamp_of
from gato_ros.nodes.policy.journal import in_words
from gato_ros.nodes.policy.saliency_topic import SALIENCY_ENCODING, saliency_topic
from gato_ros.nodes.runtime.qos import CAMERA

if TYPE_CHECKING:
    from gato_ros.models.serving.saliency import Saliency

SAFETY = 2.0
"""A piece of work begins where it fits so many times."""
OLDEST_S, QUICK_S = 2.5, 0.5
"""A map that is not done so long after its step is given up, and the next ones are coarse; until one is done within
QUICK_S [s]."""
PAUSE_S, LONGEST_PAUSE_S = 5.0, 80.0
"""No map is begun so long after a piece that took longer than there was time, which may have made a control step late;
twice as long after each further one [s]."""
REHEARSED = 6
"""Pieces that are timed before the policy acts."""


class SaliencyMaps:
    """One map of each camera at a time, piece by piece, and only while somebody subscribes to one of them.

    `work` is called by the thread that acts, between two actions, so that no action ever waits for more than one piece.
    """

    def __init__(self, node: Node, robot: Embodiment, policy: Policy, rate_hz: float):
        """Rehearse once, so that nothing is compiled later; nothing to do at a rate of 0, or without pictures."""
        self._robot, self._policy = robot, policy
        self._period_s = 1.0 / rate_hz if rate_hz > 0.0 else np.inf
        self._saliency = _saliency_of(policy, robot) if rate_hz > 0.0 else None
        self._publishers: dict[str, Any] = {}
        self._next_s, self._taking, self._before = 0.0, False, None
        self._pending: Iterator[dict[str, np.ndarray] | None] | None = None
        self._since_s, self._stamp_s, self._coarse = 0.0, 0.0, False
        self._left_s, self._pause_s = np.inf, PAUSE_S
        self._times_s: deque[float] = deque(maxlen=9)
        self.published = 0
        """Sets of maps so far."""
        self.problem = ""
        """Why there are no maps any more."""
        if self._saliency is None:
            return
        self._rehearse(self._saliency)
        self._publishers = {
            key: node.create_publisher(Image, f"~/{saliency_topic(key)}", CAMERA)
            for key in policy.observation_keys
            if key in robot.image_keys
        }

    def _rehearse(self, saliency: Saliency) -> None:
        pieces = saliency.rehearse()
        next(pieces)
        for _ in range(REHEARSED):
            began_s = time.monotonic()
            next(pieces, None)
            self._times_s.append(time.monotonic() - began_s)
        self._quickest_s = min(self._times_s)

    # --- what has happened ---

    def began(self) -> None:
        """The policy was reset: what it remembered is gone."""
        self._taking, self._before, self._pending = False, None, None

    def acted(self, observation: Observation, decision: Decision) -> None:
        """The policy has decided by this observation: begin a map of it, where one is due and somebody wants it."""
        if self._saliency is None or self._pending is not None or self._taking or decision.trace is None:
            return
        before, self._before = self._before, None
        now_s = time.monotonic()
        if before is None and (now_s < self._next_s or not self._wanted):
            return
        if before is None and self._policy.info.remembers:
            # What it remembers now is what it will have remembered before the next step.
            self._taking, self._since_s = True, now_s
            return
        trace = decision.trace
        self._pending, self._since_s = self._saliency.pieces(trace.tokens, trace.ids, before, self._coarse), now_s
        self._stamp_s, self._next_s = observation.stamp_s, now_s + self._period_s

    @property
    def _wanted(self) -> bool:
        return any(one.get_subscription_count() for one in self._publishers.values())

    # --- the work ---

    @property
    def waiting(self) -> bool:
        """Whether there is work."""
        return self._taking or self._pending is not None

    @property
    def piece_s(self) -> float:
        """What the next piece may take [s]: as long as the longest of the last ones, since nobody needs a map."""
        return max(self._times_s) if self._times_s else self._quickest_s

    def fits(self, left_s: float) -> bool:
        """Whether there is work, and the next piece of it ends well before so many seconds are over."""
        if not self.waiting:
            return False
        if time.monotonic() - self._since_s > OLDEST_S:
            # What was measured on a busy machine must not keep every later piece from being tried.
            self._times_s.clear()
            self._give_up(self._period_s)
            return False
        self._left_s = left_s
        return SAFETY * self.piece_s < left_s

    def _give_up(self, pause_s: float) -> None:
        self._pending, self._taking, self._coarse = None, False, True
        self._next_s = time.monotonic() + pause_s

    def work(self) -> None:
        """Do one piece; the last one publishes the maps."""
        began_s = time.monotonic()
        if self._taking:
            self._taking, self._before = False, self._policy.remembered()
            return
        if self._pending is None:
            return
        try:
            maps = next(self._pending)
        except Exception as error:  # a map must not end the control of an arm
            self._pending, self._saliency, self.problem = None, None, in_words(error)
            return
        took_s, left_s, self._left_s = time.monotonic() - began_s, self._left_s, np.inf
        if maps is None:
            self._times_s.append(took_s)
            self._quickest_s = min(self._quickest_s, took_s)
            if took_s > left_s:
                self._give_up(self._pause_s)
                self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)
            return
        self._pending, self._pause_s = None, PAUSE_S
        self._coarse = self._coarse and time.monotonic() - self._since_s > QUICK_S
        self._publish(maps)

    def _publish(self, maps: dict[str, np.ndarray]) -> None:
        self.published += 1
        for key, publisher in self._publishers.items():
            values = np.ascontiguousarray(maps[key], np.float32)
            height, width = values.shape
            message = Image(height=height, width=width, encoding=SALIENCY_ENCODING, is_bigendian=0, step=4 * width)
            message.header.stamp, message.header.frame_id = (
                stamp_of(self._stamp_s),
                self._robot.cameras[key].frame_id or "",
            )
            message.data = array.array("B", values.tobytes())
            publisher.publish(message)


def _saliency_of(policy: Policy, robot: Embodiment) -> Saliency | None:
    """Of a policy of tokens that reads pictures; None of any other."""
    if not any(key in robot.image_keys for key in policy.observation_keys):
        return None
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.serving.saliency import Saliency

    return Saliency(policy) if isinstance(policy, GatoPolicy) else None
