"""The SO-101 in its small cell: a jaw that turns, five joints by their positions, an expert that stacks 20 mm cubes."""

import numpy as np
import pytest
import yaml

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.actions.hold import full_command
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.simulation import PEER_BASKET_M
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.sim import task
from gato_ros.sim.demonstration import Noise, demonstrate
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.grasp import in_cell
from gato_ros.sim.snapshot import snapshots
from gato_ros.sim.world import StackingWorld

SO101 = load_embodiment("so101_rgb_stacking")
CELL = SO101.simulated.cell
UPRIGHT = np.array([0.0, 0.0, 0.0, 1.0])
STATE = ("gripper/opening", "gripper/grasp", "so101/pinch/pose", "so101/joints/angle")


@pytest.fixture(scope="module")
def env():
    env = RgbStackingEnv("cubes", observation_keys=STATE, privileged=PRIVILEGED_KEYS, embodiment=SO101)
    yield env
    env.close()


@pytest.fixture(scope="module")
def world():
    world = StackingWorld(SO101)
    yield world
    world.close()


def test_the_cell_of_the_first_arm_is_the_peers():
    cell = load_embodiment().simulated.cell
    assert cell.scale == 1.0 and not cell.origin.any() and cell.rim_m is None
    np.testing.assert_array_equal(cell.to_base(PEER_BASKET_M), PEER_BASKET_M)
    np.testing.assert_allclose(CELL.to_base(PEER_BASKET_M), SO101.simulated.cell.basket_m, atol=1e-12)
    np.testing.assert_allclose(CELL.to_cell(CELL.to_base(np.array([0.5, 0.1, 0.2]))), [0.5, 0.1, 0.2])


def test_its_fingers_are_thought_of_in_the_cells_size():
    fingers = SO101.simulated.fingers
    wide = in_cell(fingers, 0.4)
    assert wide.fixed_m == pytest.approx(fingers.fixed_m / 0.4) and wide.yaw_rad == fingers.yaw_rad
    assert wide.half_size_m == pytest.approx(tuple(size / 0.4 for size in fingers.half_size_m))


@pytest.mark.parametrize("objects", ["cubes", "triplet3"])
def test_starts_lie_in_its_cell(world, objects):
    cell, limits = SO101.simulated.cell, SO101.motion_limits
    for seed in range(4):
        world.reset(np.random.default_rng(seed), objects)
        tool = world.kinematics.tool(world.joint_positions)
        assert np.all(tool.position > np.array(cell.start_lower_m) - 1e-3)
        assert np.all(tool.position < np.array(cell.start_upper_m) + 1e-3) and tool.rotation[2, 2] < -0.9999
        for colour in task.COLOURS:
            x, y, z = world.prop(colour).position
            assert np.all(np.array([x, y]) > limits.workspace_lower[:2]) and np.all([x, y] < limits.workspace_upper[:2])
            assert cell.basket_m[2] < z < cell.basket_m[2] + 0.4 * 0.15


def test_success_is_measured_in_its_cell(world):
    world.reset(np.random.default_rng(0), "cubes")
    assert world.put_tool(np.array([0.23, -0.045, 0.06]), np.pi / 2, SO101.gripper.stroke_m)
    floor = SO101.simulated.cell.basket_m[2]
    for colour, x, layer in (("blue", 0.18, 0), ("red", 0.18, 1), ("green", 0.22, 0)):
        world.put_prop(colour, np.array([x, 0.02, floor + 0.011 + 0.021 * layer]), UPRIGHT)
    for _ in range(5):
        world.advance(0.1)
    assert world.stacked() and world.touches("red") == {"blue"}
    world.put_prop("red", np.array([0.18, -0.02, floor + 0.011]), UPRIGHT)
    world.advance(0.1)
    assert not world.stacked()


def test_its_jaw_closes_on_a_cube_presses_and_weighs_it(env):
    env.start(seed=1)
    world, floor = env.world, SO101.simulated.cell.basket_m[2]
    grip = np.array([0.204, 0.0, floor + 0.012])
    for place, colour in enumerate(("red", "green", "blue")):
        # Tool y is ahead where the yaw is a quarter turn: the fixed jaw stands on the side of the base.
        away = [0.006, 0.0, 0.0] if colour == "red" else [0.0, 0.04 * (1 if place == 1 else -1), 0.0]
        world.put_prop(colour, np.array([grip[0], 0.0, floor + 0.0101]) + away, UPRIGHT)
    assert world.put_tool(grip, np.pi / 2, SO101.gripper.stroke_m)
    env._motion.reset()
    hold = np.append(world.joint_positions, 0.0)
    for _ in range(20):
        env.step(hold)
    assert world.pad_contacts("red") == (True, True)
    # 20 mm wide, a millimetre kept by the solver on either side, and a linear stand-in for the gap.
    assert world.gripper_opening_m == pytest.approx(0.02, abs=0.004)
    assert SO101.gripper.grasp_threshold_n < world.gripper_effort_n < 2 * SO101.gripper.force_n
    for _ in range(20):
        env.step(np.append(hold[:5], SO101.gripper.stroke_m))
    assert world.gripper_opening_m == pytest.approx(SO101.gripper.stroke_m, abs=0.002)
    assert world.gripper_effort_n == 0.0


def test_the_expert_stacks_with_it(env):
    outcome = run_episode(env, StackingExpert(SO101), 700_000)
    assert outcome.success and outcome.steps < 200


def test_the_arm_goes_where_the_joints_are_wanted(env):
    env.start(seed=3)
    start = env.world.joint_positions
    wanted = start + [0.05, 0.0, 0.0, -0.05, 0.3]
    for _ in range(30):
        env.step(np.append(wanted, 0.05))
    np.testing.assert_allclose(env.world.joint_positions, wanted, atol=0.005)
    assert env._motion.latched is None


def test_demonstrations_hold_joint_positions_and_their_disturbance(env):
    expert = StackingExpert(SO101)
    steps = [step for step, _ in zip(demonstrate(env, expert, expert, 3, Noise(clean_episodes=0.0), 0.001), range(40))]
    labels, done = (np.array([getattr(step, name).as_vector() for step in steps]) for name in ("label", "executed"))
    seen = np.array([step.observation.values["so101/joints/angle"] for step in steps])
    assert labels.shape == done.shape == (40, 6) and np.abs(done - labels)[:, :5].max() > 0.01
    # A target is as far ahead as the arm goes in reach_s.
    assert np.abs(labels[:, :5] - seen).max() < 0.1 * SO101.joint_limits[2].max() + 1e-6
    assert np.all(done >= SO101.action_lower) and np.all(done <= SO101.action_upper)


def test_a_full_disturbance_moves_the_tool_as_fast_as_it_may():
    speeds = full_command(SO101) / SO101.arm_part.reach_s
    jacobian = Kinematics(SO101).tool(np.array(SO101.arm.posture_rad)).jacobian
    linear, angular = (np.sqrt(((rows * speeds) ** 2).sum()) for rows in (jacobian[:3], jacobian[3:]))
    assert 0.6 < linear / SO101.limits.linear_speed_m_s <= 1.0 and angular <= SO101.limits.angular_speed_rad_s
    assert np.all(speeds <= SO101.joint_limits[2])


def test_situations_are_arranged_for_it():
    env = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS, embodiment=SO101)
    steps = [step for seed in range(2) for step in snapshots(env, StackingExpert(SO101), seed, 6)]
    env.close()
    assert len(steps) >= 6 and all(step.label.values["joints"].shape == (5,) for step in steps)
    assert all(set(SO101.image_keys) <= set(step.observation.values) for step in steps)


def test_both_cameras_see_the_props(world):
    world.reset(np.random.default_rng(1), "cubes")
    assert world.put_tool(np.array([0.204, 0.0, 0.05]), np.pi / 2, SO101.gripper.stroke_m)
    for colour, away in zip(task.COLOURS, ([0.0, -0.03], [0.0, 0.03], [0.02, 0.0])):
        world.put_prop(colour, np.array([0.204 + away[0], away[1], 0.0081]), UPRIGHT)
    for key in SO101.image_keys:
        assert world.film(key).shape == (480, 640, 3) and world.render(key).shape == (128, 128, 3)
        assert all(mask.sum() > 300 for mask in colours_in(world.film(key))), key
    # From the front, the arm's right is on the left.
    red, green = (np.argwhere(mask)[:, 1].mean() for mask in colours_in(world.film("front/pixels"))[:2])
    assert red < green - 60


def colours_in(pixels):
    """bool [height width] where a picture is red, green and blue."""
    pixels = pixels.astype(int)
    return [pixels[..., i] - np.delete(pixels, i, -1).max(-1) > 60 for i in range(3)]


def test_a_cell_out_of_reach_is_refused(tmp_path):
    path = tmp_path / "arm.yaml"
    cell = {"start_lower_m": [0.2, -0.01, 0.2], "start_upper_m": [0.21, 0.01, 0.21]}
    extra = {"extends": "so101_rgb_stacking", "name": "arm", "schema": 2, "simulation": {"cell": cell}}
    path.write_text(yaml.safe_dump(extra))
    far = StackingWorld(load_embodiment(path))
    with pytest.raises(SetupError, match="to reach starts from"):
        far.reset(np.random.default_rng(0))
    far.close()
