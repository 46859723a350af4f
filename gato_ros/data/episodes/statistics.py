"""What a set of episodes holds, in figures: rates, gaps, skew, values out of range, how far actions reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.checks.channel_times import ChannelTimes, is_native_sensor
from gato_ros.data.checks.gaps import gaps_in_time, missing_numbers, usual_period_s
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.data.episodes.command_source import command_sources
from gato_ros.data.episodes.content import CAMERA, EpisodeContent, kind_of
from gato_ros.data.episodes.episode import FIX, WHAT, Episode
from gato_ros.data.episodes.message_stream import Message, MessageStream
from gato_ros.data.episodes.stream import content_stream
from gato_ros.embodiments import Embodiment, load_embodiment

ACTIONS = ("vx", "vy", "vz", "wz", "opening")
BINS = 20
AGES = "ages_s"
"""In what a recorder says about a step: channel -> seconds."""
ROUNDING = 1e-6
"""Of the range: float32 may lie so far outside without being out of range."""


@dataclass(frozen=True)
class Figures:
    """What one episode contributes."""

    contract: str
    steps: int
    seconds: float
    lost_ticks: int
    tick_s: np.ndarray
    """[N-1] from step to step [s]."""
    skew_s: np.ndarray
    """[N] between the oldest and the newest message of a step [s], by their own stamps."""
    ages_s: dict[str, np.ndarray]
    """Channel -> [N] age when it was used [s], where it was recorded."""
    images: dict[str, int]
    repeated: dict[str, int]
    """Camera -> pictures that are byte for byte the one before: it stood still, or was served again."""
    sensors: dict[str, tuple[np.ndarray, int]]
    """Topic recorded at its own rate -> intervals [s], messages lost."""
    values: dict[str, np.ndarray]
    """Contract key -> [N size]."""
    actions: np.ndarray
    executed: np.ndarray
    sources: dict[str, int]
    """Who was in command -> steps."""


def read_figures(path: Path) -> Figures:
    """The figures of an episode, in one pass. Memory: a chunk of the file, two pictures of each camera, and numbers.

    Raises:
        SetupError: the file is missing, cut short, altered, or not an episode.
    """
    stream, content, pictures = MessageStream(Path(path), WHAT, FIX), EpisodeContent(), _Pictures()
    times: dict[str, ChannelTimes] = {}
    for message in stream:
        if message.channel.topic not in times:
            times[message.channel.topic] = ChannelTimes(message.channel)
        times[message.channel.topic].add(message.step, message.stamp_ns, message.data)
        content.add(message)
        pictures.add(message)
    return _figures(content_stream(stream, content).episode, list(times.values()), pictures)


@dataclass
class _Pictures:
    """How many each camera has, and how many of them are the one before."""

    counts: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    _last: dict[str, bytes] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        if kind_of(message.channel) != CAMERA:
            return
        key, pixels = message.channel.metadata["key"], message.data[messages.HEADER_BYTES :]
        self.counts[key] = self.counts.get(key, 0) + 1
        self.repeated[key] = self.repeated.get(key, 0) + (self._last.get(key) == pixels)
        self._last[key] = pixels


def contract_of(name: str) -> Embodiment | None:
    """The contract of that name; None where it is not one of ours."""
    try:
        return load_embodiment(name)
    except SetupError:
        return None


def _figures(episode: Episode, times: Sequence[ChannelTimes], pictures: _Pictures) -> Figures:
    contract = str(episode.metadata.get("embodiment"))
    stamps, period_s = episode.stamps_s, usual_period_s(episode.stamps_s)
    numbers = episode.steps.tolist()
    lost = max(len(missing_numbers(numbers)), gaps_in_time(stamps, period_s).total if period_s else 0)
    return Figures(
        contract=contract,
        steps=len(stamps),
        seconds=float(stamps[-1] - stamps[0]),
        lost_ticks=lost,
        tick_s=np.diff(stamps),
        skew_s=_skew_s(times, numbers),
        ages_s=_ages_s(episode),
        images=pictures.counts,
        repeated=pictures.repeated,
        sensors=dict(_sensors(times, contract_of(contract))),
        values=episode.values,
        actions=episode.actions,
        executed=episode.executed,
        sources=dict(Counter(command_sources(episode).tolist())),
    )


def _skew_s(times: Sequence[ChannelTimes], steps: Sequence[int]) -> np.ndarray:
    by_step: dict[int, list[float]] = {step: [] for step in steps}
    for one in times:
        if one.channel.role in (roles.IMAGE, roles.STATE):
            for step, stamp_ns in zip(one.steps, one.headers_ns):
                by_step.get(step, []).append(stamp_ns / messages.NANOSECONDS)
    return np.array([max(stamps) - min(stamps) for stamps in by_step.values() if len(stamps) > 1])


def _ages_s(episode: Episode) -> dict[str, np.ndarray]:
    ages: dict[str, list[float]] = {}
    for tick in episode.ticks:
        for key, age in (tick.get(AGES) or {}).items():
            ages.setdefault(key, []).append(float(age))
    return {key: np.array(values) for key, values in ages.items()}


def _sensors(times: Sequence[ChannelTimes], robot: Embodiment | None) -> Iterable[tuple[str, tuple[np.ndarray, int]]]:
    for one in times:
        if is_native_sensor(one.channel, robot):
            stamps = one.sensor_stamps_s
            period_s = usual_period_s(stamps)
            yield one.channel.topic, (np.diff(stamps), gaps_in_time(stamps, period_s).total if period_s else 0)


def describe(parts: Sequence[Figures]) -> dict:
    """The figures of several episodes as one, ready for JSON."""
    robots = {one.contract: contract_of(one.contract) for one in parts}
    return {
        "episodes": len(parts),
        "steps": sum(one.steps for one in parts),
        "seconds": round(sum(one.seconds for one in parts), 3),
        "rate_hz": _rate(np.concatenate([one.tick_s for one in parts])),
        "tick_ms": _spread_ms([one.tick_s for one in parts]),
        "lost_ticks": sum(one.lost_ticks for one in parts),
        "skew_ms": _spread_ms([one.skew_s for one in parts]),
        "age_ms": {
            key: _spread_ms([one.ages_s[key] for one in parts if key in one.ages_s])
            for key in _keys(one.ages_s for one in parts)
        },
        "images": {key: sum(one.images.get(key, 0) for one in parts) for key in _keys(one.images for one in parts)},
        "repeated_images": {
            key: sum(one.repeated.get(key, 0) for one in parts) for key in _keys(one.repeated for one in parts)
        },
        "sensors": {
            topic: _sensor([one.sensors[topic] for one in parts if topic in one.sensors])
            for topic in _keys(one.sensors for one in parts)
        },
        "sources": {key: sum(one.sources.get(key, 0) for one in parts) for key in _keys(one.sources for one in parts)},
        "contracts": sorted(robots),
        "out_of_range": dict(_out_of_range(parts, robots)),
        "actions": _reach([one.actions for one in parts], *_actions(parts, robots)),
        "executed": _reach([one.executed for one in parts], *_actions(parts, robots)),
    }


def _keys(parts: Iterable[dict]) -> list[str]:
    return sorted(set().union(*parts))


def _rate(intervals_s: np.ndarray) -> float | None:
    return round(1 / float(np.median(intervals_s)), 3) if len(intervals_s) and np.median(intervals_s) > 0 else None


def _spread_ms(parts: Sequence[np.ndarray]) -> dict[str, float] | None:
    values = np.concatenate([*parts, np.zeros(0)]) * 1000
    if not len(values):
        return None
    return {
        name: round(float(value), 3)
        for name, value in (
            ("p50", np.percentile(values, 50)),
            ("p99", np.percentile(values, 99)),
            ("max", values.max()),
        )
    }


def _sensor(parts: Sequence[tuple[np.ndarray, int]]) -> dict:
    intervals = np.concatenate([one for one, _ in parts])
    return {
        "messages": sum(len(one) + 1 for one, _ in parts),
        "rate_hz": _rate(intervals),
        "interval_ms": _spread_ms([intervals]),
        "lost": sum(lost for _, lost in parts),
    }


def _out_of_range(parts: Sequence[Figures], robots: dict[str, Embodiment | None]) -> Iterable[tuple[str, dict]]:
    """Key -> how many of its values lie outside the contract's range, by place; those without are not named."""
    for key in _keys(one.values for one in parts):
        outside, total = None, 0
        for one in parts:
            robot = robots[one.contract]
            channel = robot.vectors.get(key) if robot else None
            if key not in one.values or channel is None:
                continue
            count = np.sum(_outside(one.values[key], channel.lower, channel.upper), 0)
            outside, total = count if outside is None else outside + count, total + len(one.values[key])
        if outside is not None and outside.any():
            yield key, {"values": total, "outside": outside.tolist(), "share": round(float(outside.max() / total), 6)}


def _outside(values: np.ndarray, lower: Sequence[float], upper: Sequence[float]) -> np.ndarray:
    low, high = np.asarray(lower), np.asarray(upper)
    slack = ROUNDING * (high - low)
    # Written so that NaN counts as outside.
    return ~((values >= low - slack) & (values <= high + slack))


def action_labels(size: int, robot: Embodiment | None) -> tuple[str, ...]:
    """What to call the values of an action: components of a twist, or joints, the gripper, and a base's axes."""
    if robot is not None and not robot.usual_actions and len(robot.action_lower) == size:
        base = () if robot.base_part is None else robot.base_part.names
        return (*robot.arm_part.names, "gripper", *(f"base {name}" for name in base))
    return ACTIONS if size == len(ACTIONS) else tuple(f"value {place}" for place in range(size))


def _actions(
    parts: Sequence[Figures], robots: dict[str, Embodiment | None]
) -> tuple[tuple[str, ...], tuple[np.ndarray, np.ndarray] | None]:
    """Names of the action's values, and their bounds where all episodes are of one contract that is known.

    Raises:
        SetupError: actions of several sizes.
    """
    sizes = sorted({one.actions.shape[1] for one in parts})
    if len(sizes) > 1:
        raise SetupError(
            expected="episodes whose actions have one size",
            got=f"actions of {' and '.join(map(str, sizes))} values, of {', '.join(sorted(robots))}",
            fix="give the folders of each robot by themselves",
        )
    known = [robot for robot in robots.values() if robot]
    robot = known[0] if len(known) == 1 else None
    if robot is None or len(robot.action_lower) != sizes[0]:
        return action_labels(sizes[0], robot), None
    return action_labels(sizes[0], robot), (robot.action_lower, robot.action_upper)


def _reach(
    parts: Sequence[np.ndarray], names: Sequence[str], bounds: tuple[np.ndarray, np.ndarray] | None
) -> dict[str, dict]:
    """Name -> extremes, percentiles, a histogram, and the shares at and beyond the contract's bounds."""
    values = np.concatenate(parts).astype(np.float64)
    rows = {}
    for place, name in enumerate(names):
        column = values[:, place]
        finite = column[np.isfinite(column)]
        row: dict = {"not_finite": int(len(column) - len(finite))}
        if len(finite):
            counts, edges = np.histogram(finite, BINS)
            row |= {
                "min": float(finite.min()),
                "p1": float(np.percentile(finite, 1)),
                "p50": float(np.percentile(finite, 50)),
                "p99": float(np.percentile(finite, 99)),
                "max": float(finite.max()),
                "histogram": {"counts": counts.tolist(), "from": float(edges[0]), "to": float(edges[-1])},
            }
        if bounds is not None and len(finite):
            low, high = bounds[0][place], bounds[1][place]
            slack = ROUNDING * (high - low)
            row["at_bounds"] = round(float(np.mean((finite <= low + slack) | (finite >= high - slack))), 6)
            row["beyond_bounds"] = round(float(np.mean((finite < low - slack) | (finite > high + slack))), 6)
        rows[name] = row
    return rows
