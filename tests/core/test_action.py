import pickle

import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.policy import RandomPolicy
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, StepSpec, TextSpec

TWIST = ContinuousSpec((-1.0,) * 4, (1.0,) * 4, ("1",) * 4)
ACTIONS = StepSpec.of({}, {"twist": TWIST, "grip": DiscreteSpec(3)}).actions


def test_values_by_key_become_a_vector_and_come_back():
    action = Action({"twist": np.arange(4), "grip": 2})
    assert action.as_vector().tolist() == [0, 1, 2, 3, 2]
    assert Action.of_vector(action.as_vector(), ACTIONS) == action
    assert pickle.loads(pickle.dumps(action)) == action
    assert action != Action({"grip": 2, "twist": np.arange(4)})  # the order is that of the vector


@pytest.mark.parametrize("vector", [np.zeros(4), np.zeros(6), np.zeros((1, 5))])
def test_a_vector_of_another_shape_is_refused(vector):
    with pytest.raises(ValueError, match="an action of twist, grip has 5 values"):
        Action.of_vector(vector, ACTIONS)


def test_a_vector_is_copied():
    vector = np.zeros(5)
    action = Action.of_vector(vector, ACTIONS)
    vector[:] = 1
    assert not action.as_vector().any()


def test_an_arms_action_is_twist_and_opening():
    arm = ArmAction(np.array([0.1, 0, 0, 0.2]), 0.04)
    plain = Action({"twist": arm.twist, "gripper": 0.04})
    assert ArmAction.of(arm) is arm and ArmAction.of(plain) == arm == ArmAction.from_vector(arm.as_vector())
    assert isinstance(arm.gripper_opening_m, float)
    with pytest.raises(ValueError, match="a twist of 4 values and a gripper opening"):
        ArmAction.of(Action({"joints": np.zeros(7)}))
    with pytest.raises(ValueError, match="5 values"):
        ArmAction.from_vector(np.zeros(6))


def test_random_actions_fill_what_the_spec_allows():
    policy = RandomPolicy(ACTIONS, seed=3)
    drawn = np.array([policy.act(None).action.as_vector() for _ in range(300)])
    assert set(drawn[:, 4]) == {0, 1, 2} and (np.abs(drawn[:, :4]) <= 1).all() and drawn[:, :4].std(0).min() > 0.5
    first = [policy.act(None).action for _ in range(3) if policy.reset() is None]
    assert first[0] != first[1]
    with pytest.raises(ValueError, match="words is text"):
        RandomPolicy(StepSpec.of({}, {"words": TextSpec(8, 2)}).actions)
