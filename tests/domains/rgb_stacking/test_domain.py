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


def test_lifts_and_pushes_count_only_where_they_are_named():
    assert tasks_of(DOMAIN, "lift_red,push_blue") == ("lift_red", "push_blue")
    assert not [task for task in (*tasks_of(DOMAIN, "all"), *tasks_of(DOMAIN, "panda/all")) if "lift" in task]
    told = {"embodiment": "sawyer_rgb_stacking_told", "objects": "cubes", "task": "push_green"}
    assert DOMAIN.collected_as("push_green") == told
    with pytest.raises(SetupError, match="a task of rgb_stacking"):
        DOMAIN.contract("panda/lift_red")


@pytest.mark.parametrize("task", ["lift_green", "push_blue"])
def test_a_lift_and_a_push_are_played_like_any_other_task(task):
    environment = DOMAIN.environment(task)
    expert = DOMAIN.expert(task, environment)
    DOMAIN.show(environment, (*expert.observation_keys, "task/text"))
    environment.reset(seed=1)
    expert.reset()
    words = bytes(environment.observe().values["task/text"].astype(np.uint8)).rstrip(b"\0").decode()
    assert set(task.split("_")) <= set(words.split())
    assert environment.step_action(expert.act(environment.observe()).action)[3]["success"] is False
    environment.close()


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
