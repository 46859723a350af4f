"""Objects at rest by geometry: physics leaves them where they are, and pictures say what shows what."""

import numpy as np
import pytest

from gato_ros.core.rotation import quat_xyzw_from_matrix
from gato_ros.sim.objects import TEST_TRIPLETS
from gato_ros.sim.resting import STEADY_M, apart, inside, restings
from gato_ros.sim.scene import BASKET_TOP_M
from gato_ros.sim.task import COLOURS
from gato_ros.sim.world import PropState, StackingWorld

SQUARE = np.array([[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.1]])


@pytest.fixture(scope="module")
def world():
    world = StackingWorld()
    world.clear()
    yield world
    world.close()


def test_inside_and_apart_measure_to_the_edge():
    assert inside(SQUARE, np.array([0.02, 0.05])) == pytest.approx(0.02)
    assert inside(SQUARE, np.array([0.12, 0.05])) == pytest.approx(-0.02)
    assert apart(SQUARE, SQUARE + [0.13, 0.02]) == pytest.approx(0.03)
    assert apart(SQUARE, SQUARE + [0.08, 0.0]) == pytest.approx(-0.02)


def test_every_object_of_the_triplets_can_stand():
    for name in sorted({name for triplet in TEST_TRIPLETS.values() for name in triplet}):
        ways = restings(name)
        assert len(ways) >= 4 and any(one.top is not None for one in ways), name
        for one in ways:
            assert np.linalg.det(one.rotation) == pytest.approx(1)
            below = one.vertices[one.vertices[:, 2] < one.lowest + 1e-4][:, :2]
            assert inside(below, one.balance) > STEADY_M, name


def test_physics_leaves_a_resting_object_alone(world):
    names, rng = TEST_TRIPLETS["triplet2"], np.random.default_rng(0)
    for _ in range(2):
        poses = {}
        for place, (colour, name) in enumerate(zip(COLOURS, names)):
            ways = restings(name)
            one = ways[rng.integers(len(ways))]
            position = np.array([0.52 + 0.08 * place, 0.0, BASKET_TOP_M - one.lowest])
            poses[colour] = PropState(position, quat_xyzw_from_matrix(one.rotation))
        world.lay(names, poses)
        world.put_tool(np.array([0.6, 0.0, 0.4]), 0.0, 0.08)
        world.advance(0.3)
        for colour in COLOURS:
            assert np.abs(world.prop(colour).position - poses[colour].position).max() < 0.002, colour


def test_a_photograph_is_the_rendered_picture_and_says_what_shows_what(world):
    world.reset(np.random.default_rng(3))
    pixels, shown = world.photograph("basket_front_left", 128, 128)
    np.testing.assert_array_equal(pixels, world.render("basket_front_left/pixels"))
    for channel, colour in enumerate(COLOURS):
        own = pixels[shown[colour]].astype(int)
        assert len(own) > 50 and (own.argmax(1) == channel).mean() > 0.9
    assert not (shown["red"] & shown["robot"]).any()
