"""What the command of a mobile base may never be, reckoned anew from the contract: no code shared with the guard."""

from __future__ import annotations

import numpy as np

from gato_ros.bench.guard.trace import Trace
from gato_ros.embodiments import Embodiment

VALID_S, AHEAD_S = 0.08, 0.05
"""So old a proposal may be, by either clock, and so far ahead its stamp."""
SHORTEST_S, LONGEST_S = 1e-3, 0.02
"""Ticks that follow each other faster may repeat a command; a late one makes up for so much while it follows."""
THERE_S = 2.5
"""A wish that is held is reached after so long: twice the time from one end of every speed to the other, and the time
in which a policy eases in after a person."""
CHECKS = (
    "base_nonfinite",
    "base_speed",
    "base_acceleration",
    "base_stop_speeds_up",
    "base_stop_comes_late",
    "base_stop_takes_long",
    "base_astray",
)


class BaseOracle:
    """Judges whole episodes at once. Each axis is judged by itself."""

    def __init__(self, robot: Embodiment):
        bounds = robot.guard.base
        assert bounds is not None  # nobody asks otherwise
        self._speed, self._acceleration = np.array(bounds.speed), np.array(bounds.acceleration)
        self._deceleration, self._arm_speed = np.array(bounds.deceleration), bounds.arm_speed_rad_s

    def escapes(self, trace: Trace) -> dict[str, np.ndarray]:
        """Check -> [ticks] bool, True where a command of the base is out of its envelope."""
        base = trace["base"]
        finite = np.isfinite(base).all(axis=1)
        if not finite.all():  # nothing else can be reckoned with those
            return {name: ~finite if name == CHECKS[0] else np.zeros(len(trace), bool) for name in CHECKS}
        must_stop = self._must_stop(trace)
        return {
            "base_nonfinite": ~finite,
            "base_speed": (np.abs(base) > self._speed + 1e-9).any(axis=1),
            "base_acceleration": self._too_sudden(trace, base, must_stop),
            **self._stops(trace, base, must_stop),
            "base_astray": self._astray(trace, base, must_stop),
        }

    def _must_stop(self, trace: Trace) -> np.ndarray:
        """[ticks] whether no proposal may be followed by the base, whatever the guard says."""
        stamp_s, receipt_s = trace["stamp_age_s"], trace["receipt_age_s"]
        with np.errstate(all="ignore"):
            fresh = (np.maximum(stamp_s, receipt_s) <= VALID_S) & (stamp_s >= -AHEAD_S) & (receipt_s >= 0.0)
        usable = fresh & np.isfinite(trace["base_wish"]).all(axis=1)
        stop = ~usable | ~trace["following"] | ~trace["by_policy"] | trace["pressed"] | trace["latched"]
        if self._arm_speed is not None:
            stop |= np.abs(trace["velocity"]).max(axis=1) > self._arm_speed
        return stop

    def _too_sudden(self, trace: Trace, base: np.ndarray, must_stop: np.ndarray) -> np.ndarray:
        """A change of more than the time since the last command allows; ticks that may repeat it count together."""
        found, last, waited_s = np.zeros(len(base), bool), np.zeros(base.shape[1]), 0.0
        for i in range(len(base)):
            waited_s += trace.rows["passed_s"][i]
            changed = (base[i] != last).any()
            if changed:
                # Nobody knows how long a guard has stood when it ticks for the first time.
                time_s = LONGEST_S if i == 0 else waited_s
                most = self._deceleration * time_s if must_stop[i] else self._acceleration * min(time_s, LONGEST_S)
                found[i] = (np.abs(base[i] - last) > most * 1.001 + 1e-9).any()
            last, waited_s = base[i], 0.0 if changed or waited_s > 1.2 * SHORTEST_S else waited_s
        return found

    def _stops(self, trace: Trace, base: np.ndarray, must_stop: np.ndarray) -> dict[str, np.ndarray]:
        """From its first tick on a stop only shrinks, in one direction, and is over in time."""
        before = np.vstack([np.zeros_like(base[:1]), base[:-1]])
        grows = (np.abs(base) > np.abs(before) + 1e-15).any(axis=1) | (base * before < 0.0).any(axis=1)
        size_before, size = np.abs(before).max(axis=1), np.abs(base).max(axis=1)
        keeps = (trace["passed_s"] > SHORTEST_S) & (size_before > 1e-6) & (size >= size_before)
        long, lasted_s, needed_s = np.zeros(len(base), bool), 0.0, 0.0
        for i in range(len(base)):
            if not must_stop[i]:
                lasted_s = 0.0
                continue
            if i == 0 or not must_stop[i - 1]:
                needed_s = float((np.abs(before[i]) / self._deceleration).max())
            passed_s = trace.rows["passed_s"][i]
            lasted_s += min(passed_s, LONGEST_S) if trace.rows["following"][i] else passed_s
            long[i] = lasted_s > needed_s * 1.001 + 2 * SHORTEST_S and base[i].any()
        return {
            "base_stop_speeds_up": must_stop & grows,
            "base_stop_comes_late": must_stop & keeps,
            "base_stop_takes_long": long,
        }

    def _astray(self, trace: Trace, base: np.ndarray, must_stop: np.ndarray) -> np.ndarray:
        """A wish that is held is reached: itself, or in its direction as much as the speeds allow."""
        found, wish, held_s = np.zeros(len(base), bool), trace["base_wish"], 0.0
        for i in range(1, len(base)):
            same = not must_stop[i] and (wish[i] == wish[i - 1]).all()
            held_s = held_s + min(trace.rows["passed_s"][i], LONGEST_S) if same else 0.0
            if held_s > THERE_S:
                found[i] = (np.abs(base[i] - self._reachable(wish[i])) > 1e-6).any()
        return found

    def _reachable(self, wish: np.ndarray) -> np.ndarray:
        # By its largest value first: what any float is divided by a speed need not be finite.
        largest = np.abs(wish).max()
        if largest == 0.0:
            return wish
        direction = wish / largest
        longest = min(self._speed[k] / abs(direction[k]) for k in range(len(wish)) if direction[k] != 0.0)
        return direction * min(largest, longest)
