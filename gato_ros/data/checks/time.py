"""Whether an episode's steps and sensors are all there, in order, at their rates, and by clocks that run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gato_ros.data import messages
from gato_ros.data.checks.channel_times import CAMERA_TYPES, ChannelTimes, is_native_sensor
from gato_ros.data.checks.gaps import gaps_in_time, missing_numbers, usual_period_s
from gato_ros.data.checks.problem import SHOWN, Problem, counted, spans
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.preflight.wire import LARGEST_SPREAD_S, SLOW_SHARE

STEPPED = tuple(role for role in roles.ALIGNED if role not in (roles.IMAGE, roles.OBSERVATION))
"""Roles that have one message at each step, like the observation; images may have fewer."""
RATE_TOLERANCE = 0.05
"""By so much the measured rate may differ from the contract's."""
JUMP_PERIODS, JUMP_S = 10, 1.0
"""A hole of so many periods and seconds looks like a clock that was set anew."""
SHIFT_S = 0.5
"""A sensor's stamps may so much [s] leave their usual distance from the receipt."""
USUAL_AGE_S = 0.5
"""Of a sensor that the contract says nothing of."""
SPREAD_PERIODS = 1.2
"""Cameras that run freely are up to one control period apart."""


def step_problems(observation: ChannelTimes, count: object) -> Iterator[Problem]:
    """Steps that are missing by their number or by the hole in their stamps, and clocks that stand or go back.

    Args:
        count: how many there were, where the recording says so.
    """
    steps, stamps_ns = observation.steps, np.array(observation.stamps_ns, np.int64)
    yield from dropped("everything", missing_numbers(steps, count if isinstance(count, int) else None))
    numbers = np.diff(np.array(steps, np.int64))
    if (numbers <= 0).any():
        places = [steps[place + 1] for place in np.flatnonzero(numbers <= 0)]
        yield Problem("order", f"step numbers do not increase at {counted(places)}", steps=tuple(places[:SHOWN]))
    spans_ns = np.diff(stamps_ns)
    for found, what in ((spans_ns == 0, "stand"), (spans_ns < 0, "go back")):
        if found.any():
            places = [steps[place + 1] for place in np.flatnonzero(found)]
            by = f", by up to {-spans_ns.min() / messages.NANOSECONDS:.3g} s" if what == "go back" else ""
            text = f"stamps {what} at {counted(places)}{by}: they must increase"
            yield Problem("order", text, "observation", tuple(places[:SHOWN]))
    if (spans_ns > 0).all() and (period_s := _period_s(observation)):
        yield from _holes(observation, period_s)


def _holes(observation: ChannelTimes, period_s: float) -> Iterator[Problem]:
    steps, stamps_s = observation.steps, observation.stamps_s
    gaps = gaps_in_time(stamps_s, period_s)
    # A step that is missing by its number leaves a hole in time as well; it is one loss.
    silent = {place: lost - (steps[place + 1] - steps[place] - 1) for place, lost in zip(gaps.after, gaps.missing)}
    jumps, lost = {}, {}
    for place, missing in silent.items():
        if missing > 0:
            span_s = stamps_s[place + 1] - stamps_s[place]
            looks_set = missing > JUMP_PERIODS and span_s > JUMP_S
            (jumps if looks_set else lost)[steps[place]] = span_s if looks_set else missing
    if lost:
        where = spans(list(lost))
        text = f"{sum(lost.values())} steps dropped that the numbers do not show, by the stamps after step {where}"
        yield Problem("dropped", text, "observation", tuple(list(lost)[:SHOWN]))
    if jumps:
        by = "; ".join(f"after step {step}: {span_s:.6g} s" for step, span_s in list(jumps.items())[:SHOWN])
        text = f"the clock jumps, or steps are missing that the numbers do not show, at {counted(jumps)} ({by})"
        yield Problem("dropped", text, "observation", tuple(list(jumps)[:SHOWN]))


def alignment_problems(channels: Mapping[str, ChannelTimes], observation: ChannelTimes) -> Iterator[Problem]:
    """Channels of the control steps that lack a message, have one too many, or have one where there is no step."""
    steps = set(observation.steps)
    if len(steps) < len(observation.steps):
        yield Problem("order", f"{observation.channel.topic}: several messages at one step", "observation")
    for topic, times in channels.items():
        if times.channel.role not in STEPPED:
            continue
        yield from dropped(topic, sorted(steps - set(times.steps)), "misaligned")
        if extra := sorted(set(times.steps) - steps):
            text = f"{topic}: messages at steps that have no observation: {spans(extra)}"
            yield Problem("misaligned", text, topic, tuple(extra[:SHOWN]))
        if len(set(times.steps)) < len(times.steps):
            yield Problem("misaligned", f"{topic}: several messages at one step", topic)


def picture_problems(
    channels: Mapping[str, ChannelTimes], observation: ChannelTimes, all_rendered: bool
) -> Iterator[Problem]:
    """Cameras that lack pictures of a step; `all_rendered`: every step was to have them."""
    cameras = {
        topic: times
        for topic, times in channels.items()
        if times.channel.role == roles.IMAGE and times.channel.message_type == messages.IMAGE
    }
    seen = set(observation.steps)
    some = set().union(*(times.steps for times in cameras.values()))
    if extra := sorted(some - seen):
        text = f"images at steps that have no observation: {spans(extra)}"
        yield Problem("misaligned", text, steps=tuple(extra[:SHOWN]))
    wanted = some | seen if cameras and all_rendered else some
    for topic, times in cameras.items():
        missing = wanted - set(times.steps)
        # What another camera has makes pairs of pictures that do not belong together.
        yield from dropped(topic, sorted(missing), "misaligned" if missing & some else "pictures")
        if len(set(times.steps)) < len(times.steps):
            yield Problem("misaligned", f"{topic}: several messages at one step", topic)


def rate_problems(observation: ChannelTimes, robot: Embodiment | None) -> Iterator[Problem]:
    """Another control rate than the contract's."""
    period_s = _period_s(observation)
    if robot and period_s and abs(period_s * robot.control_rate_hz - 1) > RATE_TOLERANCE:
        text = f"recorded at {1 / period_s:.3g} Hz, {robot.name} says {robot.control_rate_hz:g} Hz"
        yield Problem("rate", text, "observation")


def sensor_problems(
    channels: Mapping[str, ChannelTimes], observation: ChannelTimes, robot: Embodiment | None
) -> Iterator[Problem]:
    """Holes, rates and clocks of what sensors sent at their own rate, by the sensors' own stamps."""
    for topic, times in channels.items():
        if is_native_sensor(times.channel, robot):
            yield from _sensor(topic, times, observation, robot)


def _sensor(topic: str, times: ChannelTimes, observation: ChannelTimes, robot: Embodiment | None) -> Iterator[Problem]:
    stamps_s = times.sensor_stamps_s
    if (unstamped := int((stamps_s == 0).sum())) > 1:  # a simulation may begin at zero
        yield Problem("clock", f"{topic}: {unstamped} of {len(stamps_s)} messages have no stamp", topic)
        return
    max_age_s = _max_age_s(times, robot)
    yield from _sensor_clock(topic, times, max_age_s)
    period_s = usual_period_s(stamps_s)
    if period_s is None:
        return
    camera = times.channel.message_type in CAMERA_TYPES
    if robot and camera and SLOW_SHARE * robot.control_rate_hz * period_s > 1:
        text = f"{topic}: {1 / period_s:.3g} Hz, control goes at {robot.control_rate_hz:g} Hz"
        yield Problem("sensor", text, topic)
    elif robot and period_s > max_age_s:
        text = f"{topic}: {1 / period_s:.3g} Hz, each message counts for {max_age_s:g} s only"
        yield Problem("sensor", text, topic)
    # The oldest value of a step sets its stamp: another sensor's may be a step younger.
    slack_s = usual_period_s(observation.stamps_s) or period_s
    ends_s = observation.stamps_s[[0, -1]] + [slack_s, -slack_s]
    if gaps := gaps_in_time(stamps_s, period_s, *ends_s):
        at = ", ".join(f"{stamps_s[max(place, 0)] - stamps_s[0]:.2f} s" for place in gaps.after[:SHOWN])
        more = " ..." if len(gaps.after) > SHOWN else ""
        yield Problem("sensor", f"{topic}: {gaps.total} messages dropped, after {at}{more}", topic)


def _sensor_clock(topic: str, times: ChannelTimes, max_age_s: float) -> Iterator[Problem]:
    """What the sensor's own stamps do against each other, and against the receipt."""
    stamps_s = times.sensor_stamps_s
    moves = np.diff(stamps_s)
    for found, what in ((moves == 0, "stand"), (moves < 0, "go back")):
        if count := int(found.sum()):
            at_s = stamps_s[np.flatnonzero(found)[0]] - stamps_s[0]
            yield Problem("clock", f"{topic}: its stamps {what} {count} times, first after {at_s:.2f} s", topic)
    if not len(times.headers_ns) or not len(stamps_s):
        return
    age_s = (np.array(times.stamps_ns, np.int64) - np.array(times.headers_ns, np.int64)) / messages.NANOSECONDS
    usual_s = float(np.median(age_s))
    if not -max_age_s <= usual_s <= max_age_s:
        side = "behind" if usual_s > 0 else "ahead of"
        text = f"{topic}: its clock is {abs(usual_s):.6g} s {side} the receipt, {max_age_s:g} s are allowed"
        yield Problem("clock", text, topic)
    shifted = np.flatnonzero(np.abs(age_s - usual_s) > SHIFT_S)
    if len(shifted):
        first = int(shifted[0])
        text = (
            f"{topic}: its clock jumped, or messages were held up: {len(shifted)} of {len(age_s)} are not where they "
            f"usually are, first by {usual_s - age_s[first]:.3g} s after {stamps_s[first] - stamps_s[0]:.2f} s"
        )
        yield Problem("clock", text, topic)


def _max_age_s(times: ChannelTimes, robot: Embodiment | None) -> float:
    if robot is None:
        return USUAL_AGE_S
    channel = robot.observations.get(times.channel.metadata.get("key", ""))
    if channel is not None and channel.kind == "image":
        return channel.max_age_s
    for state in (robot.wire.gripper_states, robot.wire.joint_states):
        if times.channel.topic == state.topic or times.channel.topic.endswith("/" + state.topic):
            return state.max_age_s
    return USUAL_AGE_S


def skew_problems(
    channels: Mapping[str, ChannelTimes], spread_s: Mapping[int, float], robot: Embodiment | None
) -> Iterator[Problem]:
    """Pictures of one step that were taken at different times.

    Args:
        spread_s: step -> between its oldest and newest picture, where a recorder noted it; else the pictures' stamps.
    """
    spread = dict(spread_s) or _spread_of_headers(channels)
    if not spread:
        return
    most_s = LARGEST_SPREAD_S
    if robot and float(np.median(list(spread.values()))) > SPREAD_PERIODS / robot.control_rate_hz:
        most_s = min(most_s, SPREAD_PERIODS / robot.control_rate_hz)
    if far := {step: apart for step, apart in spread.items() if apart > most_s}:
        shown = "; ".join(f"step {step}: {1e3 * apart:.0f} ms" for step, apart in list(far.items())[:SHOWN])
        text = f"cameras more than {1e3 * most_s:.0f} ms apart at {counted(far)} ({shown})"
        yield Problem("skew", text, "cameras", tuple(list(far)[:SHOWN]))


def _spread_of_headers(channels: Mapping[str, ChannelTimes]) -> dict[int, float]:
    oldest: dict[int, int] = {}
    newest: dict[int, int] = {}
    for times in channels.values():
        if times.channel.role == roles.IMAGE and times.channel.message_type == messages.IMAGE:
            for step, stamp_ns in zip(times.steps, times.headers_ns):
                oldest[step] = min(stamp_ns, oldest.get(step, stamp_ns))
                newest[step] = max(stamp_ns, newest.get(step, stamp_ns))
    return {step: (newest[step] - stamp_ns) / messages.NANOSECONDS for step, stamp_ns in oldest.items()}


def dropped(what: str, missing: Sequence[int], kind: str = "dropped") -> Iterator[Problem]:
    """Steps at which there is nothing."""
    if missing:
        text = f"{what} dropped at {len(missing)} steps: {spans(missing)}"
        yield Problem(kind, text, what, tuple(missing[:SHOWN]))


def _period_s(observation: ChannelTimes) -> float | None:
    """The usual time from one step to the next, whatever is missing by its number; None for fewer than three."""
    numbers, moves = np.diff(np.array(observation.steps, np.int64)), np.diff(observation.stamps_s)
    if len(numbers) < 2 or (numbers <= 0).any():
        return usual_period_s(observation.stamps_s)
    period_s = float(np.median(moves / numbers))
    return period_s if period_s > 0 else None
