"""Where to grip a convex object: a search over yaw and height for flat, opposing, reachable faces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gato_ros.embodiments.simulation import Fingers
from gato_ros.sim.objects import rgb_object
from gato_ros.sim.scene import (
    BASKET_CENTRE,
    BASKET_TOP_M,
    SLOPE_HEIGHT_M,
    SLOPE_OFFSET_M,
    SLOPE_TILT_RAD,
    flat_triangles,
)
from gato_ros.sim.task import OBJECT_NAMES

SAMPLE_SPACING_M = 0.003
TIP_MARGIN_M = 0.003
"""So much below the fingertips nothing may stand."""
OWN_MARGIN_M = 0.0015
"""The object may be so much wider beside the pads than what fits between them."""
OBLIQUE_COST = 0.25
"""Score lost by a yaw that is not square to any face: edges slip and the fingers jam."""
CLEAR_M = 0.012
"""A finger that stands still comes down so far beside the object; the other one then pushes it there."""
BLOCKED_COST = 1.0
"""A grasp that the fingers can reach is better than one that they cannot, nearly however it holds."""
TURN_COST = 0.12
"""Score lost per radian that the wrist must turn."""


@dataclass(frozen=True)
class Grasp:
    """Where the tool should be when the fingers close."""

    yaw_rad: float
    """Tool yaw about the vertical."""
    offset: np.ndarray
    """[3] tool position minus object centre [m]."""
    score: float
    """Larger is better."""
    blocked: bool = False
    """Whether the fingers are expected to meet something where they come down."""


def in_cell(fingers: Fingers, scale: float) -> Fingers:
    """The same fingers where metres are so many times as long: angles stay what they are."""
    lengths = {}
    for field in type(fingers).model_fields:
        value = getattr(fingers, field)
        if field.endswith("_m") and value is not None:
            lengths[field] = tuple(v / scale for v in value) if isinstance(value, tuple) else value / scale
    return fingers.model_copy(update=lengths)


@lru_cache(maxsize=256)
def surface_points(name: str) -> np.ndarray:
    """[n 3] points about SAMPLE_SPACING_M apart on the object's surface, in its own frame [m]."""
    corners, _ = flat_triangles(rgb_object(name).vertices)
    points = [rgb_object(name).vertices]
    for a, b, c in corners.reshape(-1, 3, 3):
        count = max(
            1, int(np.ceil(max(np.linalg.norm(b - a), np.linalg.norm(c - a), np.linalg.norm(c - b)) / SAMPLE_SPACING_M))
        )
        u, v = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        inside = (u + v) <= count
        u, v = u[inside][:, None] / count, v[inside][:, None] / count
        points.append(a + u * (b - a) + v * (c - a))
    return np.concatenate(points)


@lru_cache(maxsize=256)
def facets(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outward normals [k 3], centroids [k 3] [m] and areas [k] [m^2] of an object's flat faces, in its own frame."""
    corners, normals = flat_triangles(rgb_object(name).vertices)
    triangles, normals = corners.reshape(-1, 3, 3), normals[::3]
    areas = 0.5 * np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1)
    _, group = np.unique(normals.round(3), axis=0, return_inverse=True)
    group = group.ravel()
    total = np.bincount(group, areas)
    weigh = lambda rows: np.stack([np.bincount(group, areas * rows[:, i]) for i in range(3)], 1) / total[:, None]  # noqa: E731
    return weigh(normals), weigh(triangles.mean(axis=1)), total


def object_faces() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Outward normals [faces 3] and areas [faces] [m^2] of all objects, in the order of OBJECT_NAMES."""
    return tuple((normals, areas) for normals, _, areas in map(facets, OBJECT_NAMES))


def standing_point(name: str, rotation: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """[2] x y relative to the object's centre [m] where something put on top of it stands best.

    The middle of the face that looks up, if one does within 30 degrees; else the middle of the highest points.

    Args:
        rotation: [3 3] base_from_object.
        surface: [n 3] surface points about the centre, in base axes [m].
    """
    normals, centroids, areas = facets(name)
    up = normals @ rotation[2]
    flat = np.where((up > np.cos(np.pi / 6)) & (areas > 1.5e-4), up, -1.0)
    if flat.max() > 0:
        return (rotation @ centroids[int(np.argmax(flat))])[:2]
    return surface[surface[:, 2] > surface[:, 2].max() - 0.002][:, :2].mean(axis=0)


def basket_height(xy: np.ndarray) -> np.ndarray:
    """Height [m] of the basket's surface under points [n 2]."""
    out = np.abs(xy - np.array(BASKET_CENTRE)) - SLOPE_OFFSET_M
    rise = SLOPE_HEIGHT_M + out * np.tan(SLOPE_TILT_RAD)
    return BASKET_TOP_M + np.maximum(0.0, rise.max(axis=-1))


def find_grasps(
    name: str,
    rotation: np.ndarray,
    centre: np.ndarray,
    surface: np.ndarray,
    obstacles: np.ndarray,
    lowest_tool_m: float,
    fingers: Fingers,
) -> list[Grasp]:
    """Every grasp worth considering of an object at rest; `best_grasp` chooses by the tool's present yaw.

    Args:
        name: the object's name; `rotation` [3 3] is base_from_object, `centre` [3] its centre [m].
        surface: [n 3] its surface points in the base frame [m].
        obstacles: [m 3] surface points of everything else that the fingers must not meet [m].
        lowest_tool_m: the workspace's floor for the tool [m].
        fingers: of the gripper.
    """
    relative = surface - centre
    top = relative[:, 2].max()
    lowest = max(lowest_tool_m + 0.0015, centre[2] + top - fingers.palm_m) - centre[2]
    # From a low grip to one just under the top; a grip near the centre of mass holds best.
    heights = np.unique(np.clip(np.array([0.0, -0.008, 0.008, 0.02, 0.035]), lowest, max(lowest, top - 0.008)))
    near = obstacles[np.linalg.norm(obstacles[:, :2] - centre[:2], axis=1) < 0.12] - centre
    grasps = []
    for yaw, penalty in _candidate_yaws(name, rotation, fingers.yaw_rad):
        cosine, sine = np.cos(yaw), np.sin(yaw)
        # Tool axes of a downward gripper: x along the yaw, y (closing) at right angles, to its right.
        along = relative[:, 0] * cosine + relative[:, 1] * sine
        across = relative[:, 0] * sine - relative[:, 1] * cosine
        found = [
            _score(along, across, relative[:, 2], near, centre, yaw, height, penalty, fingers) for height in heights
        ]
        grasps += [max((g for g in found if g), key=lambda g: g.score)] if any(found) else []
    # Nothing fits between the fingers: grip the top as the tool stands, and hope to tip it over.
    at = np.array([0.0, 0.0, max(lowest, top - 0.015)])
    return grasps or [Grasp(yaw, at, -1.0, True) for yaw in np.linspace(*fingers.yaw_rad, 24)]


def best_grasp(grasps: list[Grasp], tool_yaw_rad: float) -> Grasp:
    """The highest score, less the turn that it needs from the tool's present yaw.

    Turning towards the choice makes it better still, so the choice does not flicker on the way.
    """
    return max(
        grasps, key=lambda one: one.score - BLOCKED_COST * one.blocked - TURN_COST * abs(one.yaw_rad - tool_yaw_rad)
    )


def _candidate_yaws(name: str, rotation: np.ndarray, reached: tuple[float, float]) -> list[tuple[float, float]]:
    """Tool yaws [rad], each with a penalty: none for meeting an upright face squarely, some for a coarse grid."""
    normals = facets(name)[0] @ rotation.T
    upright = normals[np.abs(normals[:, 2]) < 0.35]
    facing = np.arctan2(upright[:, 1], upright[:, 0]) + np.pi / 2  # the closing axis along the normal
    lower, upper = reached
    candidates = {}
    for yaws, penalty in ((np.linspace(0, np.pi, 16, endpoint=False), OBLIQUE_COST), (facing, 0.0)):
        for yaw in lower + (yaws - lower) % np.pi:
            candidates[round(float(yaw), 3)] = penalty
            if yaw + np.pi < upper:  # near the ends both of the two equal yaws can be reached
                candidates[round(float(yaw + np.pi), 3)] = penalty
    return list(candidates.items())


def _score(
    along: np.ndarray,
    across: np.ndarray,
    up: np.ndarray,
    near: np.ndarray,
    centre: np.ndarray,
    yaw: float,
    height: float,
    penalty: float,
    fingers: Fingers,
) -> Grasp | None:
    rise = up - height
    half_width = fingers.pad_half_width_m
    between = (np.abs(along) < half_width) & (rise > -fingers.pad_below_m) & (rise < fingers.pad_above_m)
    if between.sum() < 8:
        return None
    y = across[between]
    left, right = y.max(), y.min()
    if left - right > fingers.widest_m:
        return None
    middle = (left + right) / 2 if fingers.fixed_m is None else right - CLEAR_M + fingers.fixed_m
    full = (2 * half_width) * fingers.pad_height_m / SAMPLE_SPACING_M**2
    patch = min((y > left - 0.0012).sum(), (y < right + 0.0012).sum()) / full
    cosine, sine = np.cos(yaw), np.sin(yaw)
    offset = np.array([middle * sine, -middle * cosine, height])
    blocked = _blocked(near, centre, offset, cosine, sine, fingers)
    beside = (np.abs(along) < fingers.half_size_m[0]) & (rise > -fingers.pad_below_m)
    if fingers.fixed_m is None and np.abs(across[beside] - middle).max() > fingers.widest_m / 2 + OWN_MARGIN_M:
        blocked += 0.8  # wider beside the pads than between them: a finger would stand on it
    tight = 0.3 * max(0.0, (left - right - (fingers.widest_m - 0.009)) / 0.01)
    score = min(patch, 1.0) - penalty - blocked - tight - 4.0 * abs(height) - 3.0 * abs(middle)
    return Grasp(float(yaw), offset, float(score), blocked > 0.0)


def clear_m(fingers: Fingers) -> float:
    """How far beside an object of usual size a finger comes down that stands still [m]; zero where none does."""
    return 0.0 if fingers.fixed_m is None else CLEAR_M


def finger_places(fingers: Fingers) -> tuple[float, float]:
    """Where along the tool's y the middles of the open fingers are [m]; the one at positive y first."""
    if fingers.fixed_m is None:
        return fingers.open_m, -fingers.open_m
    return fingers.open_m, -(fingers.fixed_m + fingers.half_size_m[1] / 2)


def _blocked(
    near: np.ndarray, centre: np.ndarray, offset: np.ndarray, cosine: float, sine: float, fingers: Fingers
) -> float:
    """A penalty for what stands where the open fingers come down."""
    half_x, half_y = fingers.half_size_m
    first, second = finger_places(fingers)
    shifted = near - offset
    x = shifted[:, 0] * cosine + shifted[:, 1] * sine
    y = shifted[:, 0] * sine - shifted[:, 1] * cosine
    hit = (np.abs(x) < half_x) & ((np.abs(y - first) < half_y) | (np.abs(y - second) < half_y))
    hit &= shifted[:, 2] > -(fingers.pad_below_m + TIP_MARGIN_M)
    penalty = 0.8 if hit.sum() > 2 else 0.0
    deep = fingers.pad_half_width_m
    tips = (
        np.array(
            [
                [sx * deep * cosine + wide * sine, sx * deep * sine - wide * cosine]
                for sx in (-1, 1)
                for wide in (second - half_y, second, first, first + half_y)
            ]
        )
        + (centre + offset)[:2]
    )
    if (basket_height(tips) > centre[2] + offset[2] - fingers.pad_below_m).any():
        penalty += 0.6
    return penalty
