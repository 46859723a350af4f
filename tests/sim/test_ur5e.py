"""The UR5e: its URDF against the published table, its wrist camera, and the expert that holds its tool upright."""

import numpy as np
import pytest
import yaml

from gato_ros.core.errors import SetupError
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract_check import survey
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.sim.demonstration import Noise, demonstrate
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.randomisation import Conditions
from gato_ros.sim.snapshot import snapshots
from gato_ros.sim.world import StackingWorld

UR5E = load_embodiment("ur5e_rgb_stacking")
TABLE = [  # a [m], d [m], alpha [rad] of Universal Robots' table of DH parameters
    (0.0, 0.1625, np.pi / 2),
    (-0.425, 0.0, 0.0),
    (-0.3922, 0.0, 0.0),
    (0.0, 0.1333, np.pi / 2),
    (0.0, 0.0997, -np.pi / 2),
    (0.0, 0.0996, 0.0),
]


@pytest.fixture(scope="module")
def env():
    env = RgbStackingEnv(
        "cubes",
        observation_keys=("gripper/opening", "gripper/grasp", "ur5e/pinch/pose"),
        privileged=PRIVILEGED_KEYS,
        embodiment=UR5E,
    )
    yield env
    env.close()


@pytest.fixture(scope="module")
def world():
    world = StackingWorld(UR5E)
    world.clear()
    yield world
    world.close()


def flange_by_table(q):
    """base_link_from_flange, [4 4]: half a turn, then the published table link by link."""
    pose = np.diag([-1.0, -1.0, 1.0, 1.0])
    for angle, (a, d, alpha) in zip(q, TABLE, strict=True):
        c, s, ca, sa = np.cos(angle), np.sin(angle), np.cos(alpha), np.sin(alpha)
        pose = pose @ np.array(
            [[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d], [0, 0, 0, 1.0]]
        )
    return pose


def test_its_urdf_is_the_published_table():
    kinematics, rng = Kinematics(UR5E), np.random.default_rng(0)
    lower, upper, speed = UR5E.joint_limits
    for q in rng.uniform(lower, upper, (20, 6)):
        position, rotation = kinematics.wrist(q)
        wanted = flange_by_table(q)
        np.testing.assert_allclose(position, wanted[:3, 3], atol=1e-9)
        np.testing.assert_allclose(rotation, wanted[:3, :3], atol=1e-9)
    np.testing.assert_allclose(speed, np.pi)


def test_its_contract_has_no_problems():
    found = survey(UR5E)
    assert not list(found.problems(UR5E)) and set(found.reached.values()) == {found.places}
    assert UR5E.arm_part.names == COMPONENTS and UR5E.cameras["wrist/pixels"].type.endswith("CompressedImage")


def test_the_expert_stacks_with_it(env):
    outcome = run_episode(env, StackingExpert(UR5E), 700_003)
    assert outcome.success and outcome.steps < 200


def test_the_expert_puts_a_tilted_tool_upright(env):
    env.start(seed=3)
    expert, start = StackingExpert(UR5E), env.world.joint_positions
    env.world._robot.place(start + np.array([0, 0, 0, 0.15, 0.15, 0]), 0.085)
    env._motion.reset()
    tilts, label = [], None
    for _ in range(25):
        rotation = env.world.kinematics.tool(env.world.joint_positions).rotation
        tilts.append(np.arccos(-rotation[2, 2]))
        label = expert.act(env.observe(images=False)).action
        env.step_action(label)
    assert tilts[0] > 0.15 and tilts[-1] < 0.03
    assert np.all(np.abs(label.as_vector()) <= UR5E.action_upper + 1e-9)


def test_demonstrations_hold_its_actions_and_their_disturbance(env):
    expert = StackingExpert(UR5E)
    steps = [step for step, _ in zip(demonstrate(env, expert, expert, 3, Noise(clean_episodes=0.0), 0.001), range(60))]
    labels, done = (np.array([getattr(step, name).as_vector() for step in steps]) for name in ("label", "executed"))
    assert labels.shape == done.shape == (60, 7) and np.abs(done - labels)[:, 3:5].max() > 0.01
    assert np.all(done >= UR5E.action_lower) and np.all(done <= UR5E.action_upper)


def test_situations_are_arranged_for_it(env):
    steps = list(snapshots(env, StackingExpert(UR5E), 1, 6))
    assert len(steps) >= 3 and all(step.label.values["twist"].shape == (6,) for step in steps)


def seen(world, colour, position, conditions=None):
    """[2] x y in the wrist camera's picture [px] where a prop of that colour at `position` is, or None."""
    for place, other in enumerate(("red", "green", "blue")):
        at = position if other == colour else [0.2, 0.4 + 0.1 * place, 0.1]
        world.put_prop(other, at, np.array([0.0, 0.0, 0.0, 1.0]))
    if conditions:
        world.set_conditions(conditions)
    pixels = world.film("wrist/pixels").astype(int)
    assert pixels.shape == (480, 640, 3)
    channel = ("red", "green", "blue").index(colour)
    mask = pixels[..., channel] - np.delete(pixels, channel, -1).max(-1) > 60
    return np.argwhere(mask)[:, ::-1].mean(0) if mask.any() else None


def test_the_wrist_camera_moves_with_the_tool(world):
    world.drop(("s0", "s0", "s0"), np.random.default_rng(0))
    tool = np.array([0.6, 0.0, 0.22])
    below = np.array([0.6, 0.0, 0.075])
    assert world.put_tool(tool, 0.0, 0.085)
    middle = seen(world, "red", below)
    assert abs(middle[0] - 320) < 12 and 150 < middle[1] < 330
    # Right in the picture is the tool's y, which points to the base's right; up is its x.
    aside, ahead = seen(world, "red", below + [0, -0.04, 0]), seen(world, "red", below + [0.04, 0, 0])
    assert aside[0] > middle[0] + 60 and ahead[1] < middle[1] - 60
    assert world.put_tool(tool, 0.8, 0.085)
    turned = seen(world, "red", below)
    np.testing.assert_allclose(turned, middle, atol=25)
    shifted = seen(world, "red", below, Conditions(camera_shift_m={"wrist": np.array([0.01, 0.0, 0.0])}))
    assert shifted[0] < turned[0] - 15


def test_its_pictures_are_cut_and_made_as_small_as_the_model_sees_them(world):
    full = world.film("wrist/pixels")
    assert world.render("wrist/pixels").shape == (128, 128, 3)
    np.testing.assert_array_equal(full[::4, ::4].repeat(4, 0).repeat(4, 1), full)


def changed(tmp_path, **camera):
    path = tmp_path / "arm.yaml"
    cameras = {"wrist": {"frame": "wrist_camera", "fovy_deg": 42.0, **camera}}
    extra = {"extends": "ur5e_rgb_stacking", "name": "arm", "schema": 2, "simulation": {"cameras": cameras}}
    path.write_text(yaml.safe_dump(extra))
    return load_embodiment(path)


def test_a_camera_that_cannot_be_simulated_is_refused(tmp_path):
    with pytest.raises(SetupError, match="did you mean 'wrist_camera'"):
        changed(tmp_path, frame="wrist_kamera")
    with pytest.raises(SetupError, match="640x480 is a multiple"):
        StackingWorld(changed(tmp_path, rendered=[200, 150]))
