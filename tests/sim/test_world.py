"""The world: success, starts, determinism, limits of motion, cameras."""

import hashlib
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.sim import scene, task
from gato_ros.sim.attempts import is_stacked
from gato_ros.sim.camera import CAMERAS, render
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.world import PhysicsError, StackingWorld

DIGEST_PROGRAM = """
import hashlib, sys
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.core.arm_action import ArmAction
env = RgbStackingEnv("train", privileged=PRIVILEGED_KEYS)
for seed in map(int, sys.argv[1:]):
    env.reset(seed=seed)
digest = hashlib.sha256()
for _ in range(10):
    env.step_action(ArmAction.from_vector([0.05, -0.03, -0.07, 0.8, 0.0]))
observation = env.observe()
for key, value in sorted({**observation.values, **observation.privileged}.items()):
    digest.update(key.encode() + value.tobytes())
print("DIGEST", digest.hexdigest())
"""


def digest_in_new_process(*seeds: int) -> str:
    out = subprocess.run(
        [sys.executable, "-c", DIGEST_PROGRAM, *map(str, seeds)], capture_output=True, text=True, check=True
    )
    return out.stdout.split("DIGEST ")[1].strip()


@pytest.fixture(scope="module")
def world():
    world = StackingWorld()
    yield world
    world.close()


@pytest.mark.fault("X3")
def test_same_seed_same_pixels_and_poses_in_another_process_whatever_came_before():
    assert digest_in_new_process(7) == digest_in_new_process(3, 7)
    assert digest_in_new_process(7) != digest_in_new_process(8)


def test_a_python_that_exits_without_close_prints_no_error():
    program = "import gato_ros; env = gato_ros.make('rgb_stacking')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Error" not in done.stderr and "Exception" not in done.stderr


def test_close_may_be_called_twice():
    world = StackingWorld()
    world.close()
    world.close()


@pytest.mark.parametrize(
    "red, touches, stacked",
    [
        ((0.60, 0.00, 0.13), {"blue"}, True),
        ((0.60, 0.049, 0.13), {"blue"}, True),
        ((0.60, 0.051, 0.13), {"blue"}, False),
        ((0.60, 0.00, 0.099), {"blue"}, False),
        ((0.60, 0.00, 0.13), set(), False),
        ((0.60, 0.00, 0.13), {"blue", "robot"}, False),
        ((0.60, 0.00, 0.13), {"blue", "ground"}, False),
        ((0.60, 0.00, 0.13), {"blue", "green"}, True),
    ],
)
def test_success_is_the_peers(red, touches, stacked):
    assert is_stacked(np.array(red), np.array([0.60, 0.0, 0.08]), "blue", touches) is stacked


@pytest.mark.parametrize("objects", ["cubes", "triplet3", "train"])
def test_starts_lie_in_the_peers_ranges(world, objects):
    limits = world.embodiment.motion_limits
    for seed in range(5):
        world.reset(np.random.default_rng(seed), objects)
        tool = world.kinematics.tool(world.joint_positions)
        start = world.embodiment.simulated.cell
        assert np.all(tool.position > np.array(start.start_lower_m) - 1e-3)
        assert np.all(tool.position < np.array(start.start_upper_m) + 1e-3)
        assert tool.rotation[2, 2] < -0.9999
        for colour in task.COLOURS:
            position = world.prop(colour).position
            assert np.all(position[:2] > limits.workspace_lower[:2]) and np.all(
                position[:2] < limits.workspace_upper[:2]
            )
            assert 0.05 < position[2] < 0.2
        assert not world.stacked()


def test_train_set_draws_three_different_training_objects():
    for seed in range(20):
        names = task.draw_objects("train", np.random.default_rng(seed))
        assert len(set(names)) == 3 and set(names) <= set(task.TRAINING_OBJECTS)


def test_unknown_object_set_names_the_nearest():
    with pytest.raises(SetupError, match="triplet1"):
        RgbStackingEnv("tripet1")


@pytest.mark.parametrize("direction", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1)])
def test_tool_stops_at_the_workspace_walls(direction):
    env = RgbStackingEnv("cubes", observation_keys=("gripper/opening",))
    env.reset(seed=1)
    env.world.put_tool(np.array([0.6, 0.0, 0.2]), 0.0, 0.085)
    limits = env.embodiment.motion_limits
    for _ in range(100):
        env.step(np.array([*(0.07 * np.array(direction)), 0.0, 0.085], np.float32))
        position = env.world.kinematics.tool(env.world.joint_positions).position
        assert np.all(position > limits.workspace_lower - 0.003) and np.all(position < limits.workspace_upper + 0.003)
    axis = int(np.argmax(np.abs(direction)))
    wall = (limits.workspace_upper if direction[axis] > 0 else limits.workspace_lower)[axis]
    assert abs(position[axis] - wall) < 0.01
    env.close()


def test_commanded_velocity_is_the_tools_velocity():
    env = RgbStackingEnv("cubes", observation_keys=("gripper/opening",))
    env.reset(seed=1)
    env.world.put_tool(np.array([0.55, -0.05, 0.25]), 0.3, 0.085)
    for _ in range(5):
        env.step(np.array([0.05, 0.03, -0.02, 0.0, 0.085], np.float32))
    before = env.world.kinematics.tool(env.world.joint_positions).position
    for _ in range(20):
        env.step(np.array([0.05, 0.03, -0.02, 0.0, 0.085], np.float32))
    moved = env.world.kinematics.tool(env.world.joint_positions).position - before
    np.testing.assert_allclose(moved, [0.05, 0.03, -0.02], atol=0.004)
    env.close()


def test_gripper_travels_its_stroke_in_about_a_second():
    env = RgbStackingEnv("cubes", observation_keys=("gripper/opening",))
    env.reset(seed=1)
    ticks = 0
    while env.world.gripper_opening_m > 0.004:
        env.step(np.array([0, 0, 0, 0, 0.0], np.float32))
        ticks += 1
        assert ticks < 40
    assert 14 <= ticks <= 30
    env.close()


@pytest.mark.parametrize("action", [np.zeros(4), np.array([0, 0, np.nan, 0, 0]), np.array([0, 0, np.inf, 0, 0])])
def test_a_bad_action_is_refused(action):
    env = RgbStackingEnv("cubes", observation_keys=("gripper/opening",))
    env.reset(seed=1)
    with pytest.raises(ValueError, match="5 finite numbers"):
        env.step(action)
    env.close()


def test_privileged_state_is_there_only_by_name():
    env = RgbStackingEnv("cubes")
    values, _ = env.reset(seed=0)
    assert not [key for key in values if key.startswith("privileged")] and not env.observe().privileged
    env.close()
    env = RgbStackingEnv("cubes", observation_keys=(), privileged=PRIVILEGED_KEYS[:1])
    assert set(env.reset(seed=0)[0]) == {PRIVILEGED_KEYS[0]}
    env.close()


@pytest.mark.parametrize("place", [(0.55, -0.08, 0.15), (0.66, 0.06, 0.10)])
def test_cameras_show_red_where_the_projection_says(world, place):
    world.reset(np.random.default_rng(3), "cubes")
    world.put_tool(np.array([0.6, 0.0, 0.2698]), 0.0, 0.085)
    world.put_prop("red", np.array(place), np.array([0, 0, 0, 1]))
    for hidden, colour in enumerate(("green", "blue")):
        world.put_prop(colour, np.array([0.3, 0.3 * hidden, -1.0]), np.array([0, 0, 0, 1]))
    for key in world.embodiment.image_keys:
        camera = CAMERAS[key.split("/")[0]]
        assert camera.fovy_deg == 35.0
        view = np.array(camera.view_matrix()).reshape(4, 4).T
        projection = np.array(camera.projection_matrix(1.0)).reshape(4, 4).T
        clip = projection @ view @ np.append(place, 1.0)
        column, row = (clip[0] / clip[3] + 1) * 64, (1 - clip[1] / clip[3]) * 64
        image = world.render(key).astype(int)
        rows, columns = np.nonzero((image[:, :, 0] > 40) & (image[:, :, 1:].max(2) < 20))
        assert len(rows) > 200
        assert abs((rows.min() + rows.max() + 1) / 2 - row) < 1.5
        assert abs((columns.min() + columns.max() + 1) / 2 - column) < 1.5


def test_random_start_hash_is_stable_within_a_process(world):
    def state(seed):
        world.reset(np.random.default_rng(seed), "triplet2")
        return hashlib.sha256(repr([world.prop(c) for c in task.COLOURS]).encode()).hexdigest()

    assert state(5) == state(5)


@pytest.mark.parametrize("joint", [0, 3, 6])
def test_joints_report_the_speed_they_move_with(world, joint):
    world.reset(np.random.default_rng(1), "cubes")
    world.put_tool(np.array([0.6, 0.0, 0.2]), 0.0, 0.085)
    world.set_joint_velocity(0.3 * (np.arange(7) == joint))
    world.advance(0.1)
    before = world.joint_positions[joint]
    world.advance(0.1)
    assert (world.joint_positions[joint] - before) / 0.1 == pytest.approx(0.3, rel=0.02)
    assert world.joint_velocities[joint] == pytest.approx(0.3, rel=0.02)
    world.set_joint_velocity(np.zeros(7))


def test_a_policys_nan_is_refused_before_the_arm_moves():
    env = RgbStackingEnv("cubes", observation_keys=("gripper/opening",))
    env.reset(seed=1)
    before = env.world.joint_positions
    for vector in ([np.nan, 0, 0, 0, 0.085], [0, 0, 0, 0, np.inf]):
        with pytest.raises(ValueError, match="finite"):
            env.step_action(ArmAction.from_vector(vector))
    np.testing.assert_array_equal(env.world.joint_positions, before)
    env.close()


def test_pictures_are_the_same_as_with_whole_basket_faces(monkeypatch):
    """What is cut from the faces' visual shapes is hidden in every camera."""

    def pictures():
        world = StackingWorld()
        world.reset(np.random.default_rng(1), "train")
        shown = [render(world._client, name, 128, 128) for name in CAMERAS]
        world.close()
        return np.stack(shown)

    def whole(extents, *_):
        x, y, z = extents
        return np.array([(-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)])

    cut = pictures()
    monkeypatch.setattr(scene, "_seen_part", whole)
    np.testing.assert_array_equal(cut, pictures())
    monkeypatch.setattr(scene, "_seen_part", lambda *box: whole(*box) * 0.2)
    assert (cut != pictures()).any()


@pytest.mark.fault("X1")
@pytest.mark.parametrize("speed", [1e5, np.nan])
def test_physics_that_blows_up_voids_the_episode(speed):
    env = RgbStackingEnv("cubes")
    env.start(seed=1)
    env.step_action(ArmAction(np.zeros(4), 0.085))
    world = env.world
    world._client.resetBaseVelocity(world._props["red"], (0.0, 0.0, speed), (0.0, 0.0, 0.0))
    for _ in range(2):
        reward, terminated, truncated, info = env.step_action(ArmAction(np.zeros(4), 0.085))
        if terminated:
            break
    assert (reward, truncated, info["success"], info["failure"]) == (0.0, False, False, "void")
    assert all(np.isfinite(env.observe().values[key]).all() for key in env.observation_keys)  # what `step` returns
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step_action(ArmAction(np.zeros(4), 0.085))
    with pytest.raises(PhysicsError, match="red prop"):
        world.advance(0.01)
    env.start(seed=1)
    *_, info = env.step_action(ArmAction(np.zeros(4), 0.085))
    assert info["failure"] != "void" and np.isfinite(world.prop("red").position).all()
    env.close()
