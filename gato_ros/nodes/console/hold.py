"""Hold to move: a motion lasts only while a browser says so, again and again, and in time. Two threads use it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from gato_ros.core.teleop.operator_input import OperatorInput

MOTIONS = {
    "forward": (1.0, 0.0, 0.0, 0.0),
    "back": (-1.0, 0.0, 0.0, 0.0),
    "left": (0.0, 1.0, 0.0, 0.0),
    "right": (0.0, -1.0, 0.0, 0.0),
    "up": (0.0, 0.0, 1.0, 0.0),
    "down": (0.0, 0.0, -1.0, 0.0),
    "turn_left": (0.0, 0.0, 0.0, 1.0),
    "turn_right": (0.0, 0.0, 0.0, -1.0),
    "open": (0.0, 0.0, 0.0, 0.0),
    "close": (0.0, 0.0, 0.0, 0.0),
}
"""Button -> deflection of one axis [4]."""
BEATS = 64
"""So many beats are remembered; a browser answers with one of the last."""


@dataclass(frozen=True)
class Held:
    """A button that is down."""

    session: int
    press: int
    motion: str
    renewed_s: float


class Hold:
    """The one motion that is held, and why the last one ended.

    A press that has ended stays ended: a connection that was stuck and then delivers its queue does not move the arm.

    Args:
        timeout_s: a browser that is silent for longer has let go [s].
        slowest_s: a browser whose words are older than this is too far away to hold an arm [s].
    """

    def __init__(self, timeout_s: float, slowest_s: float):
        self._timeout_s, self._slowest_s, self._lock = timeout_s, slowest_s, threading.Lock()
        self._held: Held | None = None
        self._last_press: dict[int, int] = {}
        self._beats: deque[tuple[int, float]] = deque(maxlen=BEATS)
        self._beat = 0
        self.ended = ""
        """Why the last motion ended: released, silent, slow, gone; nothing while one is held."""

    def beat(self, now_s: float) -> int:
        """A number to send to the browser, which says it back: so its words have an age."""
        with self._lock:
            self._beat += 1
            self._beats.append((self._beat, now_s))
            return self._beat

    def press(self, session: int, press: int, motion: str, echo: int, now_s: float) -> str:
        """A button is down, or still down; a reason where that does not count: unknown, over, busy or slow.

        Args:
            press: counts up with every new press of this browser.
            echo: the last beat that the browser got.
        """
        with self._lock:
            if motion not in MOTIONS:
                return "unknown"
            held = self._current(now_s)
            if held is not None and held.session != session:
                return "busy"
            if now_s - self._sent_s(echo) > self._slowest_s:
                # Whatever it says is of the past: the person may have let go since.
                self._last_press[session] = max(press, self._last_press.get(session, 0))
                if held is not None:
                    self._end("slow")
                return "slow"
            goes_on = held is not None and held.press == press and held.motion == motion
            if not goes_on and press <= self._last_press.get(session, 0):
                return "over"
            self._last_press[session] = press
            self._held, self.ended = Held(session, press, motion, now_s), ""
            return ""

    def _sent_s(self, beat: int) -> float:
        """When a beat was sent [s]; one that is not known was sent long ago."""
        return next((at_s for number, at_s in self._beats if number == beat), -np.inf)

    def _current(self, now_s: float) -> Held | None:
        if self._held is not None and now_s - self._held.renewed_s > self._timeout_s:
            self._end("silent")
        return self._held

    def _end(self, why: str) -> None:
        self._held, self.ended = None, why

    def release(self, session: int, why: str = "released") -> None:
        """This browser has let go, or is gone; without effect where another one holds."""
        with self._lock:
            if self._held is not None and self._held.session == session:
                self._end(why)

    def stop(self) -> None:
        """Somebody has pressed the stop: whatever is held ends, whoever holds it."""
        with self._lock:
            if self._held is not None:
                self._end("stopped")

    def read(self, now_s: float, stroke_m: float) -> OperatorInput:
        """The input at `now_s` [s]; of a gripper of that stroke."""
        with self._lock:
            held = self._current(now_s)
        if held is None:
            return OperatorInput()
        opening_m = {"open": stroke_m, "close": 0.0}.get(held.motion)
        return OperatorInput(np.array(MOTIONS[held.motion]), held=True, opening_m=opening_m)

    @property
    def active(self) -> bool:
        """Whether a motion is held, in time or not."""
        return self._held is not None
