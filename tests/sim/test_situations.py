"""Snapshots of every kind of task show what its episodes show, labelled and with the expert's plan."""

import numpy as np
import pytest

from gato_ros.domains.rgb_stacking.auxiliary import GRASP, NAMES, PLACE, auxiliary_targets
from gato_ros.embodiments import load_embodiment
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import PLAN_KEY, PLAN_NAMES, expert_for
from gato_ros.sim.grasp import object_faces
from gato_ros.sim.ground_truth import CONTACTS_KEY
from gato_ros.sim.situations import situations_of
from gato_ros.sim.snapshot import snapshots
from gato_ros.sim.task import TASKS

START = 410_003


def make(name, robot="sawyer_rgb_stacking"):
    robot = load_embodiment(robot)
    keys = tuple(key for key in expert_for(robot, TASKS[name]).observation_keys if key not in PRIVILEGED_KEYS)
    env = RgbStackingEnv("cubes", keys, PRIVILEGED_KEYS, embodiment=robot, wanted=TASKS[name])
    return env, expert_for(robot, TASKS[name])


def gripped(steps):
    """Whether both fingers touch the prop, of each step."""
    return [bool(step.observation.privileged[CONTACTS_KEY][:2].all()) for step in steps]


def plan_of(step):
    return dict(zip(PLAN_NAMES, step.observation.privileged[PLAN_KEY]))


@pytest.mark.parametrize("name", ["red_on_blue", "lift_green", "push_blue"])
def test_the_shares_of_a_tasks_situations_are_all_there_is(name):
    assert sum(one.share for one in situations_of(TASKS[name]).values()) == pytest.approx(1.0)


@pytest.mark.parametrize("robot", ["sawyer_rgb_stacking", "so101_rgb_stacking"])
def test_a_lift_is_shown_on_its_way_and_in_the_air(robot):
    env, expert = make("lift_green", robot)
    steps = [step for seed in range(410_000, 410_006) for step in snapshots(env, expert, seed, 5)]
    held = gripped(steps)
    assert len(steps) > 25 and 0.05 < np.mean(held) < 0.5
    for step, is_held in zip(steps, held):
        plan = plan_of(step)
        assert plan["approaching"] != is_held and plan["place_x"] == plan["underside_z"] == 0.0
        green = step.observation.privileged["privileged/green/pose"]
        if plan["approaching"]:
            assert np.abs([plan[f"grasp_{axis}"] - at for axis, at in zip("xyz", green)]).max() < 0.05
        else:
            assert plan["grasp_x"] == 0.0
    env.close()


def test_a_push_is_shown_between_the_fingers_low_above_the_floor_and_at_its_place():
    env, expert = make("push_blue")
    steps = [step for seed in range(410_000, 410_012) for step in snapshots(env, expert, seed, 8)]
    slid = let_go = 0
    for step, held in zip(steps, gripped(steps)):
        plan, blue = plan_of(step), step.observation.privileged["privileged/blue/pose"]
        assert plan["approaching"] != held
        apart = np.hypot(plan["place_x"] - blue[0], plan["place_y"] - blue[1])
        if held and apart > 0.02:  # it slides there, or past another prop
            speed = float(np.hypot(*step.label.twist[:2]))
            assert 0.02 < speed < 0.1 and step.label.gripper_opening_m == 0.0
            slid += 1
        elif apart < 0.008 and held:
            assert step.label.gripper_opening_m > 0.08 and not step.label.twist.any()
            let_go += 1
    assert len(steps) > 60 and slid > 8 and let_go > 0
    env.close()


def test_a_task_without_a_base_has_no_target_of_a_place():
    for name, of_place in (("lift_green", 0.0), ("red_on_blue", 1.0)):
        env, expert = make(name)
        (step, *_) = snapshots(env, expert, START, 1)
        truth = {key: np.asarray(value)[None] for key, value in step.observation.privileged.items()}
        _, weight = auxiliary_targets(truth, object_faces())
        assert set(weight[0, -len(PLACE) :]) == {of_place}
        assert set(weight[0, NAMES.index(GRASP[0]) : -len(PLACE)]) == {1.0}
        env.close()
