"""The expert stacks, and is a function of what it is shown."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.policy import HoldPolicy
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.sim.demonstration import SEGMENT_TICKS, Noise, demonstrate
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import PLAN_KEY, PLAN_NAMES, StackingExpert
from gato_ros.sim.snapshot import snapshots
from gato_ros.sim.task import STACKINGS, TASKS, StackTask, task_named


def make_env(objects, wanted=TASKS["red_on_blue"]):
    return RgbStackingEnv(
        objects, observation_keys=("gripper/opening", "sawyer/pinch/pose"), privileged=PRIVILEGED_KEYS, wanted=wanted
    )


@pytest.mark.parametrize(
    "task, objects, episodes, least",
    [
        ("red_on_blue", "cubes", 8, 7),
        ("red_on_blue", "triplet4", 5, 3),
        ("blue_on_green", "cubes", 5, 4),
        ("green_on_red", "cubes", 1, 1),
        ("blue_on_red", "cubes", 1, 1),
    ],
)
def test_expert_stacks(task, objects, episodes, least):
    env = make_env(objects, TASKS[task])
    expert = StackingExpert(task=TASKS[task])
    stacked = sum(run_episode(env, expert, 700_000 + k).success for k in range(episodes))
    env.close()
    assert stacked >= least


def test_another_object_is_a_failure_of_its_own():
    """What stacks blue on green, carried out where red on blue is wanted."""
    told, wanted = (make_env("cubes", TASKS[name]) for name in ("blue_on_green", "red_on_blue"))
    expert, info = StackingExpert(task=TASKS["blue_on_green"]), {"stacked": False}
    for env in (told, wanted):
        env.reset(seed=700_000)
    while not info["stacked"]:
        action = expert.act(told.observe()).action
        *_, info = told.step_action(action)
        *_, other = wanted.step_action(action)
    assert (other["failure"], other["success"]) == ("wrong_object", False)
    told.close()
    wanted.close()


def test_expert_has_no_memory():
    """The same observations in another order, with resets between, get the same actions."""
    env = make_env("cubes")
    expert = StackingExpert()
    env.reset(seed=700_000)
    seen = []
    for _ in range(120):
        observation = env.observe()
        action = expert.act(observation).action
        seen.append((observation, action))
        env.step_action(action)
    for index in np.random.default_rng(0).permutation(len(seen))[:40]:
        observation, action = seen[index]
        fresh = StackingExpert()
        np.testing.assert_allclose(fresh.act(observation).action.twist, action.twist, atol=0.02)
        assert fresh.act(observation).action.gripper_opening_m == action.gripper_opening_m
    env.close()


def test_an_object_that_is_flung_out_ends_a_demonstration():
    env = make_env("cubes")
    expert = StackingExpert()
    steps = demonstrate(env, expert, expert, 3, Noise(clean_episodes=1.0), image_share=0.01)
    next(steps)
    env.world._client.resetBaseVelocity(env.world._props["green"], (0.0, 0.0, 1e5), (0.0, 0.0, 0.0))
    assert len(list(steps)) < 10 and not env.succeeded
    again = demonstrate(env, expert, expert, 3, Noise(clean_episodes=1.0), image_share=0.01)
    assert len(list(again)) > 50 and env.succeeded
    env.close()


def test_noise_changes_what_is_executed_and_not_the_label():
    env = make_env("cubes")
    expert = StackingExpert()
    steps = list(demonstrate(env, expert, expert, 3, Noise(clean_episodes=0.0), image_share=0.01))
    assert any(np.abs(step.label.twist - step.executed.values["twist"]).max() > 1e-3 for step in steps)
    fresh = StackingExpert()
    for step in steps[::10]:
        np.testing.assert_allclose(fresh.act(step.observation).action.twist, step.label.twist, atol=0.02)
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


def test_a_task_names_its_third_prop_and_an_unknown_one_is_refused():
    assert StackTask("blue", "green").other == "red"
    assert len(STACKINGS) == 6 and all(task_named(name) == StackTask(*name.split("_on_")) for name in STACKINGS)
    with pytest.raises(SetupError, match="green_on_blue"):
        task_named("green_on_blu")


def test_the_plan_is_where_the_expert_goes():
    """From each tick of the approach the plan names the pose at which the fingers later close."""
    env = make_env("cubes")
    expert = StackingExpert()
    env.reset(seed=700_002)
    plans, closed_at = [], None
    while closed_at is None:
        observation = expert.with_plan(env.observe())
        plans.append(dict(zip(PLAN_NAMES, observation.privileged[PLAN_KEY])))
        action = expert.act(observation).action
        if action.gripper_opening_m == 0:
            closed_at = observation.values["sawyer/pinch/pose"][:3]
        env.step_action(action)
        assert len(plans) < 200
    first = plans[0]
    assert first["approaching"] == 1
    np.testing.assert_allclose([first[f"grasp_{axis}"] for axis in "xyz"], closed_at, atol=0.015)
    np.testing.assert_allclose(first["grasp_sin2"] ** 2 + first["grasp_cos2"] ** 2, 1, atol=1e-5)
    blue = env.world.prop("blue").position
    np.testing.assert_allclose(
        [first["place_x"], first["place_y"], first["place_z"]], [*blue[:2], blue[2] + 0.025], atol=0.008
    )  # a cube may lean on a slope
    assert "privileged/plan" not in env.observe().privileged
    env.close()


def test_expert_and_policy_take_turns_and_every_label_is_the_experts():
    env = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS, max_steps=120)
    expert, rewound = StackingExpert(), StackingExpert()
    steps = list(
        demonstrate(env, HoldPolicy(), expert, 3, Noise(clean_episodes=1.0), image_share=0.1, expert_share=0.5)
    )
    segments = [steps[start : start + SEGMENT_TICKS] for start in range(0, len(steps), SEGMENT_TICKS)]
    by_expert = [
        all(np.array_equal(step.executed.values["twist"], step.label.twist) for step in one) for one in segments
    ]
    held = [all(not step.executed.values["twist"].any() for step in one) for one in segments]
    assert any(by_expert) and any(held) and all(a or b for a, b in zip(by_expert, held, strict=True))
    for step in steps[::15]:
        np.testing.assert_allclose(rewound.act(step.observation).action.twist, step.label.twist, atol=0.02)
    pictured = [env.embodiment.image_keys[0] in step.observation.values for step in steps]
    assert 0 < sum(pictured) < len(steps)
    env.close()
