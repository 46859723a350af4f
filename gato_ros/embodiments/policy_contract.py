"""What a robot and weights must agree on."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gato_ros.embodiments.channels import Channel
from gato_ros.embodiments.urdf_parts import attribute, child_of, joints_of
from gato_ros.embodiments.versions.implied import implied_of_action, implied_of_channel, plainly


def policy_contract(
    control_rate_hz: float, channels: Mapping[str, Channel], actions: dict[str, Any], tool: list[dict[str, Any]]
) -> dict[str, Any]:
    """Channels used, action ranges, control rate, tool kinematics: what changes the meaning of a number.

    Topics, age limits and texts may differ.

    Args:
        channels: those that the weights read.
        actions: ranges and units, ready for JSON.
        tool: what `tool_chain` finds.
    """
    return {
        "control_rate_hz": control_rate_hz,
        "observations": {key: _meaning(channels[key].model_dump(mode="json")) for key in sorted(channels)},
        "actions": {key: _meaning_of_action(key, part) for key, part in actions.items()},
        "tool": tool,
    }


ON_THE_WAY = {"topic", "type", "quality", "timeline", "align", "max_age_s"}
"""Keys of a channel that change when and how its messages come, and not what a number means."""


def _meaning(channel: dict[str, Any]) -> dict[str, Any]:
    """What of a channel gives its numbers their meaning; what schema 1 implied is left out, as weights hold it."""
    implied = implied_of_channel(channel)
    left_out = ON_THE_WAY | ({"frame_id"} if channel["kind"] == "image" else set())
    said = {key: plainly(value) for key, value in channel.items() if key not in left_out and value is not None}
    if "camera" in said:  # how many pixels a driver sends is nothing to a model that sees their means
        said["camera"] = {key: value for key, value in said["camera"].items() if key not in ("height", "width")}
    return {key: value for key, value in said.items() if value != implied.get(key, ...) and value != {}}


def _meaning_of_action(key: str, part: dict[str, Any]) -> dict[str, Any]:
    """As `_meaning`, of a part of the action."""
    implied = implied_of_action(key)
    return {
        name: value
        for name, value in part.items()
        if name != "topic" and value is not None and value != implied.get(name, ...)
    }


def tool_chain(urdf_path: Path, base_frame: str, tool_frame: str) -> list[dict[str, Any]]:
    """The joints from the base to the tool frame: what turns joint angles into a tool pose."""
    urdf = ElementTree.parse(urdf_path).getroot()
    joints = {attribute(child_of(joint, "child"), "link"): joint for joint in joints_of(urdf)}
    chain, link = [], tool_frame
    while link in joints and link != base_frame:
        joint = joints[link]
        parts = {tag: dict(found.attrib) for tag in ("origin", "axis") if (found := joint.find(tag)) is not None}
        chain.append({"name": joint.get("name"), "type": joint.get("type"), **parts})
        link = attribute(child_of(joint, "parent"), "link")
    return chain[::-1]
