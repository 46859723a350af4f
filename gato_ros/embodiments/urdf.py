"""Whether a contract and its URDF speak of the same robot."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.simulation import Jaw, Simulation
from gato_ros.embodiments.urdf_parts import attribute, child_of, joints_of

STROKE_M = 1e-6
"""Rounding that a finger's travel may lack."""


def check_urdf(embodiment: Embodiment) -> None:
    """SetupError for a joint or frame that the URDF lacks, or has in a way that nobody here can use."""
    name = embodiment.urdf
    try:
        root = ElementTree.parse(embodiment.urdf_path).getroot()
    except ElementTree.ParseError as error:
        raise SetupError(
            expected=f"XML in {embodiment.urdf_path}", got=str(error), fix="give the URDF itself, as xacro writes it"
        ) from None
    joints = {attribute(joint, "name"): joint for joint in joints_of(root)}
    links = [attribute(link, "name") for link in root.findall("link")]
    for joint in [*embodiment.arm.joints, *embodiment.arm.position_overrides_rad]:
        if joint not in joints:
            raise unknown_name(f"a joint of {name}", joint, joints)
        _check_joint(name, joints[joint], "revolute", ("lower", "upper", "velocity"))
    geometry = embodiment.guard.clearance
    frames = [embodiment.base_frame, embodiment.tool_frame, embodiment.wrist_frame]
    if embodiment.simulation:
        frames += [camera.frame for camera in embodiment.simulation.cameras.values()]
    for frame in [*frames, *(capsule.frame for capsule in (geometry.capsules.values() if geometry else ()))]:
        if frame not in links:
            raise unknown_name(f"a link of {name}", frame, links)
    # Poses are reckoned from the root; a base elsewhere would shift every one of them.
    children = {child.get("link") for child in root.iterfind("joint/child")}
    tops = [link for link in links if link not in children]
    if tops != [embodiment.base_frame]:
        raise SetupError(
            expected=f"the first link of {name} as base_frame, {' or '.join(tops)}",
            got=embodiment.base_frame,
            fix="name that one, or take out of the URDF what lies before the base",
        )
    if embodiment.simulation and embodiment.simulation.jaw:
        _check_jaw(embodiment, embodiment.simulation.jaw, joints, links)
    elif embodiment.simulation:
        _check_fingers(embodiment, embodiment.simulation, joints)


def _check_joint(urdf: str, joint: ElementTree.Element, kind: str, needed: tuple[str, ...]) -> None:
    """Of that kind, and with these limits: a continuous joint, say, has no ends that the guard could keep."""
    limit = joint.find("limit")
    missing = [name for name in needed if limit is None or limit.get(name) is None]
    if joint.get("type") != kind or missing:
        got = f"a {joint.get('type')} joint" + (f" without {', '.join(missing)}" if missing else "")
        raise SetupError(
            expected=f"{joint.get('name')} of {urdf} as a {kind} joint with {', '.join(needed)}",
            got=got,
            fix="change it in the URDF",
        )


def _check_fingers(embodiment: Embodiment, simulation: Simulation, joints: dict[str, ElementTree.Element]) -> None:
    for finger in simulation.finger_joints or ():
        if finger not in joints:
            raise unknown_name(f"a finger joint of {embodiment.urdf}", finger, joints)
        _check_joint(embodiment.urdf, joints[finger], "prismatic", ("lower", "upper", "effort"))
        limit = child_of(joints[finger], "limit")
        lower, upper = float(attribute(limit, "lower")), float(attribute(limit, "upper"))
        half = embodiment.gripper.stroke_m / 2
        if abs(lower) > STROKE_M or upper < half - STROKE_M:
            raise SetupError(
                expected=f"{finger} of {embodiment.urdf} from 0 (closed) to {half:g} m, half the stroke",
                got=f"{lower:g} to {upper:g} m",
                fix="change gripper.stroke_m, or the URDF",
            )


def _check_jaw(embodiment: Embodiment, jaw: Jaw, joints: dict[str, ElementTree.Element], links: list[str]) -> None:
    if jaw.joint not in joints:
        raise unknown_name(f"a joint of {embodiment.urdf}", jaw.joint, joints)
    if jaw.fixed not in links:
        raise unknown_name(f"a link of {embodiment.urdf}", jaw.fixed, links)
    _check_joint(embodiment.urdf, joints[jaw.joint], "revolute", ("lower", "upper"))
    if embodiment.gripper.joint_range_rad is None:
        raise SetupError(
            expected=f"gripper.joint_range_rad of {embodiment.name}, the angles of {jaw.joint} when closed and open",
            got="none",
            fix="add it: simulation.jaw turns between them",
        )
    limit = child_of(joints[jaw.joint], "limit")
    lower, upper = float(attribute(limit, "lower")), float(attribute(limit, "upper"))
    closed, opened = embodiment.gripper.joint_range_rad
    if min(closed, opened) < lower - STROKE_M or max(closed, opened) > upper + STROKE_M:
        raise SetupError(
            expected=f"gripper.joint_range_rad within the ends of {jaw.joint}, {lower:g} to {upper:g} rad",
            got=f"{closed:g} to {opened:g}",
            fix="change it, or the URDF",
        )
