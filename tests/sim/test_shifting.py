"""Where no grasp of the top object is free, the expert pushes it away from what keeps the fingers from it."""

import numpy as np
import pytest

from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.expert.scene import Body, Scene
from gato_ros.sim.expert.shifting import best_shift
from gato_ros.sim.grasp import Grasp, best_grasp, surface_points

BLOCKED = ("triplet3", 500_044)
"""A long red bar along the basket's wall."""
LOWER, UPPER = np.array([0.475, -0.125]), np.array([0.725, 0.125])


def cube(x, y):
    points = surface_points("b2")
    centre = np.array([x, y, 0.0498 - points[:, 2].min()])
    return Body("b2", centre, np.eye(3), points + centre)


def scene(top, base, other, tool=(0.6, 0.0, 0.3), opening=0.085, contacts=(False, False)):
    return Scene(np.array(tool), 0.0, opening, top, base, other, *contacts, False, True, base.centre[:2])


def test_a_free_way_is_taken_and_a_blocked_one_is_not():
    top, far = cube(0.6, 0.0), cube(1.6, 1.0)
    beside = cube(0.66, 0.0)
    push = best_shift(scene(top, beside, far), LOWER, UPPER, 0.02)
    assert push is not None
    along, aside = push.behind(beside.surface[:, :2])
    assert not ((np.abs(aside) < 0.02) & (along > -0.06) & (along < 0.1)).any()


def test_where_every_way_begins_outside_the_workspace_there_is_none():
    top, far = cube(0.6, 0.0), cube(1.6, 1.0)
    assert best_shift(scene(top, far, far), top.centre[:2] - 0.01, top.centre[:2] + 0.01, 0.02) is None


def test_a_push_that_began_goes_on():
    """From every place on its way, though the tool has come nearer to another one's start."""
    top, far = cube(0.6, 0.0), cube(1.6, 1.0)
    first = best_shift(scene(top, far, far, tool=(0.6, -0.1, 0.3)), LOWER, UPPER, 0.02)
    low = [*(first.contact - 0.02 * first.direction), first.tip_m + 0.02]
    again = best_shift(scene(top, far, far, tool=low, opening=0.0), LOWER, UPPER, 0.02)
    np.testing.assert_array_equal(again.direction, first.direction)


def test_closed_fingers_hold_nothing():
    top, far = cube(0.6, 0.0), cube(1.6, 1.0)
    assert scene(top, far, far, opening=0.04, contacts=(True, True)).held
    assert not scene(top, far, far, opening=0.003, contacts=(True, True)).held


def test_a_grasp_that_can_be_reached_is_chosen_before_a_better_one():
    reachable, blocked = Grasp(0.3, np.zeros(3), 0.1), Grasp(0.0, np.zeros(3), 0.6, blocked=True)
    assert best_grasp([blocked, reachable], 0.0) is reachable


@pytest.fixture
def blocked():
    env = RgbStackingEnv(BLOCKED[0], ("gripper/opening", "sawyer/pinch/pose"), privileged=PRIVILEGED_KEYS)
    env.start(BLOCKED[1])
    yield env
    env.close()


def test_a_bar_that_no_grasp_reaches_is_shifted_and_stacked(blocked):
    expert = StackingExpert()
    scene = expert._unpack(blocked.observe(images=False))
    assert best_grasp(expert._grasps(scene), scene.yaw).blocked
    for _ in range(400):
        *_, info = blocked.step_action(expert.act(blocked.observe(images=False)).action)
        if info["success"]:
            break
    assert info["success"]


def test_grasps_are_sought_anew_when_an_obstacle_moves(blocked):
    expert = StackingExpert()
    scene = expert._unpack(blocked.observe(images=False))
    before = expert._grasps(scene)
    assert expert._grasps(scene) is before
    moved = Body(scene.base.name, scene.base.centre, scene.base.rotation, scene.base.surface + 0.03)
    other = Scene(**{**{key: getattr(scene, key) for key in Scene.__dataclass_fields__}, "base": moved})
    assert expert._grasps(other) is not before
