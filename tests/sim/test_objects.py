import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.sim.objects import (
    HELD_OUT_OBJECTS,
    TEST_OBJECTS,
    TEST_TRIPLETS,
    TRAINING_OBJECTS,
    object_parameters,
    rgb_object,
)

ALL = (*TEST_OBJECTS, *HELD_OUT_OBJECTS, *TRAINING_OBJECTS)
BOUNDING_BOXES_MM = {
    "s0": (50, 50, 50),
    "r2": (49.9, 52.5, 50),
    "b2": (49.4, 49.4, 50),
    "g2": (49.4, 57.1, 50),
    "r3": (38.5, 70.5, 71),
    "b3": (44.8, 63.9, 63),
    "g3": (50.6, 59.6, 60),
    "r5": (50, 95, 50),
    "b5": (50, 80, 50),
    "g5": (50, 68.2, 50),
    "r6": (29, 29, 150),
    "b6": (32, 48, 96),
    "g6": (40, 56, 80),
}
"""Measured on the published meshes."""


def test_the_sets_have_the_published_sizes_and_do_not_overlap():
    assert (len(TRAINING_OBJECTS), len(HELD_OUT_OBJECTS), len(TEST_OBJECTS)) == (103, 36, 13)
    assert len(set(ALL)) == 152
    assert {name for triplet in TEST_TRIPLETS.values() for name in triplet} == set(TEST_OBJECTS)
    assert not [name for name in ALL if name.startswith("d")]


def test_no_two_objects_have_the_same_parameters():
    assert len({object_parameters(name) for name in ALL}) == 152


@pytest.mark.parametrize("name", BOUNDING_BOXES_MM)
def test_test_objects_have_the_published_dimensions(name):
    np.testing.assert_allclose(rgb_object(name).size * 1000, BOUNDING_BOXES_MM[name], atol=0.1)


@pytest.mark.parametrize(
    ("name", "numbers"),
    {
        # From the published file names: sides, shrink, shear, scale.
        "f2": (5, 0, 0, (50, 50, 50)),
        "y3": (4, 68, 0, (42, 50, 69)),
        "v5": (4, 0, 30, (50, 50, 50)),
        "y6": (4, 0, 0, (31, 31, 140)),
        "m23": (6, 30, 0, (44, 48, 58)),
        "r35": (4, 37, 21, (45, 49, 60)),
        "y37": (4, 34, 0, (36, 95, 50)),
        "v58": (4, 0, 15, (86, 42, 42)),
        "y67": (4, 0, 0, (31, 85, 85)),
    }.items(),
)
def test_interpolated_parameters_are_the_published_ones(name, numbers):
    parameters = object_parameters(name)
    assert (parameters.sides, parameters.shrink_percent, parameters.shear_y_deg, parameters.scale_mm) == numbers


@pytest.mark.parametrize("name", ALL)
def test_every_object_is_a_closed_convex_mesh_centred_on_its_box(name):
    thing = rgb_object(name)
    assert np.isfinite(thing.vertices).all()
    np.testing.assert_allclose(thing.vertices.max(axis=0), thing.size / 2, atol=1e-12)
    np.testing.assert_allclose(thing.vertices.min(axis=0), -thing.size / 2, atol=1e-12)
    corners = thing.vertices[thing.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.linalg.norm(normals, axis=1) > 1e-8).all(), "a triangle without area"
    # Convex and outward: no vertex lies in front of any face.
    heights = np.einsum("fd,fvd->fv", normals, thing.vertices[None] - corners[:, :1])
    assert heights.max() < 1e-12
    # Closed: each edge is walked once in each direction.
    edges = np.vstack([thing.faces[:, [0, 1]], thing.faces[:, [1, 2]], thing.faces[:, [2, 0]]])
    assert {tuple(edge) for edge in edges} == {tuple(edge) for edge in edges[:, ::-1]}
    assert len({tuple(edge) for edge in edges}) == len(edges)
    volume = np.einsum("fd,fd->", corners[:, 0], normals) / 6
    assert 5e-5 < volume < 2.5e-4


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(SetupError, match="did you mean"):
        rgb_object("y377")
    for name in ("r7", "r8", "d3", "l36", "r", ""):
        with pytest.raises(SetupError):
            rgb_object(name)


def test_a_shared_object_cannot_be_altered():
    with pytest.raises(ValueError, match="read-only"):
        rgb_object("s0").vertices[0, 0] = 1.0
