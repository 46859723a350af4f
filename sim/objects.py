"""The 152 RGB objects, generated from six numbers each.

The set and its naming are those of google-deepmind/dm_robotics (RGB objects v1.3): every object is a prism
deformed along one or two of six axes between the 50 mm cube `s0` and the extremes `r2 r3 r5 r6 r7 r8`. A name is
a letter (how far: eleven equal steps, `r` the last) and one or two axis digits; `b*` and `g*` are hand-made test
objects. All are convex.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache

import numpy as np

from gato_ros.core.errors import SetupError

LETTERS = "dfeuhxlvmyr"
"""Deformation letters, step 1 to 11 of 11; step 1 is too near the cube and is in no set."""
SINGLE_AXES = ("2", "3", "5", "6")
PAIRED_AXES = ("23", "25", "26", "35", "36", "37", "38", "56", "57", "58", "67")
EXCLUDED = frozenset({"l36", "v36", "m36", "y36", "r36", "r67", "f25"})
"""The published set leaves these out: no side fits the gripper, or (f25) the numbers are those of d5."""
TEST_TRIPLETS = {
    "triplet1": ("r3", "s0", "b2"),
    "triplet2": ("r5", "g2", "b3"),
    "triplet3": ("r6", "g3", "b5"),
    "triplet4": ("s0", "g5", "b6"),
    "triplet5": ("r2", "g6", "s0"),
}
"""Red, green and blue object of the five test triplets; red goes onto blue."""


@dataclass(frozen=True)
class ObjectParameters:
    """What the meshes are generated from."""

    sides: int
    """Sides of the prism's polygon."""
    shrink_percent: int
    """How much the polygon narrows in y towards +x."""
    shear_y_deg: int
    """How far the prism leans towards +y with z."""
    scale_mm: tuple[int, int, int]
    """Scale of a unit-volume prism [mm]."""


_HAND_MADE = {
    "s0": ObjectParameters(4, 0, 0, (50, 50, 50)),
    "r2": ObjectParameters(10, 0, 0, (45, 45, 50)),
    "r3": ObjectParameters(4, 75, 0, (41, 49, 71)),
    "r5": ObjectParameters(4, 0, 42, (50, 50, 50)),
    "r6": ObjectParameters(4, 0, 0, (29, 29, 150)),
    "r7": ObjectParameters(4, 0, 0, (29, 150, 29)),
    "r8": ObjectParameters(4, 0, 0, (150, 29, 29)),
    "b2": ObjectParameters(8, 0, 0, (45, 45, 50)),
    "b3": ObjectParameters(4, 48, 0, (46, 49, 63)),
    "b5": ObjectParameters(4, 0, 31, (50, 50, 50)),
    "b6": ObjectParameters(4, 0, 0, (32, 48, 96)),
    "g2": ObjectParameters(6, 0, 0, (46, 46, 50)),
    "g3": ObjectParameters(4, 25, 0, (51, 51, 60)),
    "g5": ObjectParameters(4, 0, 20, (50, 50, 50)),
    "g6": ObjectParameters(4, 0, 0, (40, 56, 80)),
}
TEST_OBJECTS = tuple(name for name in _HAND_MADE if name not in ("r7", "r8"))
HELD_OUT_OBJECTS = tuple(letter + axis for axis in SINGLE_AXES for letter in LETTERS[1:-1])
TRAINING_OBJECTS = tuple(
    letter + axes for axes in PAIRED_AXES for letter in LETTERS[1:] if letter + axes not in EXCLUDED
)


@dataclass(frozen=True)
class RgbObject:
    """One object as a closed convex mesh, centred on its bounding box."""

    name: str
    vertices: np.ndarray
    """[n 3] float64 [m]: the lower polygon, then the upper one, both counter-clockwise seen from above."""
    faces: np.ndarray
    """[m 3] int vertex indices of triangles, counter-clockwise seen from outside."""
    size: np.ndarray
    """[3] bounding box [m]."""


def object_parameters(name: str) -> ObjectParameters:
    """The parameters of one of the 152; SetupError with the nearest name otherwise."""
    if name in TEST_OBJECTS:
        return _HAND_MADE[name]
    if name not in TRAINING_OBJECTS and name not in HELD_OUT_OBJECTS:
        near = difflib.get_close_matches(name, [*TEST_OBJECTS, *HELD_OUT_OBJECTS, *TRAINING_OBJECTS], n=1, cutoff=0.5)
        raise SetupError(
            expected="one of the 152 RGB objects (such as s0, r3, e23)",
            got=repr(name),
            fix=f"did you mean {near[0]!r}?" if near else "see TEST_OBJECTS and TRAINING_OBJECTS",
        )
    numbers = [_interpolated(name[0], axis) for axis in name[1:]]
    sides, shrink, shear, *scale = np.sum(numbers, axis=0) // len(numbers)
    # An undeformed bar has no preferred axis: by convention its longest side is z.
    return ObjectParameters(
        int(sides), int(shrink), int(shear), tuple(int(side) for side in (scale if shrink or shear else sorted(scale)))
    )


def _as_numbers(parameters: ObjectParameters) -> np.ndarray:
    return np.array([parameters.sides, parameters.shrink_percent, parameters.shear_y_deg, *parameters.scale_mm])


def _interpolated(letter: str, axis: str) -> np.ndarray:
    """Whole numbers on the way from the cube to the extreme of `axis`; fractions are cut towards the cube."""
    cube, extreme = _as_numbers(_HAND_MADE["s0"]), _as_numbers(_HAND_MADE["r" + axis])
    change = extreme - cube
    return cube + np.sign(change) * (np.abs(change) * (LETTERS.index(letter) + 1) // len(LETTERS))


@cache
def rgb_object(name: str) -> RgbObject:
    """The object of that name; SetupError with the nearest name if there is none."""
    parameters = object_parameters(name)
    polygon = _polygon(parameters.sides, parameters.shrink_percent / 100)
    vertices = np.vstack([np.column_stack([polygon, np.full(len(polygon), z)]) for z in (-0.5, 0.5)])
    # The lean is made on the unit prism, so scaling changes its angle.
    vertices[:, 1] += vertices[:, 2] * np.tan(np.radians(parameters.shear_y_deg))
    vertices *= np.array(parameters.scale_mm) / 1000
    vertices -= (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    size = vertices.max(axis=0) - vertices.min(axis=0)
    faces = _prism_faces(parameters.sides)
    for array in (vertices, faces, size):
        array.setflags(write=False)
    return RgbObject(name, vertices, faces, size)


_SCALE_AFTER_SHRINK = {
    (5, 0.13): 1.02032,
    (5, 0.17): 1.02667,
    (5, 0.20): 1.03146,
    (5, 0.23): 1.03628,
    (6, 0.27): 0.99911,
    (6, 0.30): 0.99894,
    (6, 0.34): 0.99869,
    (7, 0.37): 1.12817,
}
"""(sides, shrink) of the eight narrowed prisms with more than four sides; measured on the published meshes."""


def _polygon(sides: int, shrink: float) -> np.ndarray:
    """[sides 2] counter-clockwise; of unit area before `shrink`. Even ones turn an edge to +x, odd ones a corner."""
    angle = 2 * np.pi / sides * (np.arange(sides) + (0.5 if sides % 2 == 0 else 0.0))
    radius = np.sqrt(2 / (sides * np.sin(2 * np.pi / sides)))
    corners = np.column_stack([np.cos(angle), np.sin(angle)])
    corners[:, 1] *= 1 - shrink * corners[:, 0]
    # The rule for four sides was recovered from the meshes, to five digits.
    after = (1 + shrink**2 / 2) ** -0.25 if sides == 4 else _SCALE_AFTER_SHRINK.get((sides, shrink), 1.0)
    return corners * radius * after


def _prism_faces(sides: int) -> np.ndarray:
    lower, upper = np.arange(sides), np.arange(sides, 2 * sides)
    following = np.roll(lower, -1)
    walls = np.vstack(
        [np.column_stack([lower, following, following + sides]), np.column_stack([lower, following + sides, upper])]
    )
    fan = np.array([[0, i, i + 1] for i in range(1, sides - 1)])
    return np.vstack([walls, fan[:, ::-1], fan + sides])
