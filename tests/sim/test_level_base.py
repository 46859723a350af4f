"""The expert makes a base that leans stand level before it stacks on it."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.expert.level_base import CARRIED_DEG
from gato_ros.sim.expert.scene import Body, Scene
from gato_ros.sim.expert.tipping import best_push, tilt_deg
from gato_ros.sim.grasp import facets, surface_points

LYING, ON_THE_SLOPE, HALF_ON_IT = ("triplet2", 500_008), ("triplet3", 510_006), ("triplet4", 510_013)
LOWER, UPPER = np.array([0.475, -0.125]), np.array([0.725, 0.125])


def base_of(expert, env):
    return expert._unpack(env.observe(images=False)).base


@pytest.fixture
def begun():
    made = []

    def begin(objects, seed):
        env = RgbStackingEnv(objects, ("gripper/opening", "sawyer/pinch/pose"), privileged=PRIVILEGED_KEYS)
        made.append(env)
        env.start(seed)
        return env

    yield begin
    for env in made:
        env.close()


@pytest.mark.parametrize("start, before", [(LYING, (35, 45)), (ON_THE_SLOPE, (16, 20))], ids=["lying", "on_the_slope"])
def test_base_stands_level_before_red_is_stacked(begun, start, before):
    env, expert = begun(*start), StackingExpert()
    assert before[0] < tilt_deg(base_of(expert, env)) < before[1]
    for _ in range(300):
        *_, info = env.step_action(expert.act(env.observe(images=False)).action)
        if info["success"]:
            break
    assert info["success"] and tilt_deg(base_of(expert, env)) < 5


def test_red_is_stacked_on_a_base_that_leans_little(begun):
    env, expert = begun(*HALF_ON_IT), StackingExpert()
    leans = tilt_deg(base_of(expert, env))
    assert 6 < leans < CARRIED_DEG
    for _ in range(300):
        observation = env.observe(images=False)
        assert expert._level_base.wish(expert._unpack(observation)) is None
        *_, info = env.step_action(expert.act(observation).action)
        if info["success"]:
            break
    assert info["success"] and tilt_deg(base_of(expert, env)) == pytest.approx(leans, abs=4)


def test_what_is_done_for_the_base_needs_no_memory(begun):
    env, expert = begun(*LYING), StackingExpert()
    for _ in range(110):
        observation = env.observe(images=False)
        action = expert.act(observation).action
        np.testing.assert_allclose(StackingExpert().act(observation).action.twist, action.twist, atol=0.02)
        env.step_action(action)


def test_base_that_stands_is_left_alone(begun):
    env, expert = begun("cubes", 500_000), StackingExpert()
    scene = expert._unpack(env.observe(images=False))
    assert tilt_deg(scene.base) < 1 and expert._level_base.wish(scene) is None


def lying_block(yaw):
    """Object b3 on its first slanted side, in the middle of the basket."""
    normals, _, areas = facets("b3")
    slanted = [n for n, area in zip(normals, areas) if area > 3e-4 and (normals @ -n).max() < 0.9]
    down, _ = Rotation.align_vectors([[0, 0, -1]], [slanted[0]])
    rotation = (Rotation.from_euler("z", yaw) * down).as_matrix()
    points = surface_points("b3") @ rotation.T
    centre = np.array([0.6, 0.0, 0.0498 - points[:, 2].min()])
    return Body("b3", centre, rotation, points + centre)


def alone(base):
    """A scene with that base, the tool above it, and all else far away."""
    far = Body(base.name, base.centre + 1.0, base.rotation, base.surface + 1.0)
    tool, contacts = np.array([0.6, 0.0, 0.3]), [False] * 4
    return Scene(tool, 0.0, 0.0, far, base, far, *contacts, base.centre[:2])


@pytest.mark.parametrize("yaw", [0.0, 1.0, 2.5])
def test_push_turns_with_the_block_and_starts_behind_it(yaw):
    block = lying_block(yaw)
    push = best_push(alone(block), LOWER, UPPER, 0.02)
    assert tilt_deg(block) > 30 and push is not None and push.effort < 1
    along = (block.surface[:, :2] - push.start) @ push.direction
    assert along.min() > 0.005  # the fingers come down beside it
    unturned = best_push(alone(lying_block(0.0)), LOWER, UPPER, 0.02)
    turned = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]) @ unturned.direction
    np.testing.assert_allclose(push.direction, turned, atol=1e-6)


def test_no_push_out_of_the_workspace():
    block = lying_block(0.0)
    assert best_push(alone(block), block.centre[:2] - 0.01, block.centre[:2] + 0.01, 0.02) is None
