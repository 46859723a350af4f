"""Parts of a URDF that must be there."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

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
