"""What a robot and weights must agree on."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gato_ros.embodiments.urdf_parts import attribute, child_of, joints_of

if TYPE_CHECKING:
    from gato_ros.embodiments.contract import Embodiment


def policy_contract(robot: Embodiment, observation_keys: Iterable[str]) -> dict[str, Any]:
    """Channels used, action ranges, control rate, tool kinematics: what changes the meaning of a number.

    Topics, age limits and texts may differ.

    Raises:
        SetupError: a key that the robot lacks.
    """
    observations = {}
    for key in sorted(observation_keys):
        observations[key] = robot.channel(key).model_dump(mode="json", exclude={"topic", "frame_id", "max_age_s"})
    return {
        "control_rate_hz": robot.control_rate_hz,
        "observations": observations,
        "actions": robot.actions.model_dump(mode="json"),
        "tool": _tool_chain(robot),
    }


def _tool_chain(robot: Embodiment) -> list[dict[str, Any]]:
    """The joints from the base to the tool frame: what turns joint angles into a tool pose."""
    urdf = ElementTree.parse(robot.urdf_path).getroot()
    joints = {attribute(child_of(joint, "child"), "link"): joint for joint in joints_of(urdf)}
    chain, link = [], robot.tool_frame
    while link in joints and link != robot.base_frame:
        joint = joints[link]
        parts = {tag: dict(found.attrib) for tag in ("origin", "axis") if (found := joint.find(tag)) is not None}
        chain.append({"name": joint.get("name"), "type": joint.get("type"), **parts})
        link = attribute(child_of(joint, "parent"), "link")
    return chain[::-1]
