"""The scripted experts lift and push what they are told to, with every arm of the cell."""

import numpy as np
import pytest

from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.sim.demonstration import Noise, demonstrate
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import PLAN_KEY, StackingExpert, expert_for
from gato_ros.sim.task import COLOURS, TASKS

IN_A_CORNER = 510_013
"""A start with green on the basket's slope in a corner."""


def make(robot, name):
    expert = expert_for(load_embodiment(robot), TASKS[name])
    keys = tuple(key for key in expert.observation_keys if key not in PRIVILEGED_KEYS)
    return RgbStackingEnv("cubes", keys, PRIVILEGED_KEYS, embodiment=load_embodiment(robot), wanted=TASKS[name]), expert


@pytest.mark.parametrize(
    ("robot", "name", "seed"),
    [
        ("sawyer_rgb_stacking", "lift_red", 510_000),
        ("sawyer_rgb_stacking", "push_red", 510_000),
        ("sawyer_rgb_stacking", "push_green", IN_A_CORNER),
        ("panda_rgb_stacking", "lift_blue", 510_000),
        ("panda_rgb_stacking", "push_blue", 510_000),
        ("ur5e_rgb_stacking", "lift_green", 510_000),
        ("ur5e_rgb_stacking", "push_green", 510_000),
        ("so101_rgb_stacking", "lift_red", 510_000),
        ("so101_rgb_stacking", "push_blue", 510_000),
    ],
)
def test_it_does_what_the_task_names(robot, name, seed):
    env, expert = make(robot, name)
    outcome = run_episode(env, expert, seed)
    assert outcome.success and outcome.progress == outcome.ending == TASKS[name].done
    start, now = env._attempt._start.centres, env.wanted.situation(env.world).centres
    away = {colour: np.linalg.norm(now[colour] - start[colour]) for colour in COLOURS}
    assert max(away, key=away.get) == TASKS[name].target
    env.close()


def test_what_lifts_green_fails_where_red_was_named():
    told, wanted = make("sawyer_rgb_stacking", "lift_green"), make("sawyer_rgb_stacking", "lift_red")
    expert, info = told[1], {"success": False}
    for env, _ in (told, wanted):
        env.start(510_007)
    while not info["success"]:
        action = expert.act(told[0].observe()).action
        *_, info = told[0].step_action(action)
        *_, other = wanted[0].step_action(action)
    assert (other["success"], other["failure"], other["progress"]) == (False, "wrong_object", "none")
    for env, _ in (told, wanted):
        env.close()


def test_a_demonstration_with_noise_ends_in_a_success_and_holds_the_plan():
    env, expert = make("sawyer_rgb_stacking", "lift_blue")
    steps = list(demonstrate(env, expert, expert, 510_003, Noise(clean_episodes=0.0), image_share=0.01))
    plans = [step.observation.privileged[PLAN_KEY][-1] for step in steps]
    assert env.succeeded and len(steps) > 50 and (plans[0], plans[-1]) == (1.0, 0.0)
    assert any(np.abs(step.label.twist - step.executed.values["twist"]).max() > 1e-3 for step in steps)
    env.close()


def test_the_wrist_says_to_which_side_a_push_goes():
    env, expert = make("sawyer_rgb_stacking", "push_red")
    env.start(510_000)
    left, right = (expert.place(env.observe(), yaw) for yaw in (0.5, -1.1))
    assert left[1] > 0.03 and right[1] < -0.03
    env.close()


def test_what_lies_at_its_place_is_gripped_for_the_other_side():
    env, expert = make("sawyer_rgb_stacking", "push_red")
    env.start(510_000)
    for side, yaw in ((1, 0.0), (-1, -np.pi / 2)):
        place = expert.place(env.observe(), yaw)
        env.world.put_prop("red", np.append(place, env.world.prop("red").position[2]), (0, 0, 0, 1))
        expert.reset()
        grasp = expert.plan(env.observe(), yaw)
        assert np.sign(expert.place(env.observe(), grasp.yaw_rad)[1]) == -side
    env.close()


def test_a_stacking_gets_the_stacker():
    assert type(expert_for(None, TASKS["red_on_green"])) is StackingExpert
