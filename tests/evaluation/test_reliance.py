"""`study reliance`: what is exchanged moves the action, what is equal in both episodes does not."""

import json

import jax
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data.exports.value_names import ACTION_NAMES
from gato_ros.evaluation.studies.reliance import Reliance, study_reliance
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import init
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import save_weights
from tests.data.recordings import ROBOT, write


def random_weights(folder, preset):
    config = PRESETS[preset]
    params = init(jax.random.key(0), config, token_layout(ROBOT.spec, config))
    noise = np.random.default_rng(0)
    params = jax.tree.map(lambda x: x + 0.2 * noise.normal(size=x.shape).astype(np.float32), params)
    save_weights(folder, params, config, ROBOT, {})
    return folder


@pytest.fixture(scope="module")
def streaming(tmp_path_factory):
    return random_weights(tmp_path_factory.mktemp("streaming"), "debug")


def grey(step, values):
    for key in ROBOT.image_keys:
        values[key] = np.full_like(values[key], 90)


def study(policy, data, **options):
    return study_reliance(Reliance(policy=str(policy), data=data, samples=6, **options))


def test_what_is_equal_in_both_episodes_moves_nothing_and_the_rest_does(streaming, tmp_path):
    for name, steps in (("a", range(7)), ("b", range(20, 29))):
        write(tmp_path, name, steps, change=grey)
    found = study(streaming, tmp_path)
    conditions = found["conditions"]
    assert list(conditions) == ["none", "pictures", "sensors", "past_pictures", "past_actions"]
    for name in ("none", "pictures", "past_pictures"):
        assert conditions[name]["nat"] == pytest.approx(0, abs=1e-6) and not any(conditions[name]["change"].values())
        assert conditions[name]["error"] == conditions["none"]["error"]
    for name in ("sensors", "past_actions"):
        assert conditions[name]["nat"] > 1e-3, name
    assert list(conditions["none"]["error"]) == list(ACTION_NAMES)
    assert found["episodes"] == 2 and found["reach_steps"] > 1
    assert study(streaming, tmp_path)["conditions"] == conditions  # by the seed


def test_pictures_move_the_action_of_weights_without_a_memory_and_no_past_is_shown(tmp_path):
    weights = random_weights(tmp_path / "weights", "debug_one_pass")
    for name, steps in (("a", range(5)), ("b", range(30, 36))):
        write(tmp_path / "data", name, steps)
    conditions = study(weights, tmp_path / "data")["conditions"]
    assert list(conditions) == ["none", "pictures", "sensors"]
    assert conditions["pictures"]["nat"] > 1e-3 and conditions["none"]["share_of_range"]["change"] == 0


def test_what_cannot_be_exchanged_is_refused_in_one_line(streaming, tmp_path):
    def refused(policy=streaming, **options):
        with pytest.raises(SetupError) as error:
            study(policy, tmp_path, **options)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "got 0" in refused()
    write(tmp_path, "a", range(4))
    assert "two episodes or more" in refused()
    write(tmp_path, "b", range(4), rendered=lambda step: step != 2)
    assert "pictures at 3 of 4 steps" in refused()
    assert "weights" in refused("expert")


def test_the_verb_prints_a_table_and_writes_json(streaming, tmp_path, capsys):
    from gato_ros.cli import main

    for name in ("a", "b"):
        write(tmp_path, name, range(4))
    file = tmp_path / "found.json"
    with pytest.raises(SystemExit, match="0"):
        main(
            ["study", "reliance", "--policy", str(streaming), "--data", str(tmp_path), "--samples", "2"]
            + ["--json", str(file)]
        )
    assert json.loads(file.read_text())["samples"] == 2
    assert "past_actions" in capsys.readouterr().out
