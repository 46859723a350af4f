"""An episode of our own, step by step, out of a foreign one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.guard.arbiter import HUMAN
from gato_ros.core.observation import Observation
from gato_ros.core.sensing.rotation_kinds import rotation_values
from gato_ros.core.text import value_from_text
from gato_ros.data.checks.values import LABEL_SLACK
from gato_ros.data.episodes.command_source import EXPERT
from gato_ros.data.episodes.writer import EpisodeWriter
from gato_ros.data.exports.lerobot import text_name
from gato_ros.data.exports.value_names import action_names
from gato_ros.data.imports.alignment import ticks
from gato_ros.data.imports.mapping import ActionPicks, ImportMapping, Pick
from gato_ros.data.imports.source import LeftOut, Pictures, SourceEpisode
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.channels import Channel, ContinuousChannel, ImageChannel
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.pictures.camera import Camera
from gato_ros.embodiments.pictures.encodings import measured
from gato_ros.embodiments.pictures.fit import fitted, fitted_depth
from gato_ros.embodiments.versions.implied import POSES

MILLIMETRE = 1e-3


@dataclass(frozen=True)
class Aligned:
    """What a foreign episode says at each of T ticks of our loop."""

    rows: np.ndarray
    """[T] rows of the foreign episode."""
    stamps_s: np.ndarray
    """[T]."""
    values: dict[str, np.ndarray]
    """Contract key -> [T size] float32."""
    cameras: dict[str, Pick]
    """Contract key -> camera."""
    actions: np.ndarray
    """[T values] of the contract's action, the arm's part before the gripper's."""
    executed: np.ndarray
    """[T values]."""


def aligned(episode: SourceEpisode, mapping: ImportMapping, robot: Embodiment) -> Aligned:
    """The episode on our clock, in our units.

    Raises:
        LeftOut: it lacks something, or holds what cannot be.
    """
    rows, stamps = ticks(_times_s(episode, mapping), robot.control_rate_hz)
    values, cameras = {}, {}
    for key, pick in mapping.observations.items():
        channel = robot.channel(key)
        if channel.kind == "image":
            if pick.column not in episode.cameras:
                raise LeftOut(f"no camera {pick.column}")
            cameras[key] = pick
        else:
            found = picked(episode, pick, int(channel.shape[0]))[rows]
            values[key] = (_clipped(found, channel) if pick.clip else found).astype(np.float32)
    values |= poses_of_joints(robot, values)
    actions, ends = _actions(episode, mapping.action, rows, robot)
    executed = actions
    if mapping.executed is not None:
        executed, _ = _actions(episode, mapping.executed, rows, robot)
    if wrong := out_of_range(actions[: len(rows) - ends], robot):
        raise LeftOut(f"{wrong} out of the contract's range")
    keep = slice(0, len(rows) - ends)
    kept = {key: array[keep] for key, array in values.items()}
    return Aligned(rows[keep], stamps[keep], kept, cameras, actions[keep], executed[keep])


def poses_of_joints(robot: Embodiment, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Poses of tool and wrist [T size] that `values` lack, of the joint angles in them: the live loop makes them so."""
    sources = {key: getattr(channel, "source", None) for key, channel in robot.vectors.items()}
    joints = next((key for key, source in sources.items() if source == "joint_position" and key in values), None)
    wanted = {key: source for key, source in sources.items() if source in POSES and key not in values}
    if joints is None or not wanted:
        return {}
    kinematics, found = Kinematics(robot), {key: [] for key in wanted}
    for q in values[joints].astype(np.float64):
        tool = kinematics.tool(q)
        for key, source in wanted.items():
            place, rotation = (tool.position, tool.rotation) if source == "tool_pose" else kinematics.wrist(q)
            kind = str(robot.vectors[key].rotation)
            found[key].append(np.append(place, rotation_values(rotation, kind)))
    return {key: np.array(rows, np.float32) for key, rows in found.items()}


def out_of_range(actions: np.ndarray, robot: Embodiment) -> str:
    """The first value of actions [T values] that lies out of the contract's range, with some slack; nothing where all
    lie in it."""
    slack = LABEL_SLACK * (robot.action_upper - robot.action_lower)
    wrong = ((actions < robot.action_lower - slack) | (actions > robot.action_upper + slack)).any(0)
    return action_names(robot)[int(np.argmax(wrong))] if wrong.any() else ""


def _times_s(episode: SourceEpisode, mapping: ImportMapping) -> np.ndarray:
    """[N] float64; LeftOut where neither the source nor the mapping knows."""
    if episode.times_s is not None:
        return np.asarray(episode.times_s, np.float64)
    if (rate_hz := mapping.rate_hz or episode.rate_hz) is None:
        raise LeftOut("no rate: give rate_hz in the mapping")
    return np.arange(len(episode)) / rate_hz


def picked(episode: SourceEpisode, pick: Pick, size: int) -> np.ndarray:
    """[N size] float64, all finite; LeftOut if there is none such."""
    if pick.column not in episode.columns:
        raise LeftOut(f"no column {pick.column}")
    column = episode.columns[pick.column]
    if pick.index:
        names = episode.names.get(pick.column, ())
        chosen = []
        for place in pick.index:
            if isinstance(place, str):
                if place not in names:
                    raise LeftOut(f"no value {place} in {pick.column}")
                place = names.index(place)
            if place is not None and not -column.shape[1] <= place < column.shape[1]:
                raise LeftOut(f"no value {place} in {pick.column}, which has {column.shape[1]}")
            chosen.append(np.zeros(len(column)) if place is None else column[:, place])
        column = np.stack(chosen, 1)
    if column.shape[1] != size:
        raise LeftOut(f"{pick.column} has {column.shape[1]} values, not {size}")
    try:
        scaled = column * np.asarray(pick.scale, np.float64) + np.asarray(pick.offset, np.float64)
    except ValueError:
        raise LeftOut(f"scale or offset of {pick.column} has another number of values than {size}") from None
    if not np.isfinite(scaled).all():
        raise LeftOut(f"a value of {pick.column} that is not finite")
    return scaled


def _clipped(values: np.ndarray, channel: Channel) -> np.ndarray:
    """`values` [T size] within the range of a vector; of other observations they stay as they are."""
    return np.clip(values, channel.lower, channel.upper) if isinstance(channel, ContinuousChannel) else values


def _actions(episode: SourceEpisode, picks: ActionPicks, rows: np.ndarray, robot: Embodiment) -> tuple[np.ndarray, int]:
    """[T values], and how many ticks at the end have none: the last has no next state."""
    of_arm = picks.twist or picks.arm
    assert of_arm is not None  # one of the two is there
    arm = picked(episode, of_arm, len(robot.arm_part.names))[rows]
    opening = picked(episode, picks.gripper, 1)[rows]
    ends = 0
    if picks.twist is not None and picks.twist.of == "next_state":
        moved = np.diff(arm, axis=0, append=arm[-1:])
        moved[:, 3] = (moved[:, 3] + np.pi) % (2 * np.pi) - np.pi
        arm, ends = moved * robot.control_rate_hz, 1
    elif of_arm.of == "next_state":
        arm, ends = _next(arm), 1
    if picks.gripper.of == "next_state":
        opening, ends = _next(opening), 1
    for part, pick, values in ((robot.arm_part, of_arm, arm), (robot.gripper_part, picks.gripper, opening)):
        if pick.clip:
            np.clip(values, part.lower, part.upper, out=values)
    return np.concatenate([arm, opening], 1), ends


def _next(values: np.ndarray) -> np.ndarray:
    """Each row of [T size] becomes the one after it."""
    return np.concatenate([values[1:], values[-1:]])


def write_episode(
    episode: SourceEpisode, mapping: ImportMapping, robot: Embodiment, folder: Path, about: dict[str, Any]
) -> int:
    """Write it into `folder`, whole or not at all; its steps.

    Args:
        about: where it comes from, for the record.

    Raises:
        LeftOut: it cannot be used.
        SetupError: it is there already.
    """
    found = aligned(episode, mapping, robot)
    if not len(found.rows):
        raise LeftOut("fewer than two steps")
    task = episode.task or mapping.task
    if not task:
        raise LeftOut("no task: give one with --task, or in the mapping")
    success = mapping.success if episode.success is None else episode.success
    sources = None if episode.commanded_by is None else episode.commanded_by[found.rows]
    metadata: dict[str, Any] = {"task": task, "task_text": task, "imported": about}
    if sources is None or not (sources == EXPERT).all():
        metadata["operator"] = "imported"
    else:
        metadata["driver"], sources = EXPERT, None
    said = {key: episode.texts[text_name(key)] for key in robot.texts if text_name(key) in episode.texts}
    # A text of the contract that nothing is mapped to is the task.
    texts = {
        key: value_from_text(task, channel.size_bytes)
        for key, channel in robot.texts.items()
        if key not in found.values and key not in robot.listened
    }
    pictures = _at_ticks(episode, found, robot)
    with EpisodeWriter(folder, episode.name, robot, metadata) as writer:
        for tick, stamp_s in enumerate(found.stamps_s.tolist()):
            values = texts | {key: array[tick] for key, array in found.values.items()}
            row = int(found.rows[tick])
            values |= {key: value_from_text(rows[row], robot.texts[key].size_bytes) for key, rows in said.items()}
            observation = Observation(values | next(pictures), stamp_s)
            action, executed = (action_of(robot, one[tick]) for one in (found.actions, found.executed))
            who = None if sources is None else {"source": str(sources[tick] or HUMAN)}
            writer.add(tick, observation, action, executed, tick=who)
        writer.close({"steps": len(found.rows), **({} if success is None else {"success": success})})
    return len(found.rows)


def action_of(robot: Embodiment, values: np.ndarray) -> Action:
    """`values` [values] as the action of this robot."""
    return ArmAction.from_vector(values) if robot.usual_actions else Action.of_vector(values, robot.spec.actions)


def _at_ticks(episode: SourceEpisode, found: Aligned, robot: Embodiment) -> Iterator[Pictures]:
    """Of each tick the pictures of its row, in the contract's size."""
    if not found.cameras:
        yield from ({} for _ in found.rows)
        return
    stream = enumerate(episode.pictures(tuple({pick.column for pick in found.cameras.values()})))
    row, now = -1, {}
    for wanted in found.rows.tolist():
        if row < wanted:
            for row, pictures in stream:  # noqa: B007
                if row == wanted:
                    break
            else:
                raise LeftOut("fewer pictures than steps")
            now = {
                key: shown(pictures[pick.column], robot.cameras[key], pick, episode.as_seen)
                for key, pick in found.cameras.items()
            }
        yield now


def shown(pixels: np.ndarray, channel: ImageChannel, pick: Pick, as_seen: bool = False) -> np.ndarray:
    """uint8 [height width 3] as the model sees it: by the function that also prepares live pictures.

    Args:
        as_seen: the picture is one that a model sees; one of depth is then grey already.

    Raises:
        LeftOut: nobody says how a picture of this size becomes one of the contract's, or the crop does not lie in it;
            depth where the contract wants colours, or the other way round.
    """
    height, width, depth_m = channel.height, channel.width, channel.camera.depth_m
    fit = fitted
    if pixels.ndim == 2:
        if depth_m is None:
            raise LeftOut(f"{pick.column} is depth, and the contract states no camera.depth_m")
        pixels, fit = metres(pixels, float(np.max(pick.scale))), fitted_depth
    elif depth_m is not None and not as_seen:
        raise LeftOut(f"{pick.column} shows colours, and the contract's camera.depth_m asks for depth")
    size = {"height": pixels.shape[0], "width": pixels.shape[1]}
    said = {"crop": pick.crop, "rotate_deg": pick.rotate_deg, "flip": pick.flip, "depth_m": depth_m}
    if (channel.camera.height, channel.camera.width) == pixels.shape[:2] and not pick.moves_pixels:
        return fit(pixels, channel.camera, height, width)
    try:
        camera = Camera(**size, **said)
        camera.check_size(height, width)
    except ValueError as error:
        raise LeftOut(f"{pick.column} of {size['width']}x{size['height']} pixels: {_reason(error)}") from None
    part = camera.part
    ratio = (part.width, part.height) if camera.turned else (part.height, part.width)
    if ratio[0] * width != ratio[1] * height:
        raise LeftOut(
            f"{pick.column} shows {ratio[1]}x{ratio[0]} pixels, the contract {width}x{height}: give a crop of its ratio"
        )
    return fit(pixels, camera, height, width)


def metres(depth: np.ndarray, scale: float) -> np.ndarray:
    """float32 [height width] of uint16 in millimetres or float32 in metres, as ROS has them (REP-118), times `scale`; 0
    where nothing was measured."""
    unit = MILLIMETRE if depth.dtype == np.uint16 else 1.0
    return measured(depth.astype(np.float32) * np.float32(unit * scale))


def _reason(error: ValueError) -> str:
    """The words of a validator, without what pydantic puts around them."""
    found = getattr(error, "errors", list)()
    return found[0]["msg"].removeprefix("Value error, ") if found else str(error)
