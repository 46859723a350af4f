"""Bodies that do not move by themselves: the basket and the three props."""

from __future__ import annotations

import numpy as np
import pybullet
from scipy.spatial import ConvexHull

from gato_ros.sim.objects import RgbObject

BASKET_CENTRE = (0.6, 0.0)
BASKET_TOP_M = 0.0498
SLOPE_TILT_RAD = 0.44506
SLOPE_OFFSET_M = 0.28
SLOPE_HEIGHT_M = 0.07
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


def add_basket(client) -> list[int]:
    """The floor plate and the four slopes; returns their body ids."""
    x, y = BASKET_CENTRE
    half = SLOPE_TILT_RAD / 2
    sine, cosine = np.sin(half), np.cos(half)
    boxes = [((0.25, 0.25, 0.02), (x, y, BASKET_TOP_M - 0.02), (0, 0, 0, 1))]
    slope_z = BASKET_TOP_M + SLOPE_HEIGHT_M
    for sign in (1, -1):
        boxes.append(((0.20, 0.40, 0.005), (x + sign * SLOPE_OFFSET_M, y, slope_z), (0, -sign * sine, 0, cosine)))
        boxes.append(((0.40, 0.20, 0.005), (x, y + sign * SLOPE_OFFSET_M, slope_z), (sign * sine, 0, 0, cosine)))
    bodies = []
    for (extents, position, orientation), grey in zip(boxes, BASKET_GREY):
        shape = client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=extents)
        visual = client.createVisualShape(pybullet.GEOM_BOX, halfExtents=extents,
                                          rgbaColor=(grey, grey, grey + 0.02, 1))
        body = client.createMultiBody(0, shape, visual, position, orientation)
        client.changeDynamics(body, -1, lateralFriction=BASKET_FRICTION)
        bodies.append(body)
    return bodies


def add_prop(client, shape: RgbObject, colour: str, position: np.ndarray, quat_xyzw: np.ndarray) -> int:
    """One prop at a pose; its collision shape is the exact convex hull. Returns the body id."""
    collision = client.createCollisionShape(pybullet.GEOM_MESH, vertices=shape.vertices.tolist())
    vertices, normals = flat_triangles(shape.vertices)
    visual = client.createVisualShape(
        pybullet.GEOM_MESH, vertices=vertices.tolist(), normals=normals.tolist(),
        indices=list(range(len(vertices))), rgbaColor=COLOUR_RGBA[colour], specularColor=(0, 0, 0))
    body = client.createMultiBody(PROP_MASS_KG, collision, visual, position.tolist(), quat_xyzw.tolist())
    client.changeDynamics(body, -1, lateralFriction=OBJECT_FRICTION, spinningFriction=SPINNING_FRICTION,
                          linearDamping=0.0, angularDamping=0.0)
    return body


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
