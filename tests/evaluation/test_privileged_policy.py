"""Weights that read ground truth: refused by the plain contract, played by `make_policy` in the simulator."""

import jax
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.domains.robot_presets import ROBOT_PRESETS
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.privileged import contract_for, privileged_values
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.evaluation.policy_source import make_environment, make_policy
from gato_ros.models.gato import init
from gato_ros.models.layout import token_layout
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.weights import save_weights
from gato_ros.sim.expert import StackingExpert

CONTROLS = ("sawyer_state", "sawyer_plan")


@pytest.fixture(scope="module", params=CONTROLS)
def saved(request, tmp_path_factory):
    config, folder = ROBOT_PRESETS[request.param], tmp_path_factory.mktemp(request.param)
    embodiment = contract_for(load_embodiment(), config.observation_keys)
    params = init(jax.random.key(0), config, token_layout(embodiment.spec, config))
    assert "stem" not in params and "patch_row" not in params
    save_weights(folder, params, config, embodiment)
    return folder, config, embodiment


def test_a_robot_refuses_weights_that_read_ground_truth(saved):
    with pytest.raises(SetupError, match="privileged/blue/cube_pose"):
        GatoPolicy.from_directory(saved[0], load_embodiment())


def test_the_environment_shows_what_the_policy_reads_and_renders_nothing(saved):
    folder, config, extended = saved
    plain = load_embodiment()
    policy = make_policy(str(folder), plain)
    environment = make_environment("cubes", policy, plain)
    try:
        environment.reset(seed=4)
        policy.reset()
        observation = environment.observe()
        assert not any(value.dtype == np.uint8 for value in observation.values.values())
        inner = GatoPolicy.from_directory(folder, extended)
        planned = (
            StackingExpert(plain).with_plan(observation)
            if "privileged/plan" in config.observation_keys
            else observation
        )
        values = {**observation.values, **privileged_values(config.observation_keys, planned.privileged)}
        expected = inner.act(Observation(values)).action.as_vector()
        np.testing.assert_array_equal(policy.act(observation).action.as_vector(), expected)
        environment.max_steps = 3
        outcome = run_episode(environment, policy, 4)
        assert outcome.steps == 3
    finally:
        environment.close()
