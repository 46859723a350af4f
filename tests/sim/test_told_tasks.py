"""What the robot can be told to do with one prop: lift it, or push it aside."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.ground_truth import CONTACTS_KEY
from gato_ros.sim.task import COLOURS, STACKINGS, TASKS, stacking_only, task_named

OTHERS = [name for name in TASKS if name not in STACKINGS]


def test_there_are_a_lift_and_a_push_of_every_colour():
    assert sorted(OTHERS) == sorted(f"{verb}_{colour}" for verb in ("lift", "push") for colour in COLOURS)
    for name in OTHERS:
        verb, colour = name.split("_")
        assert TASKS[name].target == colour and set(TASKS[name].others) == set(COLOURS) - {colour}
        assert TASKS[name].text.split()[0] == verb and [c for c in COLOURS if c in TASKS[name].text] == [colour]


def test_a_text_of_its_own_fits_into_every_told_contract():
    from gato_ros.models.vocabulary import load_vocabulary

    room = load_embodiment("sawyer_rgb_stacking_told").observations["task/text"]
    vocabulary = load_vocabulary()
    assert len({task.text for task in TASKS.values()}) == len(TASKS)
    for task in TASKS.values():
        assert len(task.text.encode()) <= room.size_bytes and len(vocabulary.encode(task.text)) <= room.tokens


@pytest.mark.parametrize("name", ["lift_green", "push_green"])
def test_the_environment_watches_the_prop_that_is_named(name):
    env = RgbStackingEnv("cubes", observation_keys=(), privileged=PRIVILEGED_KEYS, wanted=task_named(name))
    _, info = env.reset(seed=510_000)
    assert info["stages"] == task_named(name).attempt.stages[1:] and info["stacked"] is False
    world, green = env.world, env.world.prop("green")
    np.testing.assert_array_equal(env.observe().privileged[CONTACTS_KEY], [0, 0, 0, 1])
    far = world.prop("red").position + [0, 0, 0.06]
    world.put_prop("green", far, green.quat_xyzw)
    assert env.wanted.situation(world).centres["green"] == pytest.approx(far)
    env.close()


def test_what_knows_stackings_alone_refuses_a_lift():
    assert stacking_only(TASKS["blue_on_red"], "a test") is TASKS["blue_on_red"]
    with pytest.raises(SetupError, match=r"expected a stacking for a test: one of red_on_blue.*lift the red object"):
        stacking_only(TASKS["lift_red"], "a test")
