"""Judgements of a topic's header stamps before a robot may move."""

from __future__ import annotations

from gato_ros.core.check_result import Finding, red, yellow
from gato_ros.core.timing.arrivals import Timing

FUTURE_TOLERANCE_S = 0.05
"""As the nodes' parameter `future_tolerance_s`."""
SLIGHTLY_AHEAD_S = 0.005
OTHER_TIME_S = 1e6
"""Clocks that differ by so much [s] do not show the same kind of time."""
OTHER_CLOCK_S = 1.0
"""No path takes so long [s]: stamps as old as that are another clock's."""
REPEATED_SHARE = 0.1
SILENT_S = 0.5
CLOCK_FIX = "synchronise the clocks (chrony, PTP), or set use_sim_time alike on all nodes"


def silence_s(max_age_s: float) -> float:
    """A sensor that says nothing new for longer than this [s] has stopped."""
    return max(SILENT_S, 3.0 * max_age_s)


def judge_stamps(topic: str, max_age_s: float, timing: Timing, simulated: bool = False) -> list[Finding]:
    """Stamps that are missing, stand still, go back, come from the future or from long ago.

    In simulated time they may stand still and be old: the simulator waits for a command.
    """
    what, received = f"{topic}: stamps", timing.received
    if timing.unstamped:
        return [
            red(
                what,
                f"{timing.unstamped} of {received} messages carry none",
                "the driver has to stamp each with the time of its measurement",
                unusable=True,
            )
        ]
    if abs(timing.age_s) > OTHER_TIME_S:
        said = f"{timing.age_s:.0f} s from this clock: one is wall time and the other simulated"
        return [red(what, said, CLOCK_FIX, unusable=True)]
    if simulated and not timing.backwards:
        return []
    stand = timing.repeated == received - 1 or timing.stands_s > silence_s(max_age_s)
    if received > 2 and stand:
        return [
            red(
                what,
                f"stand still over {timing.standing or received} messages",
                "the driver repeats its last message, or its clock stands: look at both",
                unusable=True,
            )
        ]
    if timing.backwards:
        return [
            red(
                what,
                f"go back {timing.backwards} times in {received} messages",
                "are there two sources, a replay, or a clock that is being set?",
            )
        ]
    found = []
    if timing.repeated > REPEATED_SHARE * received:
        found.append(
            red(
                what,
                f"{timing.repeated} of {received} repeat the one before",
                "the driver sends old messages again: send each once",
            )
        )
    age_s = timing.age_s
    if age_s < -FUTURE_TOLERANCE_S:
        found.append(red(what, f"{-age_s:.3f} s in the future", CLOCK_FIX))
    elif age_s > max_age_s:
        found.append(
            red(
                what,
                f"{age_s:.3f} s old on arrival, the contract allows {max_age_s:g} s",
                f"a slow path, or clocks that differ: {CLOCK_FIX}",
                unusable=age_s > max(max_age_s, OTHER_CLOCK_S),
            )
        )
    elif age_s < -SLIGHTLY_AHEAD_S:
        found.append(yellow(what, f"{-age_s * 1e3:.0f} ms in the future", CLOCK_FIX))
    elif age_s > 0.5 * max_age_s:
        found.append(
            yellow(
                what,
                f"{age_s * 1e3:.0f} ms old on arrival, more than half of the contract's {max_age_s * 1e3:.0f} ms",
                f"a slow path, or clocks that differ: {CLOCK_FIX}",
            )
        )
    return found
