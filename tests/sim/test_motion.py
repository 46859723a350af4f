"""The simulated arm carries out every kind of action that a contract may state."""

import numpy as np
import pytest

from gato_ros.bench.guard.variants import VARIANTS, variant
from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.actions.hold import full_command, standing_action
from gato_ros.sim.env import RgbStackingEnv
from gato_ros.sim.motion import INNER_STEP_S, checked, make_motion
from gato_ros.sim.randomisation import Conditions
from gato_ros.sim.world import StackingWorld

SAWYER = load_embodiment()
TWIST = np.array([0.02, -0.015, 0.01, 0.08, -0.1, 0.15])


def by_joint(robot):
    part = robot.gripper_part.model_copy(update={"by": "joint_position", "units": ["rad"]})
    gripper = robot.gripper.model_copy(update={"joint_range_rad": (0.8, 0.0)})
    return robot.model_copy(update={"actions": {**robot.actions, "gripper": part}, "gripper": gripper})


@pytest.fixture(scope="module", params=VARIANTS)
def arm(request):
    """A world without props, whose arm is moved in one of these ways."""
    world = StackingWorld(variant(SAWYER, request.param))
    yield request.param, world, make_motion(world)
    world.close()


def started(world, motion):
    world.clear()
    assert world.put_tool(np.array([0.6, 0.0, 0.17]), 0.0, 0.085)
    motion.reset()
    return world.joint_positions


def ticks(world, motion, values, count):
    for _ in range(count):
        motion.begin(values)
        for _ in range(5):
            world.set_joint_velocity(motion.joint_velocity())
            world.advance(INNER_STEP_S)


def test_the_arm_does_what_the_action_says(arm):
    kind, world, motion = arm
    start = started(world, motion)
    step = np.array([0.02, -0.01, 0.02, 0.01, -0.02, 0.01, 0.04])
    if kind.startswith("twist"):
        ticks(world, motion, TWIST, 10)
        tool = world.kinematics.tool(world.joint_positions)
        twist = tool.jacobian @ world.joint_velocities
        axes = tool.rotation.T if kind == "twist_tool" else np.eye(3)
        np.testing.assert_allclose(np.append(axes @ twist[:3], axes @ twist[3:]), TWIST, atol=4e-3)
    elif kind == "joint_velocity":
        ticks(world, motion, 5 * step, 10)
        np.testing.assert_allclose(world.joint_velocities, 5 * step, atol=3e-3)
    elif kind == "joint_position":
        ticks(world, motion, start + step, 16)
        np.testing.assert_allclose(world.joint_positions, start + step, atol=2e-3)
    else:
        ticks(world, motion, step / 4, 8)
        ticks(world, motion, np.zeros(7), 4)
        np.testing.assert_allclose(world.joint_positions, start + 2 * step, atol=2e-3)
    assert motion.latched is None


def test_wild_actions_stay_in_the_room_and_latch_nothing(arm):
    _, world, motion = arm
    started(world, motion)
    rng, limits = np.random.default_rng(3), world.embodiment.motion_limits
    full = full_command(world.embodiment)
    for _ in range(6):
        still = standing_action(world.embodiment, world.joint_positions, 0.085).values["arm"]
        ticks(world, motion, still + 50 * full * rng.uniform(-1, 1, len(full)), 5)
        tool = world.kinematics.tool(world.joint_positions)
        assert np.all(tool.position > limits.workspace_lower - 3e-3)
        assert np.all(tool.position < limits.workspace_upper + 3e-3)
        assert np.linalg.norm((tool.jacobian @ world.joint_velocities)[:3]) < 1.1 * limits.linear_speed
    assert motion.latched is None


def test_an_episode_takes_the_contract_s_action_and_disturbs_it():
    robot = by_joint(variant(SAWYER, "joint_position"))
    env = RgbStackingEnv("cubes", observation_keys=("gripper/opening",), embodiment=robot)
    assert env.action_space.shape == (8,)
    env.reset(seed=1)
    env.world.put_tool(np.array([0.6, 0.0, 0.17]), 0.0, 0.085)
    env._begin(Conditions(latency_ticks=2))
    start = env.world.joint_positions
    target = Action({"arm": start + 0.03, "gripper": 0.8})
    for _ in range(2):
        env.step(target.as_vector())
    np.testing.assert_allclose(env.world.joint_positions, start, atol=1e-3)
    for _ in range(12):
        env.step_action(target)
    np.testing.assert_allclose(env.world.joint_positions, start + 0.03, atol=3e-3)
    assert env.world.gripper_opening_m < 0.05  # 0.8 rad is closed
    env.close()


def test_an_arm_that_its_guard_has_stopped_says_why():
    env = RgbStackingEnv("cubes", observation_keys=("gripper/opening",), embodiment=variant(SAWYER, "joint_velocity"))
    env.reset(seed=1)
    action = Action({"arm": np.zeros(7), "gripper": 0.085})
    env.step_action(action)
    env._motion._guard.latch("joint_position_jump")
    *_, info = env.step_action(action)
    assert info["failure"] == "latched_joint_position_jump"
    env.close()


def test_an_action_of_another_robot_is_no_action():
    robot = variant(SAWYER, "joint_velocity")
    for action in (ArmAction(np.zeros(4), 0.0), Action({"arm": np.zeros(6), "gripper": 0.0})):
        with pytest.raises(ValueError, match="an action of sawyer_rgb_stacking has"):
            checked(robot, action)
    with pytest.raises(ValueError, match="8 finite numbers"):
        checked(robot, Action({"arm": np.full(7, np.nan), "gripper": 0.0}))
