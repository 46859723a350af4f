"""Every Policy keeps the seam's promises, on observations of its own making or of the simulator's."""

import jax
import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.policy import HoldPolicy, Policy, ReplayPolicy
from gato_ros.domains.robot_presets import ROBOT_PRESETS
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.privileged import contract_for
from gato_ros.evaluation.privileged_policy import PrivilegedPolicy
from gato_ros.models.gato import init
from gato_ros.models.layout import token_layout
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.sim.env import RgbStackingEnv
from gato_ros.sim.expert import StackingExpert

TICKS = 6


@pytest.fixture(scope="module")
def embodiment():
    return load_embodiment()


@pytest.fixture(scope="module")
def observations(embodiment):
    """A few ticks of a simulated episode with everything any policy may ask for."""
    environment = RgbStackingEnv(
        "triplet1",
        privileged=tuple(key for key in StackingExpert().observation_keys if key.startswith(PRIVILEGED_PREFIX)),
    )
    environment.reset(seed=3)
    seen = []
    for tick in range(TICKS):
        seen.append(environment.observe())
        environment.step_action(ArmAction(np.array([0.05, 0.02, -0.03, 0.1 * tick]), 0.085))
    environment.close()
    return seen


def gato(preset, embodiment):
    config = ROBOT_PRESETS[preset]
    return GatoPolicy(init(jax.random.key(0), config, token_layout(embodiment.spec, config)), config, embodiment)


def fed_with_ground_truth(preset, embodiment):
    extended = contract_for(embodiment, ROBOT_PRESETS[preset].observation_keys)
    return PrivilegedPolicy(gato(preset, extended), StackingExpert(embodiment))


MAKERS = {
    "hold": lambda embodiment: HoldPolicy(),
    "replay": lambda embodiment: ReplayPolicy(
        [ArmAction(np.array([0.01, 0, 0, 0]), 0.0), ArmAction(np.zeros(4), 0.085)]
    ),
    "expert": StackingExpert,
    "gato, a window of steps": lambda embodiment: gato("debug", embodiment),
    "gato, one step": lambda embodiment: gato("debug_one_pass", embodiment),
    "gato, fed poses": lambda embodiment: fed_with_ground_truth("sawyer_state", embodiment),
    "gato, fed poses and the expert's plan": lambda embodiment: fed_with_ground_truth("sawyer_plan", embodiment),
}


@pytest.fixture(scope="module", params=MAKERS)
def policy(request, embodiment):
    return MAKERS[request.param](embodiment)


def narrowed(observation, keys):
    """What an evaluation shows: the keys that the policy names and nothing else."""
    return Observation(
        {key: observation.values[key] for key in keys if not key.startswith(PRIVILEGED_PREFIX)},
        observation.stamp_s,
        {key: observation.privileged[key] for key in keys if key.startswith(PRIVILEGED_PREFIX)},
    )


def play(policy, observations):
    policy.reset()
    return np.array([policy.act(narrowed(one, policy.observation_keys)).action.as_vector() for one in observations])


def test_it_is_a_policy(policy):
    assert isinstance(policy, Policy)


def test_it_names_keys_that_exist(policy, embodiment):
    plain = [key for key in policy.observation_keys if not key.startswith(PRIVILEGED_PREFIX)]
    assert all(embodiment.channel(key) for key in plain)
    assert len(set(policy.observation_keys)) == len(policy.observation_keys)


def test_its_actions_are_finite_and_within_the_contract(policy, observations, embodiment):
    actions = play(policy, observations)
    assert actions.shape == (TICKS, 5) and np.isfinite(actions).all()
    assert (actions >= embodiment.action_lower - 1e-6).all() and (actions <= embodiment.action_upper + 1e-6).all()


def test_a_reset_brings_back_the_same_episode(policy, observations):
    first = play(policy, observations)
    np.testing.assert_array_equal(play(policy, observations), first)


def test_it_leaves_the_observation_as_it_was(policy, observations):
    before = [
        {
            **{key: value.copy() for key, value in one.values.items()},
            **{key: value.copy() for key, value in one.privileged.items()},
        }
        for one in observations
    ]
    play(policy, observations)
    for copy, one in zip(before, observations):
        for key, value in {**one.values, **one.privileged}.items():
            np.testing.assert_array_equal(value, copy[key], err_msg=key)


def test_earlier_actions_do_not_change_later(policy, observations):
    policy.reset()
    first = policy.act(narrowed(observations[0], policy.observation_keys)).action
    kept = first.as_vector().copy()
    for one in observations[1:]:
        policy.act(narrowed(one, policy.observation_keys))
    np.testing.assert_array_equal(first.as_vector(), kept)
