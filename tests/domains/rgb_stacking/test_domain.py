"""The robot's cell as a domain among others."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.policy import RandomPolicy
from gato_ros.domains.registry import load_domain, tasks_of
from gato_ros.domains.rgb_stacking.domain import DOMAIN


@pytest.fixture(scope="module")
def environment():
    made = DOMAIN.environment("blue_on_green")
    yield made
    made.close()


def test_its_tasks_are_cubes_triplets_and_another_order():
    assert load_domain("rgb_stacking") is DOMAIN
    assert tasks_of(DOMAIN, "all") == ("cubes", *(f"triplet{i}" for i in range(1, 6)), "blue_on_green")
    with pytest.raises(SetupError, match="did you mean 'triplet"):
        DOMAIN.contract("triplet")


def test_the_task_is_told_in_words(environment):
    environment.reset(seed=1)
    DOMAIN.show(environment, ("task/text", "gripper/opening"))
    values = environment.observe().values
    assert set(values) == {"task/text", "gripper/opening"}
    words = bytes(values["task/text"].astype(np.uint8)).rstrip(b"\0").decode()
    assert "blue" in words and "green" in words and "red" not in words


def test_expert_and_random_play_act_in_it(environment):
    environment.reset(seed=2)
    for policy in (DOMAIN.expert("blue_on_green", environment), RandomPolicy(DOMAIN.contract("cubes").spec.actions, 2)):
        DOMAIN.show(environment, policy.observation_keys)
        policy.reset()
        _, terminated, truncated, info = environment.step_action(policy.act(environment.observe()).action)
        assert not terminated and not truncated and info["success"] is False
