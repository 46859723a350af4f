"""The expert stacks, and is a function of what it is shown."""

import numpy as np
import pytest

from gato_ros.sim.demonstration import Noise, demonstrate
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.snapshot import snapshots
from gato_ros.training.evaluation import run_episode


def make_env(objects):
    return RgbStackingEnv(
        objects, observation_keys=("gripper/opening", "sawyer/pinch/pose"), privileged=PRIVILEGED_KEYS
    )


@pytest.mark.parametrize("objects, episodes, least", [("cubes", 8, 7), ("triplet4", 5, 3)])
def test_expert_stacks(objects, episodes, least):
    env = make_env(objects)
    expert = StackingExpert()
    stacked = sum(run_episode(env, expert, 700_000 + k).success for k in range(episodes))
    env.close()
    assert stacked >= least


def test_expert_has_no_memory():
    """The same observations in another order, with resets between, get the same actions."""
    env = make_env("cubes")
    expert = StackingExpert()
    env.reset(seed=700_000)
    seen = []
    for _ in range(120):
        observation = env.observe()
        action = expert.act(observation)
        seen.append((observation, action))
        env.step_action(action)
    for index in np.random.default_rng(0).permutation(len(seen))[:40]:
        observation, action = seen[index]
        fresh = StackingExpert()
        np.testing.assert_allclose(fresh.act(observation).twist, action.twist, atol=0.02)
        assert fresh.act(observation).gripper_opening_m == action.gripper_opening_m
    env.close()


def test_noise_changes_what_is_executed_and_not_the_label():
    env = make_env("cubes")
    expert = StackingExpert()
    steps = list(demonstrate(env, expert, expert, 3, Noise(clean_episodes=0.0), image_share=0.01))
    assert any(np.abs(step.label.twist - step.executed.twist).max() > 1e-3 for step in steps)
    fresh = StackingExpert()
    for step in steps[::10]:
        np.testing.assert_allclose(fresh.act(step.observation).twist, step.label.twist, atol=0.02)
    env.close()


def test_snapshots_are_labelled_and_diverse():
    env = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS)
    expert = StackingExpert()
    steps = [step for seed in range(6) for step in snapshots(env, expert, seed, 6)]
    assert len(steps) >= 20
    closes = [step.label.gripper_opening_m == 0 for step in steps]
    assert any(closes) and not all(closes)
    for step in steps:
        assert np.isfinite(step.label.as_vector()).all()
        assert np.all(step.label.twist <= env.embodiment.action_upper[:4] + 1e-9)
    env.close()
