"""Whether an episode is whole: checksums, dropped frames, the rate it claims, finite values, its contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data import messages, roles
from gato_ros.data.episode import FIX, WHAT, Episode, episode_from
from gato_ros.data.episode_writer import SCHEMA_VERSION
from gato_ros.data.gaps import gaps_in_time, header_stamps_s, missing_numbers, usual_period_s
from gato_ros.data.tracks import Track, Tracks, load_tracks
from gato_ros.embodiments import Embodiment, load_embodiment

STEPPED = tuple(role for role in roles.ALIGNED if role not in (roles.IMAGE, roles.OBSERVATION))
"""Roles that have one message at each step, like the observation; images may have fewer."""
RATE_TOLERANCE = 0.05
"""By so much the measured rate may differ from the contract's."""


def verify_episode(path: Path) -> list[str]:
    """What is wrong with the episode in `path`; empty when it is whole."""
    try:
        tracks = load_tracks(Path(path), WHAT, FIX)
        robot = _robot(tracks)
        if problems := [*_step_problems(tracks), *_image_problems(tracks), *_sensor_problems(tracks, robot)]:
            return problems
        return [*_rate_problems(tracks, robot), *_content_problems(episode_from(tracks))]
    except SetupError as error:
        return [error.got]
    except (ValueError, KeyError, IndexError) as error:
        return [f"not readable: {type(error).__name__}: {error}"]


def everything_rendered(metadata: dict) -> bool:
    """Whether every step was to have images: the simulator may render a share of them, a robot's cameras always run."""
    return metadata["image_share"] == 1 if "image_share" in metadata else "operator" in metadata


def _robot(tracks: Tracks) -> Embodiment | None:
    try:
        return load_embodiment(str(tracks.metadata.get("episode", {}).get("embodiment")))
    except SetupError:
        return None  # said by `_content_problems`


def _step_problems(tracks: Tracks) -> Iterator[str]:
    for name in ("episode", "outcome"):
        if name not in tracks.metadata:
            yield f"no {name} record"
    observation = tracks.only("observation", messages.FLOAT32_ARRAY)
    steps, stamps_ns = observation.steps, observation.stamps_ns
    count = tracks.metadata.get("outcome", {}).get("steps")
    yield from _dropped("everything", missing_numbers(steps, count if isinstance(count, int) else None))
    if any(after <= before for before, after in zip(steps, steps[1:])):
        yield "step numbers do not increase"
    if any(after <= before for before, after in zip(stamps_ns, stamps_ns[1:])):
        yield "stamps do not increase"
    elif period_s := usual_period_s(stamps := np.array(stamps_ns) / messages.NANOSECONDS):
        gaps = gaps_in_time(stamps, period_s)
        # A step that is missing by its number leaves a hole in time as well; it is one loss.
        silent = {place: lost - (steps[place + 1] - steps[place] - 1) for place, lost in zip(gaps.after, gaps.missing)}
        silent = {steps[place]: lost for place, lost in silent.items() if lost > 0}
        if silent:
            yield (
                f"{sum(silent.values())} steps dropped that the numbers do not show, by the stamps after step "
                f"{spans(silent)}"
            )
    for topic, track in tracks.tracks.items():
        if track.metadata.get("role") in STEPPED:
            yield from _dropped(topic, sorted(set(steps) - set(track.steps)))
            if extra := sorted(set(track.steps) - set(steps)):
                yield f"{topic}: messages at steps that have no observation: {spans(extra)}"
            if len(set(track.steps)) < len(track.steps):
                yield f"{topic}: several messages at one step"


def _image_problems(tracks: Tracks) -> Iterator[str]:
    cameras = {
        topic: track
        for topic, track in tracks.tracks.items()
        if track.metadata.get("role") == roles.IMAGE and track.message_type == messages.IMAGE
    }
    seen = set(tracks.only("observation", messages.FLOAT32_ARRAY).steps)
    wanted = set().union(*(track.steps for track in cameras.values()))
    if extra := sorted(wanted - seen):
        yield f"images at steps that have no observation: {spans(extra)}"
    if cameras and everything_rendered(tracks.metadata.get("episode", {})):
        wanted |= seen
    for topic, track in cameras.items():
        yield from _dropped(topic, sorted(wanted - set(track.steps)))


def _sensor_problems(tracks: Tracks, robot: Embodiment | None) -> Iterator[str]:
    """Holes in what sensors sent at their own rate, by the sensors' own clock."""
    observation = tracks.only("observation", messages.FLOAT32_ARRAY)
    for topic, track in native_sensors(tracks, robot).items():
        stamps = sensor_stamps_s(track)
        if (unstamped := int((stamps == 0).sum())) > 1:  # a simulation may begin at zero
            yield f"{topic}: {unstamped} of {len(stamps)} messages have no stamp"
            continue
        period_s = usual_period_s(stamps)
        if period_s is None:
            continue
        # The oldest value of a step sets its stamp: another sensor's may be a step younger.
        slack_s = usual_period_s(np.array(observation.stamps_ns) / messages.NANOSECONDS) or period_s
        gaps = gaps_in_time(
            stamps,
            period_s,
            observation.stamps_ns[0] / messages.NANOSECONDS + slack_s,
            observation.stamps_ns[-1] / messages.NANOSECONDS - slack_s,
        )
        if gaps:
            at = ", ".join(f"{stamps[max(place, 0)] - stamps[0]:.2f} s" for place in gaps.after[:5])
            yield f"{topic}: {gaps.total} messages dropped, after {at}" + (" ..." if len(gaps.after) > 5 else "")


def native_sensors(tracks: Tracks, robot: Embodiment | None) -> dict[str, Track]:
    """Topic -> the cameras and joint states that were recorded at their own rate, not step by step."""
    wire = {robot.wire.joint_states.topic, robot.wire.gripper_states.topic} if robot else set()
    sensors = {}
    for topic, track in tracks.tracks.items():
        camera = track.message_type in (messages.IMAGE, "sensor_msgs/msg/CompressedImage")
        of_contract = any(topic == name or topic.endswith("/" + name) for name in wire)
        if track.metadata.get("role") == roles.RAW and (camera or of_contract):
            sensors[topic] = track
    return sensors


def sensor_stamps_s(track: Track) -> np.ndarray:
    """[N] stamps [s] by the sensor's clock, or of the receipt where its messages have none."""
    own = header_stamps_s(track.message_type, track.data)
    return np.array(track.stamps_ns, np.float64) / messages.NANOSECONDS if own is None else own


def _rate_problems(tracks: Tracks, robot: Embodiment | None) -> Iterator[str]:
    stamps_ns = tracks.only("observation", messages.FLOAT32_ARRAY).stamps_ns
    period_s = usual_period_s(np.array(stamps_ns) / messages.NANOSECONDS)
    if robot and period_s and abs(period_s * robot.control_rate_hz - 1) > RATE_TOLERANCE:
        yield f"recorded at {1 / period_s:.3g} Hz, {robot.name} says {robot.control_rate_hz:g} Hz"


def _content_problems(episode: Episode) -> Iterator[str]:
    metadata = episode.metadata
    if metadata.get("schema_version") != SCHEMA_VERSION:
        yield f"schema version {metadata.get('schema_version')}, this program reads {SCHEMA_VERSION}"
    try:
        digest = load_embodiment(metadata["embodiment"]).digest
        if metadata["contract_digest"] != digest:
            yield f"contract digest {metadata['contract_digest'][:12]}, {metadata['embodiment']} now has {digest[:12]}"
    except SetupError as error:
        yield str(error)
    arrays = {**episode.values, **episode.privileged, "action": episode.actions, "executed": episode.executed}
    for key, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            yield f"{key} has values that are not finite"


def _dropped(what: str, missing: Sequence[int]) -> Iterator[str]:
    if missing:
        yield f"{what} dropped at {len(missing)} steps: {spans(missing)}"


def spans(numbers: Sequence[int], most: int = 8) -> str:
    """`2, 5-7` for 2 5 6 7; what is beyond `most` parts is left out."""
    numbers = sorted(numbers)
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    shown = [f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts[:most]]
    return ", ".join(shown) + (" ..." if len(parts) > most else "")
