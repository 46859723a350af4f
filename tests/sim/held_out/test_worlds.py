"""Held-out worlds: the plain world's starts, the same again from a seed, changed in what they say and nowhere else."""

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.held_out.changed_world import ChangedWorld
from gato_ros.sim.held_out.gripper import reach_share
from gato_ros.sim.held_out.worlds import WORLDS, held_out_world
from gato_ros.sim.randomisation import TRAINING
from gato_ros.sim.world import StackingWorld

SEED = 900_005
MOTION = ArmAction(np.array([0.05, -0.03, -0.05, 0.5]), 0.0)
STILL_OPEN, STILL_CLOSED = (ArmAction(np.zeros(4), opening) for opening in (0.085, 0.0))
NAMES = ("basket_front_left", "basket_front_right")


def environment(name, robot="sawyer_rgb_stacking"):
    world = held_out_world(name)
    if world:
        try:
            world.check()
        except SetupError as error:
            pytest.skip(str(error))
    return RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS, embodiment=load_embodiment(robot), held_out=world)


@pytest.fixture(scope="module")
def worlds():
    """Name -> its environment, made when it is first asked for."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = environment(name)
        made[name].reset(seed=SEED)
        return made[name]

    yield get
    for env in made.values():
        env.close()


def read(env):
    observation = env.observe()
    return {**observation.values, **observation.privileged}


def states(env, ticks=0, action=MOTION):
    for _ in range(ticks):
        env.step_action(action)
    return {key: value for key, value in read(env).items() if not key.endswith("pixels")}


def pictures(env):
    return np.stack([env.world.render(key) for key in env.embodiment.image_keys])


def red(picture):
    return (picture[..., 0] > 90) & (picture[..., 1] < 70) & (picture[..., 2] < 70)


def test_plain_is_no_held_out_world_and_an_unknown_name_gets_the_nearest():
    assert held_out_world("plain") is None and len(WORLDS) >= 5
    with pytest.raises(SetupError, match=r"a world in \{.*plain.*\}; got 'real_cel'; did you mean 'real_cell'"):
        held_out_world("real_cel")


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_says_what_it_is_and_lies_outside_of_training(name):
    world, rng = WORLDS[name], np.random.default_rng(3)
    assert world.name == name and world.text.endswith(".") and world.outside
    if world.opengl or world.mujoco:
        return
    for _ in range(50):
        drawn = world.draw(rng, NAMES)
        beyond = {
            "lens": drawn.lens is not None,
            "basket": drawn.basket_tint is not None and drawn.basket_tint.max() > 0.36 * 0.4 + 0.6 * 0.6,
            "fingers": drawn.fingers is not None,
            "latency": drawn.latency_ticks > TRAINING.latency_ticks,
            "friction": abs(np.log(drawn.friction)) > np.log(1 + TRAINING.friction),
            "mass": abs(np.log(drawn.mass)) > np.log(1 + TRAINING.mass),
            "cover": drawn.covered_from_s is not None,
        }
        expected = {
            "real_cell": {"lens", "basket"},
            "gripper": {"fingers"},
            "dynamics": {"latency", "friction", "mass"},
            "covered": {"cover"},
        }
        assert {key for key, is_beyond in beyond.items() if is_beyond} == expected[name]


@pytest.mark.parametrize("name", WORLDS)
def test_a_start_is_the_plain_worlds_and_an_episode_repeats(worlds, name):
    start = states(worlds("plain"))
    env = worlds(name)
    for key, value in states(env).items():
        np.testing.assert_array_equal(value, start[key], err_msg=key)
    states(env, 3)
    first = read(env)
    env.reset(seed=SEED + 1)
    again = worlds(name)
    states(again, 3)
    for key, value in read(again).items():
        np.testing.assert_array_equal(value, first[key], err_msg=key)


def test_a_held_out_world_without_changes_is_the_plain_one_to_the_byte():
    seen = []
    for kind in (StackingWorld, ChangedWorld):
        world = kind()
        world.reset(np.random.default_rng(4), "triplet4")
        world.set_joint_velocity(np.full(7, 0.1))
        world.set_gripper(0.0)
        world.advance(0.2)
        poses = [np.concatenate([world.prop(one).position, world.prop(one).quat_xyzw]) for one in ("red", "blue")]
        picture = world.render("basket_front_left/pixels")
        seen.append(b"".join(one.tobytes() for one in (*poses, world.joint_positions, picture)))
        world.close()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["opengl", "real_cell"])
def test_worlds_for_the_eyes_change_pictures_and_no_state(worlds, name):
    plain = worlds("plain")
    expected, before = states(plain, 10), pictures(plain).astype(int)
    env = worlds(name)
    for key, value in states(env, 10).items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)
    seen = pictures(env)
    assert (np.abs(seen.astype(int) - before).max(-1) > 8).mean() > 0.1
    overlap = (red(seen) & red(before)).sum() / (red(seen) | red(before)).sum()
    assert overlap > 0.6, "the same scene"
    np.testing.assert_array_equal(pictures(env), seen)  # who looks twice sees the same


def test_covered_cameras_see_nothing_for_two_seconds_of_every_five(worlds):
    env, plain = worlds("covered"), worlds("plain")
    first = int(np.ceil(20 * env.conditions.covered_from_s - 1e-9))
    np.testing.assert_array_equal(pictures(env), pictures(plain))
    dark = [not np.any(pictures(env)) for _ in range(200) if env.step_action(STILL_OPEN)]
    assert dark == [tick >= first and (tick - first) % 100 < 40 for tick in range(1, 201)]
    expected = states(plain, 200, STILL_OPEN)
    for key, value in states(env).items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


def test_the_lens_has_noise_of_its_own_in_every_tick(worlds):
    env = worlds("real_cell")
    first = pictures(env)
    states(env, 1, STILL_OPEN)
    corner = np.abs(pictures(env)[:, -30:, -30:].astype(int) - first[:, -30:, -30:])
    assert 0 < corner.mean() < 20


def test_closed_empty_fingers_report_a_grasp_in_the_gripper_world_only(worlds):
    flags = {}
    for name in ("plain", "gripper"):
        env = worlds(name)
        flags[name] = [float(states(env)["gripper/grasp"][0]), float(states(env, 30, STILL_CLOSED)["gripper/grasp"][0])]
    assert flags == {"plain": [0.0, 0.0], "gripper": [0.0, 1.0]}
    assert states(env, 10, STILL_OPEN)["gripper/grasp"][0] == 0.0


@pytest.mark.parametrize("opening_mm, reach_mm", [(85.8, 0.6), (51.0, 10.0), (0.0, 13.9)])
def test_fingertips_draw_back_as_the_gripper_opens(worlds, opening_mm, reach_mm):
    assert reach_share(opening_mm / 85.8) * 19.0 == pytest.approx(reach_mm)
    env = worlds("gripper")
    opening = min(0.085, opening_mm / 1e3 * 85 / 85.8)
    env.world.put_tool(np.array([0.6, 0.0, 0.25]), 0.0, opening)
    states(env, 3, ArmAction(np.zeros(4), opening))
    arm, tool = env.world.arms[0], env.world.kinematics.tool(env.world.joint_positions)
    lowest = [env.world._client.getAABB(arm.body, finger)[0][2] for finger in arm.fingers]
    np.testing.assert_allclose(tool.position[2] - np.array(lowest), reach_mm / 1e3, atol=0.0015)


@pytest.mark.parametrize("robot", ["panda_rgb_stacking", "so101_rgb_stacking"])
def test_the_gripper_world_is_for_every_robot(robot):
    env = environment("gripper", robot)
    env.reset(seed=SEED)
    closed = env.embodiment.action_lower[-1:]
    for _ in range(3):
        env.step(np.concatenate([np.zeros(len(env.embodiment.action_lower) - 1), closed]))
    assert 0 < env.world.gripper_opening_m < env.embodiment.gripper.stroke_m
    env.close()


def test_the_arm_of_dynamics_answers_two_ticks_late_and_falls_short(worlds):
    forward, ways = ArmAction(np.array([0.05, 0.0, 0.0, 0.0]), 0.085), {}
    for name in ("plain", "dynamics"):
        env = worlds(name)
        env.world.put_tool(np.array([0.55, 0.0, 0.25]), 0.0, 0.085)
        ways[name] = np.array([0.0, *(states(env, 1, forward)["sawyer/pinch/pose"][0] for _ in range(22))])
    plain, late = ways["plain"][1:] - 0.55, ways["dynamics"][1:] - 0.55
    assert plain[1] > 2e-3 and abs(late[1]) < 5e-4 and late[3] > 1e-3
    assert 0.82 < (late[21] - late[2]) / (plain[19] - plain[0]) < 1.03


def test_the_arm_of_dynamics_creeps_at_rest(worlds):
    env = worlds("dynamics")
    env.world.put_tool(np.array([0.6, 0.0, 0.2]), 0.0, 0.085)
    before = states(env)["sawyer/pinch/pose"][:3]
    after = states(env, 40, STILL_OPEN)["sawyer/pinch/pose"][:3]
    assert 2e-4 < np.linalg.norm(after - before) < 1.4e-3


def test_mass_and_friction_of_dynamics_are_the_bodys(worlds):
    props = {}
    for name in ("plain", "dynamics"):
        env = worlds(name)
        props[name] = env.world._client.getDynamicsInfo(env.world._props["red"], -1)[:2]
    assert props["dynamics"][0] == pytest.approx(env.conditions.mass * props["plain"][0])
    assert props["dynamics"][1] == pytest.approx(env.conditions.friction * props["plain"][1])


def test_where_opengl_is_missing_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nowhere")
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_FILENAMES", "/nowhere.json")
    with pytest.raises(SetupError, match="expected OpenGL through EGL.*libegl1") as refused:
        WORLDS["opengl"].check()
    assert "\n" not in str(refused.value)
