"""What schema 1 of a contract never said because there was one way only; schema 2 states it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEWEST = 2
IMAGE_TYPE = "sensor_msgs/msg/Image"
STATES = ("joint_states", "gripper_states")
"""Topics of the section `wire` that say the robot's state."""
POSES = ("tool_pose", "wrist_pose")
"""Sources that hold a rotation."""

IMAGE = {"type": IMAGE_TYPE, "quality": "sensor", "timeline": "header", "align": "hold"}
STATE = {"timeline": "header", "align": "nearest"}
SAID_IN_1 = {
    "image": {"kind", "topic", "frame_id", "height", "width", "max_age_s"},
    "continuous": {"kind", "source", "units", "lower", "upper"},
    "discrete": {"kind", "source", "values"},
    "text": {"kind", "source", "size_bytes", "tokens"},
}
"""Kind of a channel -> its keys in schema 1."""
SAID_OF_AN_ACTION = {"units", "lower", "upper", "binary"}
"""Keys of a part of the action in schema 1."""
NEWER_OF_AN_ACTION = {
    *("kind", "topic", "components", "frame", "others", "joints", "mode", "reach_s", "by", "axes", "frame_id")
}
ONLY_ON_THE_WAY = {"quality"}
"""Keys that change how messages travel and never what they say: part of no digest."""


def implied_of_channel(channel: Mapping[str, Any]) -> dict[str, Any]:
    """What schema 1 implied of an observation, from what it said of it."""
    if channel.get("kind") == "image":
        return {**IMAGE, "camera": {key: channel.get(key) for key in ("height", "width")}}
    return {"rotation": "quaternion"} if channel.get("source") in POSES else {}


IMPLIED_ACTIONS: dict[str, dict[str, Any]] = {
    "twist": {"kind": "twist", "components": ["vx", "vy", "vz", "wz"], "frame": "base", "others": "down"},
    "gripper": {"kind": "gripper", "by": "opening"},
}
"""Key of a part of the action -> what schema 1 implied of it; it had these two parts and no others."""
NEVER_SAID_IN_1 = {"limits": ("orientation",), "gripper": ("joint_range_rad",), "wire": ("base_command",)}
"""Section -> optional keys that schema 2 brought; nothing stands for them where they are not stated."""


def implied_of_action(key: str) -> dict[str, Any]:
    """What schema 1 implied of the part of the action with that key."""
    return IMPLIED_ACTIONS.get(key, {})


def newer_keys(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The ways to keys of a contract that schema 1 does not have."""
    found: list[tuple[str, ...]] = [("recorded",)] if "recorded" in content else []
    found += [("guard", key) for key in ("neighbours", "base") if key in (content.get("guard") or {})]
    for key, channel in _sections(content, "observations").items():
        said = SAID_IN_1.get(str(channel.get("kind")))
        found += [("observations", key, name) for name in channel if said and name in NEWER - said]
    for key, part in _sections(content, "actions").items():
        found += [("actions", key, name) for name in part if name in NEWER_OF_AN_ACTION]
    for name, keys in NEVER_SAID_IN_1.items():
        found += [(name, key) for key in keys if isinstance(content.get(name), dict) and key in content[name]]
    for name, state in _sections(content, "wire").items():
        if name in STATES:
            found += [("wire", name, key) for key in state if key in STATE]
    return found


NEWER = {
    *IMAGE,
    *("camera", "rotation", "topic", "fields", "transform", "apply", "max_age_s", "frame_id"),
}
"""Keys of observations that schema 2 brought, to one kind or to all."""


def _sections(content: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    """The mappings in a section; nothing where a file has something else there, which validation says."""
    section = content.get(name)
    return (
        {key: value for key, value in section.items() if isinstance(value, dict)} if isinstance(section, dict) else {}
    )


def left_out_of_digest(content: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Keys of a schema 2 contract that say no more than schema 1 did, and whether it says nothing beyond that.

    A contract that could have been written in schema 1 has the digest that it had there.

    Args:
        content: all of it as plain values; what is not stated is None.
    """
    left_out: dict[str, Any] = {"recorded": True}
    beyond = False
    observations: dict[str, Any] = {}
    for key, channel in content["observations"].items():
        implied, said = implied_of_channel(channel), SAID_IN_1[channel["kind"]]
        dropped = set()
        for name, value in channel.items():
            as_implied = name not in said and plainly(value) == implied.get(name)
            if value is None or as_implied or name in ONLY_ON_THE_WAY:
                dropped.add(name)
            else:
                beyond |= name not in said
        if dropped:
            observations[key] = dropped
    left_out["observations"] = observations
    left_out["actions"], newer = left_out_of_actions(content["actions"])
    beyond |= newer
    for name, keys in NEVER_SAID_IN_1.items():
        left_out[name] = {key for key in keys if content[name][key] is None}
        beyond |= len(left_out[name]) < len(keys)
    wire: dict[str, Any] = dict.fromkeys(left_out["wire"], True)
    for name in STATES:
        state = content["wire"][name]
        wire[name] = {key for key in STATE if state[key] == STATE[key]}
        beyond |= len(wire[name]) < len(STATE)
    return {**left_out, "wire": wire}, not beyond


def left_out_of_actions(parts: Mapping[str, Any]) -> tuple[dict[str, set[str]], bool]:
    """Keys of the parts of an action that say no more than schema 1 did, and whether others say something beyond it."""
    left_out, beyond = {}, list(parts) != list(IMPLIED_ACTIONS)
    for key, part in parts.items():
        implied = implied_of_action(key)
        left_out[key] = {
            name
            for name, value in part.items()
            if name not in SAID_OF_AN_ACTION and (value is None or value == implied.get(name))
        }
        beyond |= len(left_out[key] | SAID_OF_AN_ACTION) < len(part)
    return left_out, beyond


def plainly(value: Any) -> Any:
    """A section without what is not stated in it."""
    return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value
