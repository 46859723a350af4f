"""A contract of iblnkn/rosetta (0.2, its reference is doc/reference/contract.md there) in the words of ours.

What it says of observations is taken over. What a guard needs it does not say, and that is listed: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.embodiments.decoders.decoder import Decoder
from gato_ros.embodiments.decoders.registry import decoder_of
from gato_ros.embodiments.versions.implied import NEWEST
from gato_ros.embodiments.yaml_file import read_yaml, yaml_of

WHAT, EXAMPLE = "a contract of rosetta", "its contracts/so_101.yaml"
NEEDED = ("robot_type", "fps", "observations")
LACKS = {
    "limits": "workspace of the tool, largest speed and acceleration",
    "guard": "jerk, joint accelerations, singularity, and the capsules that are kept apart",
    "arm, gripper": "joints in order, posture, stroke, force",
    "urdf, base_frame, tool_frame, wrist_frame": "the kinematics that the guard computes with",
    "actions": "ranges of what a policy may command",
    "wire": "command topics, proposal topics and largest ages",
    "gripper/opening": "the observation that every policy reads",
}
"""Section of ours -> what of it a contract of rosetta never says."""
ROTATIONS = {"euler_rpy": "euler", "axis_angle": "axis_angle", "rotation_6d": "six_d"}
IMAGES = "observation.images."
RECORDED = ("rewards", "signals", "info", "complementary_data")
LEFT_OUT = ("actions", "teleop")
UNITS = {"position": "rad", "velocity": "rad/s", "effort": "N m"}
TEXT_BYTES, TEXT_TOKENS = 64, 12
PERIODS = 3
"""A held message counts for so many control periods here; rosetta holds it for ever."""


@dataclass
class Converted:
    """What became of it."""

    content: dict[str, Any]
    """Plain values of a contract of ours, as far as they are known."""
    lacks: list[str] = field(default_factory=list)
    """What has to be written before it can be loaded, a line each."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Key of rosetta's -> why nothing became of it."""
    notes: list[str] = field(default_factory=list)
    """What means something else here, a line each."""

    def text(self) -> str:
        """YAML, with what is missing as comments."""
        said = {
            "Missing, and to be written": self.lacks,
            "Not converted": [f"{k}: {w}" for k, w in self.left_out.items()],
        }
        lines = []
        for title, rows in {**said, "Not the same as in rosetta": self.notes}.items():
            lines += [f"# {title}:", *(f"# - {row}" for row in rows)] if rows else []
        return "\n".join(lines) + "\n" + yaml_of(self.content)


class _Unusable(Exception):
    pass


def from_rosetta(path: Path) -> Converted:
    """The contract in that file.

    Raises:
        SetupError: no YAML of our strict reader, or no contract of rosetta.
    """
    file = read_yaml(path, WHAT, EXAMPLE, anchors=True)
    for key in NEEDED:
        if key not in file.content:
            raise SetupError(expected=f"{key} in {path}, {WHAT}", got="no such key", fix=f"see {EXAMPLE}")
    fps, observations = file.content["fps"], file.content["observations"]
    if not isinstance(fps, int | float) or isinstance(fps, bool) or fps <= 0 or not isinstance(observations, dict):
        raise SetupError(expected=f"fps above 0, and observations, in {path}", got=repr(fps), fix=f"see {EXAMPLE}")
    name = re.sub(r"\W+", "_", str(file.content["robot_type"]))
    made = Converted(
        {
            "schema": NEWEST,
            "name": name,
            "description": f"from the contract {path.name} of rosetta",
            "control_rate_hz": float(fps),
            "observations": {},
            "recorded": {},
        }
    )
    made.lacks += [f"{section}: {what}" for section, what in LACKS.items()]
    for key, entry in observations.items():
        for ours, source in _sources(str(key), entry):
            try:
                made.content["observations"][ours] = _observation(ours, source, 1.0 / fps, made)
            except _Unusable as why:
                made.left_out[f"observations.{key}, {ours}"] = str(why)
    _rest(file.content, made)
    return made


def _sources(key: str, entry: Any) -> Iterator[tuple[str, Any]]:
    """Our key and the source of each of an entry's; several under one key are channels of their own here."""
    if key.startswith(IMAGES):
        yield f"{key.removeprefix(IMAGES).replace('.', '_')}/pixels", entry
        return
    name = key.removeprefix("observation.").replace(".", "/")
    several = entry if isinstance(entry, list) else [entry]
    for i, source in enumerate(several):
        yield name if len(several) == 1 else f"{name}/{i}", source


def _observation(key: str, source: Any, period_s: float, made: Converted) -> dict[str, Any]:
    channel, align = _part(source, "channel"), _part(source, "align")
    if "decoder" in channel:
        raise _Unusable("a decoder of its own, which is code")
    try:
        decoder = decoder_of(str(channel.get("type")))
    except SetupError as error:
        raise _Unusable(f"{channel.get('type')}: {error.expected} is what can be read") from None
    read: dict[str, Any] = {
        "topic": str(channel["topic"]),
        "type": decoder.type,
        "quality": _quality(channel.get("qos")),
    }
    read |= _aligned(key, align, period_s, made)
    if decoder.framed:
        read["frame_id"] = None
        made.notes.append(f"{key}: frame_id null, so that swapped sensors are not noticed: write the frame")
    if decoder.gives == "picture":
        return _camera(key, source, read, made)
    if decoder.gives != "numbers":
        raise _Unusable(f"{decoder.type} gives {decoder.gives}")
    return _vector(key, source, read, decoder, made)


def _part(source: Any, name: str) -> dict[str, Any]:
    part = source.get(name) if isinstance(source, dict) else None
    if not isinstance(part, dict):
        raise _Unusable(f"no {name}")
    return part


def _quality(qos: Any) -> str:
    qos = qos if isinstance(qos, Mapping) else {}
    if qos.get("durability") == "transient_local":
        return "transient_local"
    return "sensor" if qos.get("reliability") == "best_effort" else "reliable"


def _aligned(key: str, align: dict[str, Any], period_s: float, made: Converted) -> dict[str, Any]:
    timelines = {"header": "header", "receive": "receipt"}
    if align.get("timeline") not in timelines:
        raise _Unusable(f"timeline {align.get('timeline')}, which is neither header nor receive")
    rules = {
        "hold": ("hold", PERIODS * period_s),
        "asof": ("newest_before", float(align.get("tolerance_ms", 0)) / 1e3),
        "drop": ("drop", period_s),
    }
    if align.get("strategy") not in rules:
        raise _Unusable(f"alignment {align.get('strategy')}, expected one of {', '.join(rules)}")
    rule, age_s = rules[align["strategy"]]
    if rule == "hold":
        made.notes.append(f"{key}: held for {age_s:.3g} s at most, then the arm stops; rosetta holds it for ever")
    return {"timeline": timelines[align["timeline"]], "align": rule, "max_age_s": round(age_s, 6)}


def _camera(key: str, source: Any, read: dict[str, Any], made: Converted) -> dict[str, Any]:
    size = None
    for name, value in _operations(source):
        if name != "resize":
            raise _Unusable(f"operator {name} on a picture")
        size = value
    if not isinstance(size, list) or len(size) != 2:
        raise _Unusable("no resize, which says what the model sees")
    height, width = (max(16, 16 * (int(one) // 16)) for one in size)
    if [height, width] != size:
        made.notes.append(f"{key}: {width}x{height} instead of {size[1]}x{size[0]}: pixels come in patches of 16")
    made.notes.append(f"{key}: each pixel is the mean of its area; rosetta takes the nearest one")
    made.lacks.append(f"observations.{key}.camera: height and width of the driver's pictures, and what is cut of them")
    return {"kind": "image", **read, "height": height, "width": width}


def _vector(key: str, source: Any, read: dict[str, Any], decoder: Decoder, made: Converted) -> dict[str, Any]:
    paths = source.get("select") or ["data"]
    fields, rotation = _fields(list(map(str, paths)), str(source.get("kind", "continuous")))
    try:
        parts = [decoder.field(path) for path in fields]
    except SetupError as error:
        raise _Unusable(f"{error.expected}; got {error.got}") from None
    apply, degrees = [], False
    for name, value in _operations(source):
        if name == "rad2deg":
            apply.append({"kind": "degrees"})
            degrees = True
        elif name == "clamp" and isinstance(value, dict) and {"min", "max"} <= value.keys():
            apply.append({"kind": "clamp", "lower": float(value["min"]), "upper": float(value["max"])})
        else:
            raise _Unusable(f"operator {name}")
    size = sum(one.size(rotation) or 1 for one in parts)
    units = [UNITS.get(one.path.split(".")[0], "1") for one in parts for _ in range(one.size(rotation) or 1)]
    units = [unit.replace("rad", "deg") if degrees else unit for unit in units]
    made.lacks.append(f"observations.{key}: lower and upper, {size} each, the working range; look at its units")
    made_of = {"kind": "continuous", **read, "fields": fields, "units": units}
    return made_of | ({"rotation": rotation} if rotation else {}) | ({"apply": apply} if apply else {})


def _fields(paths: list[str], kind: str) -> tuple[list[str], str | None]:
    """Four numbers that are a quaternion become the rotation itself."""
    if kind in ROTATIONS:
        return paths, None  # they are numbers of that kind already
    ends = [path.rsplit(".", 1) for path in paths]
    if kind == "quaternion" or [one[-1] for one in ends] == ["x", "y", "z", "w"]:
        if [one[-1] for one in ends] != ["x", "y", "z", "w"] or len({one[0] for one in ends}) != 1:
            raise _Unusable("a quaternion that is not x, y, z, w of one field")
        return [ends[0][0]], "quaternion"
    return paths, None


def _operations(source: Any) -> Iterator[tuple[str, Any]]:
    for one in source.get("apply") or ():
        if isinstance(one, dict):
            yield next(iter(one.items()))
        else:
            yield str(one), None


def _rest(content: Mapping[str, Any], made: Converted) -> None:
    """Tasks as texts; what is only recorded; what is left out."""
    tasks = content.get("tasks") if isinstance(content.get("tasks"), dict) else {}
    for key, task in (tasks or {}).items():
        channel = task.get("channel", {}) if isinstance(task, dict) else {}
        if channel.get("type") != "std_msgs/msg/String":
            made.left_out[f"tasks.{key}"] = f"{channel.get('type')}, expected std_msgs/msg/String"
            continue
        made.content["observations"][f"{key}/text"] = {
            "kind": "text",
            "topic": str(channel["topic"]),
            "type": channel["type"],
            "quality": _quality(channel.get("qos")),
            "timeline": "receipt",
            "align": "hold",
            "max_age_s": None,
            "size_bytes": TEXT_BYTES,
            "tokens": TEXT_TOKENS,
        }
    adjunct = [("adjunct", one) for one in content.get("adjunct") or ()]
    for section in RECORDED:
        adjunct += [(f"{section}.{key}", one) for key, one in (content.get(section) or {}).items()]
    for key, one in adjunct:
        for source in one if isinstance(one, list) else [one]:
            channel = source.get("channel", {}) if isinstance(source, dict) else {}
            if "topic" not in channel or "type" not in channel:
                made.left_out[key] = "no channel with topic and type"
                continue
            made.content["recorded"][str(channel["topic"])] = {
                "type": str(channel["type"]),
                "quality": _quality(channel.get("qos")),
            }
    for section in LEFT_OUT:
        if section in content:
            made.left_out[section] = (
                "only observations are converted: what moves the arm is written here, with its limits"
            )
