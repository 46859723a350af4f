"""Parts of a URDF that must be there."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError


def joints_of(robot: ElementTree.Element) -> list[ElementTree.Element]:
    """The joints of a URDF's root. Those that a `ros2_control` or `transmission` section names are no others."""
    return robot.findall("joint")


def child_of(element: ElementTree.Element, tag: str) -> ElementTree.Element:
    """Its first child of that tag; SetupError without one."""
    found = element.find(tag)
    if found is None:
        raise _lacking(element, f"a <{tag}>")
    return found


def attribute(element: ElementTree.Element, name: str) -> str:
    """Its attribute of that name; SetupError without one."""
    found = element.get(name)
    if found is None:
        raise _lacking(element, f"`{name}`")
    return found


def _lacking(element: ElementTree.Element, what: str) -> SetupError:
    called = element.get("name")
    who = f"<{element.tag}>" if called is None else f"<{element.tag}> {called}"
    return SetupError(expected=f"{what} in {who} of the URDF", got="none", fix="add it to the URDF")


def joint_limits(
    urdf_path: Path, names: list[str], narrowed: Mapping[str, tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower [rad], upper [rad] and speed [rad/s] of the joints `names`, in their order.

    Args:
        narrowed: name -> ends that count where they are nearer than the URDF's.
    """
    found = {}
    for joint in joints_of(ElementTree.parse(urdf_path).getroot()):
        if (name := attribute(joint, "name")) in names:
            limit = child_of(joint, "limit")
            found[name] = [float(attribute(limit, key)) for key in ("lower", "upper", "velocity")]
    for name, (lower, upper) in narrowed.items():
        found[name][:2] = [max(lower, found[name][0]), min(upper, found[name][1])]
    rows = np.array([found[name] for name in names])
    return rows[:, 0], rows[:, 1], rows[:, 2]
