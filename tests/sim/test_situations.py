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

ROOMY, CROWDED = 410_003, 410_005
"""Starts where blue can be pushed, and where it is gripped and drawn for want of room behind it."""


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


def test_a_push_is_shown_behind_the_prop_and_with_it_on_its_way():
    env, expert = make("push_blue")
    env.start(ROOMY)
    start = env.world.prop("blue").position[:2]
    steps = list(snapshots(env, expert, ROOMY, 30))
    gone = [np.hypot(*(step.observation.privileged["privileged/blue/pose"][:2] - start)) for step in steps]
    closed = [step.observation.values["gripper/opening"][0] < 0.01 for step in steps]
    assert len(steps) > 15
    assert sum(way > 0.01 for way in gone) >= 3 and max(gone) < 0.2 and sum(closed) >= 5
    for step in steps:
        plan = plan_of(step)
        assert plan["approaching"] == 1.0 and plan["place_x"] == 0.0
        blue = step.observation.privileged["privileged/blue/pose"]
        assert np.hypot(plan["grasp_x"] - blue[0], plan["grasp_y"] - blue[1]) < 0.12
    env.close()


def test_without_room_behind_it_a_prop_is_shown_to_be_gripped():
    env, expert = make("push_blue")
    env.start(CROWDED)
    assert expert.push(env.observe()) is None
    steps = list(snapshots(env, expert, CROWDED, 40))
    assert len(steps) > 10 and any(gripped(steps))
    for step in (step for step, held in zip(steps, gripped(steps)) if held):
        assert plan_of(step)["approaching"] == 0.0 and np.abs(step.label.twist[:2]).max() > 0.01
    env.close()


def test_a_task_without_a_base_has_no_target_of_a_place():
    for name, of_place in (("lift_green", 0.0), ("red_on_blue", 1.0)):
        env, expert = make(name)
        (step, *_) = snapshots(env, expert, ROOMY, 1)
        truth = {key: np.asarray(value)[None] for key, value in step.observation.privileged.items()}
        _, weight = auxiliary_targets(truth, object_faces())
        assert set(weight[0, -len(PLACE) :]) == {of_place}
        assert set(weight[0, NAMES.index(GRASP[0]) : -len(PLACE)]) == {1.0}
        env.close()
