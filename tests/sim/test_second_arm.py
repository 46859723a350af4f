"""The world and its expert with an arm that they were not made for."""

import numpy as np
import pytest
import yaml

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.sim import world
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.snapshot import snapshots
from gato_ros.sim.world import StackingWorld

PANDA = load_embodiment("panda_rgb_stacking")


@pytest.fixture(scope="module")
def env():
    env = RgbStackingEnv(
        "cubes",
        observation_keys=("gripper/opening", "gripper/grasp", "panda/pinch/pose"),
        privileged=PRIVILEGED_KEYS,
        embodiment=PANDA,
    )
    yield env
    env.close()


def test_the_expert_stacks_with_it(env):
    expert = StackingExpert(PANDA)
    assert "panda/pinch/pose" in expert.observation_keys
    assert sum(run_episode(env, expert, 700_000 + k).success for k in range(4)) >= 3


def test_situations_are_arranged_for_it(env):
    expert = StackingExpert(PANDA)
    wide = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS, embodiment=PANDA)
    steps = [step for seed in range(3) for step in snapshots(wide, expert, seed, 6)]
    wide.close()
    assert len(steps) >= 8
    assert all(set(PANDA.image_keys) <= set(step.observation.values) for step in steps)


def test_its_fingers_travel_press_and_weigh_what_they_hold(env):
    env.reset(seed=1)
    env.world.put_tool(np.array([0.6, 0.0, 0.08]), 0.0, PANDA.gripper.stroke_m)
    for place, colour in enumerate(("red", "green", "blue")):
        env.world.put_prop(colour, np.array([0.6, 0.08 * place, 0.075]), np.array([0.0, 0.0, 0.0, 1.0]))
    assert env.world.gripper_opening_m == pytest.approx(0.08)
    for _ in range(20):
        env.step(np.array([0, 0, 0, 0, 0.0]))
    # The cube is 50 mm wide, and the solver keeps a millimetre on either side.
    assert env.world.gripper_opening_m == pytest.approx(0.051, abs=0.0015)
    assert PANDA.gripper.grasp_threshold_n < env.world.gripper_effort_n < 3 * PANDA.gripper.force_n
    for _ in range(25):
        env.step(np.array([0, 0, 0, 0, PANDA.gripper.stroke_m]))
    assert env.world.gripper_opening_m == pytest.approx(0.08, abs=0.002)


def changed(tmp_path, **sections):
    path = tmp_path / "arm.yaml"
    path.write_text(yaml.safe_dump({"extends": "panda_rgb_stacking", "name": "arm", **sections}))
    return load_embodiment(path)


def test_what_cannot_be_simulated_is_refused_in_words(tmp_path, monkeypatch):
    with pytest.raises(SetupError, match="section `simulation`"):
        StackingWorld(changed(tmp_path, simulation=None))
    camera = {"kind": "image", "topic": "c", "frame_id": "c", "height": 128, "width": 128, "max_age_s": 0.1}
    with pytest.raises(SetupError, match="did you mean 'basket_back_left'"):
        StackingWorld(changed(tmp_path, observations={"basket_left/pixels": camera}))
    monkeypatch.setattr(world, "MOST_DRAWS", 3)
    far = changed(tmp_path, arm={"position_overrides_rad": {"panda_joint4": [-0.2, -0.1]}})
    with pytest.raises(SetupError, match="gato_ros contract"):
        StackingWorld(far).reset(np.random.default_rng(0))
    aside = changed(
        tmp_path, limits={"workspace_lower_m": [0.475, 0.3, 0.0603], "workspace_upper_m": [0.725, 0.5, 0.2698]}
    )
    with pytest.raises(SetupError, match="over the basket"):
        StackingWorld(aside).reset(np.random.default_rng(0))
