"""The mirror is a fact about the cell: a reflected world looks, and is labelled, like the reflected frame."""

import numpy as np
import pytest

from gato_ros.bench.guard.variants import variant
from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.domains.rgb_stacking.auxiliary import NAMES, auxiliary_targets
from gato_ros.domains.rgb_stacking.mirror import (
    ACTION_SIGN,
    AUXILIARY_SIGN,
    StackingReflection,
    can_mirror,
    mirror_pixels,
    mirror_vectors,
)
from gato_ros.domains.rgb_stacking.supervision import ACTION_NAMES, StackingSupervision
from gato_ros.embodiments import load_embodiment
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.grasp import object_faces


def observe(world_changes):
    env = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS)
    env.reset(seed=3)
    world_changes(env.world)
    observation = env.observe()
    env.close()
    return observation


@pytest.fixture(scope="module")
def pair():
    """One observation, and that of the world reflected in y = 0."""

    def reflect(world):
        for colour in ("red", "green", "blue"):
            prop = world.prop(colour)
            x, y, z, w = prop.quat_xyzw
            world.put_prop(colour, prop.position * [1, -1, 1], np.array([-x, y, -z, w]))
        assert world.put_tool(np.array([0.6, -0.03, 0.15]), -0.3, 0.085)

    def place(world):
        assert world.put_tool(np.array([0.6, 0.03, 0.15]), 0.3, 0.085)

    return observe(place), observe(reflect)


def test_pixels(pair):
    keys = ("basket_front_left/pixels", "basket_front_right/pixels")
    left, right = (np.stack([observation.values[key] for key in keys])[None].copy() for observation in pair)
    mirror_pixels(left, np.array([0]))
    difference = np.abs(left.astype(int) - right.astype(int)).max(-1)
    # The light is not in the mirror plane, so faces are shaded a little differently; edges may move by a pixel.
    assert (difference > 40).mean() < 0.03
    assert (np.abs(pair[0].values[keys[0]].astype(int) - right[0, 0].astype(int)).max(-1) > 40).mean() > 0.05


def test_vectors_labels_and_ground_truth(pair):
    before, after = pair
    key = "sawyer/pinch/pose"
    mirrored = mirror_vectors({key: before.values[key][None]}, np.array([0]))[key][0]
    np.testing.assert_allclose(mirrored, after.values[key], atol=1e-3)
    expert = StackingExpert()
    label = expert.act(before).action.as_vector()
    expert.reset()
    np.testing.assert_allclose(label * ACTION_SIGN, expert.act(after).action.as_vector(), atol=5e-3)
    planned = [expert.with_plan(observation).privileged for observation in pair]
    (left, weight), (right, _) = (
        auxiliary_targets({key: value[None] for key, value in one.items()}, object_faces()) for one in planned
    )
    assert len(AUXILIARY_SIGN) == len(NAMES) and weight.all()
    np.testing.assert_allclose(left[0] * AUXILIARY_SIGN, right[0], atol=1e-2)


def test_a_twist_with_six_components_is_reflected_as_motions_are():
    """By the mirror of a spinning body: v turns as an arrow does, the matrix of the turning as a rotation does."""
    mirror, rng = np.diag([1.0, -1.0, 1.0]), np.random.default_rng(0)
    sign = StackingReflection.of(load_embodiment("ur5e_rgb_stacking")).action_sign
    rotation = matrix_from_quat_xyzw(rng.normal(size=4) / 2)
    for linear, turning in rng.normal(size=(5, 2, 3)):
        reflected = mirror @ linear, -mirror @ turning  # of a vector of rotation the other sign
        np.testing.assert_allclose(np.append(linear, turning) * sign[:6], np.concatenate(reflected))
        # Along the tool's axes, which are M R M in the mirror, the same signs hold.
        before = np.append(rotation.T @ linear, rotation.T @ turning)
        after = mirror @ rotation @ mirror
        np.testing.assert_allclose(before * sign[:6], np.append(*(after.T @ one for one in reflected)), atol=1e-12)


def test_each_robot_s_actions_have_their_names_and_signs():
    for name in ("sawyer_rgb_stacking", "panda_rgb_stacking"):
        known = StackingSupervision.of(load_embodiment(name))
        np.testing.assert_array_equal(known.reflection.action_sign, ACTION_SIGN)
        assert known.action_names == ACTION_NAMES
    known = StackingSupervision.of(variant(load_embodiment(), "joint_velocity"))
    assert known.reflection is None and len(known.action_names) == 8


def test_only_known_observations_are_mirrored():
    keys = ("basket_front_left/pixels", "basket_front_right/pixels")
    assert can_mirror(keys, ("sawyer/pinch/pose", "gripper/grasp"))
    assert not can_mirror(keys, ("sawyer/joints/angle",))
    assert not can_mirror(keys[:1], ("gripper/grasp",))
