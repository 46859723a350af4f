"""Whether an episode is whole and can be learned from: everything that is wrong with it, read in one pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.checks.channel_times import ChannelTimes
from gato_ros.data.checks.file_kind import what_else
from gato_ros.data.checks.pace import Pace
from gato_ros.data.checks.problem import Problem, spans
from gato_ros.data.checks.time import (
    alignment_problems,
    picture_problems,
    rate_problems,
    sensor_problems,
    skew_problems,
    step_problems,
)
from gato_ros.data.checks.values import ValueCheck
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.data.episodes.action_messages import PARTS, part_of
from gato_ros.data.episodes.episode import FIX, WHAT
from gato_ros.data.episodes.message_stream import Channel, MessageStream
from gato_ros.data.episodes.writer import SCHEMA_VERSION
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.versions.upgrade import upgraded

__all__ = ["Finding", "inspect_episode", "spans", "verify_episode"]

ONE_EACH = (
    (roles.OBSERVATION, messages.FLOAT32_ARRAY),
    *((role, part) for role in (roles.LABEL, roles.EXECUTED) for part in PARTS),
)
"""Role, and message type or part of the action, of channels that an episode has exactly once."""


@dataclass(frozen=True)
class Finding:
    """What one pass through a file found."""

    problems: tuple[Problem, ...]
    keys: frozenset[str] = frozenset()
    """Contract keys that it holds."""
    steps: int = 0
    rate_hz: float | None = None
    """Steps in a second from the first to the last; None for fewer than two, or where stamps do not increase."""


def verify_episode(path: Path) -> list[str]:
    """What is wrong with the episode in `path`, all of it; empty when it is whole. Its labels are not looked at."""
    return [problem.text for problem in inspect_episode(path).problems]


def inspect_episode(path: Path, robot: Embodiment | None = None) -> Finding:
    """Everything that is wrong with the episode in `path`; memory: a chunk of it, and numbers for each message.

    Args:
        robot: the contract that it is judged by; None: the one that it names.
    """
    path = Path(path)
    if other := what_else(path):
        return Finding((Problem("unreadable", other.what),))
    stream, problems = MessageStream(path, WHAT, FIX), []
    about = _about(stream)
    contract, of_contract = contract_of(about, robot)
    channels: dict[str, ChannelTimes] = {}
    values = ValueCheck(contract)
    try:
        for message in stream:
            if message.channel.topic not in channels:
                channels[message.channel.topic] = ChannelTimes(message.channel)
            channels[message.channel.topic].add(message.step, message.stamp_ns, message.data)
            values.take(message)
    except SetupError as error:
        problems.append(Problem("unreadable", error.got))
    # What was read up to the damage is judged as well, but not what would have come after it.
    cut = bool(problems)
    problems += _record_problems(stream.metadata, cut)
    problems += of_contract if about else []
    problems += _channel_problems(stream, channels, cut)
    observation = _observation(channels)
    if observation is None:
        return Finding((*problems, *values.problems()), frozenset(values.keys))
    if cut:
        problems += step_problems(observation, None)
    else:
        problems += step_problems(observation, stream.metadata.get("outcome", {}).get("steps"))
        problems += alignment_problems(channels, observation)
        problems += picture_problems(channels, observation, everything_rendered(about))
        problems += sensor_problems(channels, observation, contract)
    problems += skew_problems(channels, values.camera_spread_s, contract)
    problems += rate_problems(observation, contract)
    pace = Pace.of(observation.stamps_s)
    # Steps that are missing make the rest uneven; it is one loss.
    if pace and pace.uneven and not any(problem.kind == "dropped" for problem in problems):
        problems.append(Problem("uneven", f"steps come unevenly: {pace.uneven}", "observation"))
    problems += values.problems()
    rate_hz = pace.rate_hz if pace else None
    return Finding(tuple(problems), frozenset(values.keys), len(observation.steps), rate_hz)


def _about(stream: MessageStream) -> dict:
    """The record `episode`; a damaged file may still have it at its beginning."""
    try:
        return stream.contents().metadata.get("episode", {})
    except SetupError:
        pass
    with contextlib.suppress(SetupError):
        next(iter(stream), None)
    return stream.metadata.get("episode", {})


def everything_rendered(metadata: dict) -> bool:
    """Whether every step was to have images: the simulator may render a share of them, a robot's cameras always run."""
    return metadata["image_share"] == 1 if "image_share" in metadata else "operator" in metadata


def contract_of(about: dict, robot: Embodiment | None = None) -> tuple[Embodiment | None, list[Problem]]:
    """The contract that a recording is judged by, and what is wrong with the one that it names.

    That is `robot`, else the one that it names, else the one that it brought along, where ours of that name is another.
    """
    name, digest = str(about.get("embodiment")), str(about.get("contract_digest"))
    if robot is not None and robot.name != name:
        return robot, []
    try:
        named = robot or load_embodiment(name)
    except SetupError as error:
        return _brought_along(about), [Problem("unknown_contract", str(error))]
    if digest == named.digest:
        return named, []
    problem = Problem("digest", f"contract digest {digest[:12]}, {name} now has {named.digest[:12]}")
    return robot or _brought_along(about) or named, [problem]


def _brought_along(about: dict) -> Embodiment | None:
    try:
        return Embodiment.model_validate(upgraded(about["contract"]))
    except (KeyError, ValidationError):
        return None


def _record_problems(metadata: dict[str, dict], cut: bool) -> Iterator[Problem]:
    for name in ("episode", "outcome"):
        if name not in metadata and not cut:
            yield Problem("schema", f"no {name} record")
    about = metadata.get("episode")
    if about is not None and about.get("schema_version") != SCHEMA_VERSION:
        yield Problem("schema", f"schema version {about.get('schema_version')}, this program reads {SCHEMA_VERSION}")


def _channel_problems(stream: MessageStream, channels: dict[str, ChannelTimes], cut: bool) -> Iterator[Problem]:
    for role, what in ONE_EACH:
        having = [one for one in channels.values() if _is(one.channel, role, what)]
        declared = [one for one in stream.channels.values() if _is(one, role, what)]
        if len(having) != 1 and not (cut and not having):
            empty = ", without a message" if declared and not having else ""
            text = f"expected one channel of {what} with role {role!r}, got {len(declared)}{empty}"
            yield Problem("schema", text, role)
    if sum(_is(one.channel, roles.PRIVILEGED, messages.FLOAT64_ARRAY) for one in channels.values()) > 1:
        yield Problem("schema", "more than one channel of privileged values", roles.PRIVILEGED)


def _is(channel: Channel, role: str, what: str) -> bool:
    """Of that role, and of that message type or that part of an action."""
    return channel.role == role and what in (
        channel.message_type,
        part_of(role, channel.message_type, channel.metadata),
    )


def _observation(channels: dict[str, ChannelTimes]) -> ChannelTimes | None:
    found = [one for one in channels.values() if _is(one.channel, roles.OBSERVATION, messages.FLOAT32_ARRAY)]
    return found[0] if found else None
