"""The second physics: the plain world's start goes on in MuJoCo, which moves, touches, grips and repeats."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.sim.attempts import VOID
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.held_out.worlds import WORLDS
from gato_ros.sim.scene import BASKET_TOP_M
from gato_ros.sim.task import COLOURS

SEED, REPEATED_TICKS = 500_002, 60
LEVEL = (0.0, 0.0, 0.0, 1.0)
needs_mujoco = pytest.mark.skipif(
    find_spec("mujoco") is None, reason="MuJoCo is an extra: pip install gato_ros[mujoco]"
)


def environment(robot="sawyer_rgb_stacking"):
    return RgbStackingEnv(
        "cubes", privileged=PRIVILEGED_KEYS, embodiment=load_embodiment(robot), held_out=WORLDS["mujoco"]
    )


@pytest.fixture(scope="module")
def made():
    env = environment()
    yield env
    env.close()


@pytest.fixture
def env(made):
    made.start(SEED)
    return made


def states(env):
    poses = [np.concatenate([env.world.prop(one).position, env.world.prop(one).quat_xyzw]) for one in COLOURS]
    arm = (env.world.joint_positions, env.world.joint_velocities, [env.world.gripper_opening_m])
    return np.concatenate([*poses, *arm])


def put_apart(env, height_m=BASKET_TOP_M + 0.0255):
    """Red in the middle, level, the others out of the way; the tool about red, the fingers open."""
    for colour, place in zip(COLOURS, ((0.6, 0.0), (0.52, 0.08), (0.52, -0.08))):
        env.world.put_prop(colour, np.array([*place, height_m]), np.array(LEVEL))
    assert env.world.put_tool(np.array([0.6, 0.0, 0.08]), 0.0, 0.07)


def step(env, ticks, up_m_s=0.0, opening_m=0.0):
    for _ in range(ticks):
        env.step_action(ArmAction(np.array([0.0, 0.0, up_m_s, 0.0]), opening_m))


@needs_mujoco
def test_dropped_cubes_come_to_rest_and_do_not_sink(env):
    put_apart(env, BASKET_TOP_M + 0.04)
    env.world.put_tool(np.array([0.6, 0.0, 0.25]), 0.0, 0.085)
    env.world.advance(1.0)
    rested = states(env)
    heights = [env.world.prop(colour).position[2] for colour in COLOURS]
    np.testing.assert_allclose(heights, BASKET_TOP_M + 0.025, atol=2e-4)
    assert [env.world.touches(colour) for colour in COLOURS] == [{"ground"}] * 3
    env.world.advance(1.0)
    np.testing.assert_allclose(states(env)[:21], rested[:21], atol=2e-4)


@needs_mujoco
def test_a_joint_comes_to_its_velocity_and_stops(env):
    wanted = np.full(7, 0.1)
    env.world.set_joint_velocity(wanted)
    env.world.advance(0.01)
    assert (env.world.joint_velocities < 0.09).all(), "no joint is there at once"
    env.world.advance(0.5)
    np.testing.assert_allclose(env.world.joint_velocities, wanted, atol=0.005)
    env.world.set_joint_velocity(np.zeros(7))
    env.world.advance(0.5)
    stopped = env.world.joint_positions
    np.testing.assert_allclose(env.world.joint_velocities, 0.0, atol=0.002)
    env.world.advance(1.0)
    np.testing.assert_allclose(env.world.joint_positions, stopped, atol=1e-3)


@needs_mujoco
def test_fingers_hold_a_lifted_cube_and_let_it_go(env):
    put_apart(env)
    step(env, 10)
    step(env, 20, up_m_s=0.05)
    step(env, 5)
    world = env.world
    assert world.prop("red").position[2] > BASKET_TOP_M + 0.06
    assert world.pad_contacts("red") == (True, True) and world.touches("red") == {"robot"}
    force = env.embodiment.gripper.force_n
    assert 0.8 * force < world.gripper_effort_n < 1.2 * force and 0.049 < world.gripper_opening_m < 0.0505
    assert world.pad_contacts("blue") == (False, False)
    before = world.prop("red").position
    step(env, 40)
    np.testing.assert_allclose(world.prop("red").position, before, atol=1e-3)
    step(env, 20, opening_m=0.085)
    assert world.gripper_effort_n == 0.0 and world.touches("red") == {"ground"}


@needs_mujoco
def test_the_expert_stacks_and_an_episode_repeats_to_the_bit(env):
    expert, ways, infos = StackingExpert(), [], []
    other = environment()
    other.start(SEED)
    for one, ticks in ((env, 400), (other, REPEATED_TICKS)):
        expert.reset()
        way = []
        for _ in range(ticks):
            *_, info = one.step_action(expert.act(one.observe(images=False)).action)
            way.append(states(one))
            if info["success"]:
                break
        ways.append(np.array(way[:REPEATED_TICKS]).tobytes())
        infos.append(info)
    other.close()
    assert infos[0]["success"] and ways[0] == ways[1]


@needs_mujoco
@pytest.mark.parametrize("speed", [1e5, 1e12])
def test_what_blows_up_is_void_and_the_next_start_is_sound(env, speed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start = states(env)
    env.world._client.resetBaseVelocity(env.world._props["green"], (0.0, 0.0, speed), (0.0, 0.0, 0.0))
    *_, terminated, _, info = env.step_action(ArmAction(np.zeros(4), 0.085))
    assert terminated and info["failure"] == VOID and not list(tmp_path.iterdir())
    env.start(SEED)
    np.testing.assert_array_equal(states(env), start)


@needs_mujoco
@pytest.mark.parametrize("robot", ["panda_rgb_stacking", "ur5e_rgb_stacking"])
def test_other_arms_with_sliding_fingers_stand_and_close(robot):
    env = environment(robot)
    env.start(SEED)
    before = env.world.joint_positions
    env.world.set_gripper(0.0)
    env.world.advance(0.2)
    assert 0 < env.world.gripper_opening_m < 0.9 * env.embodiment.gripper.stroke_m
    np.testing.assert_allclose(env.world.joint_positions, before, atol=1e-3)
    env.close()


@needs_mujoco
def test_a_turning_jaw_is_refused_in_one_line():
    with pytest.raises(SetupError, match="two fingers slide.*got so101_rgb_stacking, whose jaw turns.*--world") as one:
        environment("so101_rgb_stacking")
    assert "\n" not in str(one.value)


def test_where_mujoco_is_missing_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(SetupError, match=r"expected the package mujoco.*gato_ros\[mujoco\]") as refused:
        WORLDS["mujoco"].check()
    assert "\n" not in str(refused.value)
