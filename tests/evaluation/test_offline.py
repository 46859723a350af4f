"""`evaluate --offline`: errors against recorded actions, beside guesses, with the memory of what was carried out."""

import json

import jax
import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.prompt import Prompt
from gato_ros.data.episodes.episode import read_episode
from gato_ros.data.exports.value_names import ACTION_NAMES
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.settings import Evaluation
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import init
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.weights import save_weights
from tests.data.recordings import ROBOT, write


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A streaming model that knows nothing, with a wide last layer so that its actions differ."""
    folder, config = tmp_path_factory.mktemp("weights"), PRESETS["debug"]
    params = init(jax.random.key(0), config, token_layout(ROBOT.spec, config))
    noise = np.random.default_rng(0)
    params = jax.tree.map(lambda x: x + 0.2 * noise.normal(size=x.shape).astype(np.float32), params)
    save_weights(folder, params, config, ROBOT, {"training": {"prompt_share": 0.25}})
    return folder


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    wave = lambda step: ArmAction(np.array([0.01 * (step % 5), -0.02, 0, 0.1 * (step % 2)]), 0.04)  # noqa: E731
    return [write(folder, "a", range(6), action=wave), write(folder, "b", range(4), action=wave)]


def seen(policy, episode, row):
    return Observation({key: episode.values[key][row] for key in policy.observation_keys})


def test_errors_are_those_of_the_policy_and_of_the_guesses(weights, recorded, tmp_path):
    folder = recorded[0].parent
    found = evaluate_policy(Evaluation(policy=str(weights), offline=folder, quiet=True, compilation_cache="off"))
    policy, rows = GatoPolicy.from_directory(weights, ROBOT), []
    for episode in map(read_episode, recorded):
        policy.reset()
        for step in range(len(episode.steps)):
            action = policy.judge(seen(policy, episode, step), episode.executed[step]).action.as_vector()
            if step:
                rows.append((episode.actions[step], action, episode.actions[step - 1]))
    truth, chosen, before = map(np.array, zip(*rows))
    assert (found["episodes"], found["steps"]) == (2, 8)
    assert list(found["dimensions"]) == list(ACTION_NAMES)
    for place, errors in enumerate(found["dimensions"].values()):
        for name, guess in (("policy", chosen), ("mean", truth.mean(0)), ("repeat", before)):
            assert errors[name] == pytest.approx(np.abs(guess - truth).mean(0)[place], rel=1e-5, abs=1e-9)
    assert found["weights_sha256"] == policy.info.digest and 0 <= found["better_than_mean"] <= 1


def test_what_is_remembered_is_what_was_carried_out(weights, recorded):
    """After k steps it decides as after a prompt of these k steps: the executed actions, not its own."""
    episode, policy = read_episode(recorded[0]), GatoPolicy.from_directory(weights, ROBOT)
    policy.reset()
    judged = [policy.judge(seen(policy, episode, row), episode.executed[row]) for row in range(3)]
    observations = tuple(seen(policy, episode, row) for row in range(2))
    actions = tuple(ArmAction.from_vector(episode.executed[row]) for row in range(2))
    policy.reset(Prompt(observations, actions))
    after_prompt = policy.act(seen(policy, episode, 2))
    np.testing.assert_array_equal(judged[2].trace.ids, after_prompt.trace.ids)
    np.testing.assert_allclose(judged[2].trace.entropy_nat, after_prompt.trace.entropy_nat, rtol=1e-4)
    policy.reset()
    for row in range(3):
        own = policy.act(seen(policy, episode, row))
    assert not np.allclose(judged[2].trace.entropy_nat, own.trace.entropy_nat, rtol=1e-3)


def test_what_cannot_be_measured_is_refused_in_one_line(weights, recorded, tmp_path):
    def refused(**options):
        with pytest.raises(SetupError) as error:
            evaluate_policy(
                Evaluation(**{"policy": str(weights), "quiet": True, "compilation_cache": "off", **options})
            )
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "got none" in refused(offline=tmp_path)
    assert "expert" in refused(policy="expert", offline=recorded[0].parent)
    write(tmp_path, "blind", range(5), rendered=lambda step: False)
    assert "basket_front_left/pixels" in refused(offline=tmp_path)


def test_the_verb_writes_json(weights, recorded, tmp_path):
    from gato_ros.cli import main

    arguments = ["evaluate", "--policy", str(weights), "--offline", str(recorded[0].parent), "--quiet"]
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--json", str(tmp_path / "x.json")])
    assert json.loads((tmp_path / "x.json").read_text())["steps"] == 8
