"""Bodies that do not move by themselves: the basket and the three props."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import ConvexHull

from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.embodiments.simulation import PEER_BASKET_M, Cell
from gato_ros.sim.bullet import pybullet
from gato_ros.sim.objects import RgbObject

BASKET_CENTRE, BASKET_TOP_M = PEER_BASKET_M[:2], PEER_BASKET_M[2]
SLOPE_TILT_RAD = 0.44506
SLOPE_OFFSET_M = 0.28
SLOPE_HALF_M = 0.20
"""Of a slope's length; it is twice as wide."""
SLOPE_HEIGHT_M = 0.07
SLOPE_HALF_THICKNESS_M = 0.005
SEEN_MARGIN_M = 0.002
"""Faces overlap by so much, or rounding would show a gap between them."""
PROP_MASS_KG = 0.2
BASKET_GREY = (0.40, 0.30, 0.30, 0.30, 0.30)
"""Of the floor plate and the four slopes; the blue component is 0.02 brighter."""
COLOUR_RGBA = {"red": (1, 0, 0, 1), "green": (0, 1, 0, 1), "blue": (0, 0, 1, 1)}

# Bullet multiplies the two frictions of a pair; these give the peer's pair values .5 (object-object,
# object-pad) and 1.0 (object-basket).
OBJECT_FRICTION = 0.707
PAD_FRICTION = 0.707
BASKET_FRICTION = 1.414
SPINNING_FRICTION = 0.002


def add_basket(client, cell: Cell) -> list[int]:
    """The floor plate and the four slopes; returns their body ids."""
    boxes = _boxes_of(cell)
    planes = [_upper_plane(*box) for box in boxes]
    bodies = []
    for index, ((extents, position, quat_xyzw), grey) in enumerate(zip(boxes, BASKET_GREY)):
        half = [cell.scale * extent for extent in extents]
        shape = client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        corners = _seen_part(extents, position, quat_xyzw, [*planes[:index], *planes[index + 1 :]])
        visual = client.createVisualShape(
            pybullet.GEOM_MESH,
            vertices=(cell.scale * corners).tolist(),
            normals=[(0, 0, 1)] * len(corners),
            indices=[i for k in range(1, len(corners) - 1) for i in (0, k, k + 1)],
            uvs=(0.5 + corners[:, :2] / (2 * np.array(extents[:2]))).tolist(),
            rgbaColor=(grey, grey, grey + 0.02, 1),
        )
        body = client.createMultiBody(0, shape, visual, cell.to_base(position).tolist(), quat_xyzw)
        client.changeDynamics(body, -1, lateralFriction=BASKET_FRICTION)
        bodies.append(body)
    return bodies


def add_basket_boxes(client, cell: Cell) -> list[int]:
    """The same boxes as they are, without physics, for a renderer that hides what lies behind."""
    bodies = []
    for (half_m, position, quat_xyzw), grey in zip(basket_boxes(cell), BASKET_GREY):
        visual = client.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=half_m, rgbaColor=(grey, grey, grey + 0.02, 1), specularColor=(0, 0, 0)
        )
        bodies.append(client.createMultiBody(0, -1, visual, position, quat_xyzw))
    return bodies


def basket_boxes(cell: Cell) -> list[tuple[list[float], list[float], tuple[float, ...]]]:
    """Half extents [m], position in the base frame [m] and quaternion xyzw of the floor plate and the four slopes."""
    return [
        ([cell.scale * extent for extent in extents], cell.to_base(position).tolist(), quat_xyzw)
        for extents, position, quat_xyzw in _boxes_of(cell)
    ]


def slope_height_m(out_m: float) -> float:
    """Height of a slope's upper face [m], so far from the basket's middle, in the peer's numbers."""
    middle = BASKET_TOP_M + SLOPE_HEIGHT_M + SLOPE_HALF_THICKNESS_M / np.cos(SLOPE_TILT_RAD)
    return float(middle + (out_m - SLOPE_OFFSET_M) * np.tan(SLOPE_TILT_RAD))


def _boxes_of(cell: Cell) -> list[tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]]:
    return _basket_boxes(None if cell.rim_m is None else cell.rim_m / cell.scale)


def _basket_boxes(rim_m: float | None) -> list[tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]]:
    """Half extents [m], position [m] and quaternion xyzw of the five boxes; slopes end so far from the middle."""
    x, y = BASKET_CENTRE
    long, wide, out, high = SLOPE_HALF_M, 2 * SLOPE_HALF_M, SLOPE_OFFSET_M, SLOPE_HEIGHT_M
    thick = SLOPE_HALF_THICKNESS_M
    if rim_m is not None:
        inner = SLOPE_OFFSET_M - SLOPE_HALF_M * np.cos(SLOPE_TILT_RAD)
        out, wide = float(inner + rim_m) / 2, rim_m
        long = float((rim_m - inner) / 2 / np.cos(SLOPE_TILT_RAD))
        high += float((out - SLOPE_OFFSET_M) * np.tan(SLOPE_TILT_RAD))
    half = SLOPE_TILT_RAD / 2
    sine, cosine = float(np.sin(half)), float(np.cos(half))
    boxes = [((0.25, 0.25, 0.02), (x, y, BASKET_TOP_M - 0.02), (0.0, 0.0, 0.0, 1.0))]
    slope_z = BASKET_TOP_M + high
    for sign in (1, -1):
        boxes.append(((long, wide, thick), (x + sign * out, y, slope_z), (0.0, -sign * sine, 0.0, cosine)))
        boxes.append(((wide, long, thick), (x, y + sign * out, slope_z), (sign * sine, 0.0, 0.0, cosine)))
    return boxes


def _upper_plane(extents: tuple, position: tuple, quat_xyzw: tuple) -> tuple[np.ndarray, float]:
    """Unit normal and offset of a box's upper face: points on it have normal @ point == offset."""
    normal = matrix_from_quat_xyzw(quat_xyzw)[:, 2]
    return normal, float(normal @ position + extents[2])


def _seen_part(extents: tuple, position: tuple, quat_xyzw: tuple, others: list) -> np.ndarray:
    """The part of a box's upper face that no other face covers: a convex polygon [n 3], in the box's frame [m].

    From inside the basket nothing else of the boxes is seen, and the software renderer's time goes into pixels that
    are painted over later: without the hidden parts a picture takes half as long, and is the same.
    """
    rotation = matrix_from_quat_xyzw(quat_xyzw)
    x, y, z = extents
    polygon = np.array([(-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)]) @ rotation.T + position
    for normal, offset in others:
        above = polygon @ normal - offset + SEEN_MARGIN_M
        polygon = np.array(list(_clipped(polygon, above))).reshape(-1, 3)
    return (polygon - position) @ rotation


def _clipped(polygon: np.ndarray, above: np.ndarray) -> Iterator[np.ndarray]:
    """Corners of the part of a convex polygon where `above`, given at its corners, is not negative."""
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if above[i] >= 0:
            yield polygon[i]
        if (above[i] >= 0) != (above[j] >= 0):
            yield polygon[i] + (polygon[j] - polygon[i]) * above[i] / (above[i] - above[j])


def add_prop(
    client, shape: RgbObject, colour: str, position: np.ndarray, quat_xyzw: np.ndarray, scale: float = 1.0
) -> int:
    """One prop, so many times its usual size, at a pose; its collision shape is the exact convex hull. Its body id."""
    collision = client.createCollisionShape(pybullet.GEOM_MESH, vertices=(scale * shape.vertices).tolist())
    vertices, normals = flat_triangles(shape.vertices)
    visual = client.createVisualShape(
        pybullet.GEOM_MESH,
        vertices=(scale * vertices).tolist(),
        normals=normals.tolist(),
        indices=list(range(len(vertices))),
        rgbaColor=COLOUR_RGBA[colour],
        specularColor=(0, 0, 0),
    )
    body = client.createMultiBody(prop_mass_kg(scale), collision, visual, position.tolist(), quat_xyzw.tolist())
    client.changeDynamics(
        body,
        -1,
        lateralFriction=OBJECT_FRICTION,
        spinningFriction=SPINNING_FRICTION,
        linearDamping=0.0,
        angularDamping=0.0,
    )
    return body


def prop_mass_kg(scale: float) -> float:
    """Mass [kg] of a prop of so many times its usual size: of the same stuff."""
    return PROP_MASS_KG * scale**3


def flat_triangles(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangle soup [3 triangles, 3] of a convex hull and its face normals, outward, for flat shading."""
    hull = ConvexHull(vertices)
    corners, normals = [], []
    for simplex, equation in zip(hull.simplices, hull.equations):
        a, b, c = vertices[simplex]
        outward = equation[:3]
        if np.dot(np.cross(b - a, c - a), outward) < 0:
            b, c = c, b
        corners += [a, b, c]
        normals += [outward] * 3
    return np.array(corners), np.array(normals)
