"""The scene as visualization_msgs markers: workspace, tool, and what is proposed and commanded."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from gato_ros.embodiments import Embodiment
from gato_ros.nodes.view.debug_picture import COLOURS, COMMANDED, DIM, PROPOSED, Scene

ARROW_S = 2.0
"""An arrow is as long as the way in this time [s]: at 7 cm/s a finger's length, which one sees."""
LIFETIME_S = 0.5
"""What nobody renews disappears."""
AXES_M = 0.06
STILL_M_S = 1e-4


def scene_markers(robot: Embodiment, scene: Scene, tool_rotation: np.ndarray | None, stamp: Time) -> MarkerArray:
    """All markers of this moment, in the base frame.

    Args:
        tool_rotation: [3 3] base_from_tool; None as long as the joints are unknown.
    """

    def marker(number: int, kind: int, colour: tuple[int, int, int], opacity: float = 1.0) -> Marker:
        made = Marker(ns=robot.name, id=number, type=kind, action=Marker.ADD, color=_colour(colour, opacity))
        made.header.stamp, made.header.frame_id, made.pose.orientation.w = stamp, robot.base_frame, 1.0
        made.lifetime = Duration(sec=0, nanosec=round(LIFETIME_S * 1e9))
        return made

    lower, upper = np.array(robot.limits.workspace_lower_m), np.array(robot.limits.workspace_upper_m)
    box = marker(0, Marker.LINE_LIST, COLOURS.get(scene.level, DIM))
    box.scale.x, box.points = 0.003, [_point(corner) for edge in _edges(lower, upper) for corner in edge]
    found = [box]
    if scene.tool_m is not None and tool_rotation is not None:
        for axis, colour in enumerate(((220, 60, 60), (60, 180, 80), (70, 110, 230))):
            arrow = marker(1 + axis, Marker.ARROW, colour)
            _place_arrow(arrow, scene.tool_m, AXES_M * tool_rotation[:, axis], 0.004)
            found.append(arrow)
        for number, twist, colour, width in (
            (4, scene.proposed, PROPOSED, 0.012),
            (5, scene.commanded, COMMANDED, 0.008),
        ):
            if twist is not None and np.linalg.norm(twist[:3]) > STILL_M_S:
                arrow = marker(number, Marker.ARROW, colour, 0.85)
                _place_arrow(arrow, scene.tool_m, ARROW_S * np.asarray(twist[:3]), width)
                found.append(arrow)
        text = marker(6, Marker.TEXT_VIEW_FACING, COLOURS.get(scene.level, DIM))
        text.text = f"{scene.level or 'guard silent'} {scene.reasons}".strip()
        text.scale.z = 0.025
        text.pose.position = _point(np.array([*(lower[:2] + upper[:2]) / 2, upper[2] + 0.05]))
        found.append(text)
    return MarkerArray(markers=found)


def _edges(lower: np.ndarray, upper: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The twelve edges of a box."""
    corners = [np.where([i & 1, i & 2, i & 4], upper, lower) for i in range(8)]
    return [(corners[i], corners[i | bit]) for i in range(8) for bit in (1, 2, 4) if not i & bit]


def _place_arrow(marker: Marker, start: np.ndarray, along: np.ndarray, width: float) -> None:
    marker.points = [_point(start), _point(start + along)]
    marker.scale.x, marker.scale.y, marker.scale.z = width, 2.0 * width, 0.0


def _point(values: np.ndarray) -> Point:
    return Point(x=float(values[0]), y=float(values[1]), z=float(values[2]))


def _colour(rgb: tuple[int, int, int], opacity: float) -> ColorRGBA:
    return ColorRGBA(r=rgb[0] / 255, g=rgb[1] / 255, b=rgb[2] / 255, a=opacity)
