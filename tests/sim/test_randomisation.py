"""Conditions of an episode: explicit, repeatable, and felt by the world."""

from dataclasses import fields, replace

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.sim.camera import CAMERAS, moved
from gato_ros.sim.env import RgbStackingEnv
from gato_ros.sim.randomisation import (
    LEVELS,
    PERTURBATIONS,
    PLAIN,
    TRAINING,
    Conditions,
    Randomisation,
    perturbation,
    texture_path,
)

NAMES = ("basket_front_left", "basket_front_right")
KEYS = tuple(f"{name}/pixels" for name in NAMES)


def pictures(env):
    observation = env.observe()
    return np.stack([observation.values[key] for key in KEYS]).astype(int)


@pytest.fixture
def plain():
    env = RgbStackingEnv("cubes")
    yield env
    env.close()


def varied(**change):
    return RgbStackingEnv("cubes", randomisation=Randomisation(**change), randomise_fully=True)


def test_the_same_seed_draws_the_same_conditions_and_the_share_decides_how_often():
    def draws(seed):
        rng = np.random.default_rng(seed)
        return [TRAINING.draw(rng, NAMES) for _ in range(200)]

    again = draws(0)
    assert all(str(one) == str(two) for one, two in zip(draws(0), again, strict=True))
    assert 0.4 < np.mean([one is not PLAIN for one in again]) < 0.8
    shifts = [np.linalg.norm(one.camera_shift_m[name]) for one in again if one is not PLAIN for name in NAMES]
    assert min(shifts) > 0 and max(shifts) <= TRAINING.camera_shift_m


def test_full_takes_the_limit_and_leaves_the_direction():
    rng = np.random.default_rng(1)
    drawn = [PERTURBATIONS["camera_shift"].draw(rng, NAMES, full=True) for _ in range(5)]
    vectors = [one.camera_shift_m[NAMES[0]] for one in drawn]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 0.005)
    assert np.ptp(vectors, axis=0).min() > 1e-4
    assert PERTURBATIONS["latency"].draw(rng, NAMES, full=True).latency_ticks == 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbation_changes_what_it_names_and_nothing_else(name, level):
    drawn = perturbation(name, level).draw(np.random.default_rng(2), NAMES, full=True)
    changed = {
        item.name for item in fields(Conditions) if str(getattr(drawn, item.name)) != str(getattr(PLAIN, item.name))
    }
    expected = {
        "camera_shift": {"camera_shift_m", "camera_turn_rad"},
        "light": {"light_direction", "light_colour", "light_ambient", "light_diffuse"},
        "colour": {"prop_tint", "basket_tint"},
        "latency": {"latency_ticks"},
        "dropped_frames": {"dropped_frames"},
        "action_noise": {"action_noise"},
        "physics": {"friction", "mass"},
    }
    assert changed == expected[name]


@pytest.mark.parametrize("change", [{"share": 1.1}, {"light": np.nan}, {"camera_shift_m": -0.1}, {"colour": 2.0}])
def test_a_senseless_value_is_refused(change):
    with pytest.raises(SetupError, match="expected"):
        Randomisation(**change)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(SetupError, match="camera_shift"):
        perturbation("cameras")
    with pytest.raises(SetupError, match="medium"):
        perturbation("light", "some")


@pytest.mark.parametrize(
    "change",
    [
        {"light": 1.0},
        {"colour": 1.0},
        {"texture": 1.0},
        {"camera_shift_m": 0.02},
        {"camera_turn_deg": 2.0},
        {"camera_fovy_deg": 2.0},
    ],
)
def test_what_is_seen_changes_and_where_things_stand_does_not(plain, change):
    env = varied(**change)
    plain.reset(seed=5)
    env.reset(seed=5)
    for colour in ("red", "green", "blue"):
        np.testing.assert_array_equal(env.world.prop(colour).position, plain.world.prop(colour).position)
    difference = np.abs(pictures(env) - pictures(plain)).max(-1)
    assert (difference > 8).mean() > 0.01
    env.reset(seed=5)
    repeated = pictures(env)
    env.reset(seed=6)
    env.reset(seed=5)
    np.testing.assert_array_equal(pictures(env), repeated)
    env.close()


def test_a_moved_camera_stays_a_camera():
    conditions = Conditions(
        camera_shift_m={NAMES[0]: np.array([0.01, 0, 0])},
        camera_turn_rad={NAMES[0]: np.array([0, 0, 0.1])},
        camera_fovy_deg=1.0,
    )
    before, after = CAMERAS[NAMES[0]], moved(NAMES[0], conditions)
    np.testing.assert_allclose(np.subtract(after.position, before.position), [0.01, 0, 0])
    np.testing.assert_allclose(np.linalg.norm(after.forward), 1, atol=1e-3)
    assert abs(np.dot(after.forward, after.up)) < 1e-3 and after.fovy_deg == before.fovy_deg + 1
    np.testing.assert_allclose(
        np.dot(after.forward[:2], before.forward[:2]) / np.dot(before.forward[:2], before.forward[:2]),
        np.cos(0.1),
        atol=1e-3,
    )
    assert moved(NAMES[1], replace(conditions, camera_fovy_deg=0.0)) is CAMERAS[NAMES[1]]


def test_friction_and_mass_are_the_bodys(plain):
    plain.reset(seed=0)
    body, client = plain.world._props["red"], plain.world._client
    before = client.getDynamicsInfo(body, -1)
    plain.world.set_conditions(Conditions(friction=0.5, mass=3.0))
    after = client.getDynamicsInfo(body, -1)
    assert after[0] == pytest.approx(3 * before[0]) and after[1] == pytest.approx(0.5 * before[1])


def test_latency_moves_the_arm_one_tick_later(plain):
    env = varied(latency_ticks=2)
    forward = ArmAction(np.array([0.05, 0, 0, 0]), 0.085)
    ways = []
    for one in (plain, env):
        one.reset(seed=1)
        way = [one.observe(images=False).values["sawyer/pinch/pose"][0]]
        for _ in range(6):
            one.step_action(forward)
            way.append(one.observe(images=False).values["sawyer/pinch/pose"][0])
        ways.append(np.array(way))
    plain_way, late_way = ways
    assert abs(late_way[2] - late_way[0]) < 5e-4
    np.testing.assert_allclose(late_way[2:], plain_way[:-2], atol=1e-3)
    assert plain_way[2] - plain_way[0] > 2e-3
    env.close()


def test_dropped_frames_show_the_picture_before(plain):
    env = varied(dropped_frames=1.0)
    env.reset(seed=1)
    first = pictures(env)
    for _ in range(10):
        env.step_action(ArmAction(np.array([0.07, 0, -0.07, 0]), 0.085))
    np.testing.assert_array_equal(pictures(env), first)
    assert env.observe().values["sawyer/pinch/pose"][2] < 0.5
    env.close()


def test_action_noise_is_seeded_by_the_episode():
    env, ends = varied(action_noise=0.5), []
    for _ in range(2):
        env.reset(seed=4)
        for _ in range(5):
            env.step_action(ArmAction(np.zeros(4), 0.085))
        ends.append(env.observe(images=False).values["sawyer/pinch/pose"])
    np.testing.assert_array_equal(*ends)
    env.reset(seed=4)
    assert np.abs(ends[0] - env.observe(images=False).values["sawyer/pinch/pose"])[:3].max() > 5e-4
    env.close()


def test_textures_are_the_same_in_every_process():
    assert texture_path(3).read_bytes()[:4] == b"\x89PNG"
    assert len({texture_path(index).read_bytes() for index in range(16)}) == 16
