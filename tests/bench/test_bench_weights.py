import json

import jax
import numpy as np
import pytest

from gato_ros.cli import main
from gato_ros.embodiments import load_embodiment
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import save_weights

ROBOT = load_embodiment("sawyer_rgb_stacking_told")


def saved(folder, robot=ROBOT):
    config, rng = PRESETS["debug"], np.random.default_rng(0)
    shapes = parameter_shapes(config, token_layout(ROBOT.spec, config))
    params = jax.tree.map(lambda leaf: 0.1 * rng.standard_normal(leaf.shape, np.float32), shapes)
    save_weights(folder, params, config, robot)
    return folder


def bench(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "weights", *map(str, arguments)])
    return ended.value.code


def test_each_robot_of_the_weights_has_its_step(tmp_path):
    weights = saved(tmp_path / "weights")
    assert bench("--policy", weights, "--steps", 5, "--json", tmp_path / "steps.json") == 0
    result = json.loads((tmp_path / "steps.json").read_text())
    (row,) = result["steps"].values()
    assert list(result["steps"]) == [ROBOT.name] and not result["left_out"] and row["remembers"]
    assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["worst_ms"] and row["compile_s"] > 0


def test_what_is_not_known_here_is_named(tmp_path, capsys):
    weights = saved(tmp_path / "weights", ROBOT.model_copy(update={"name": "somewhere_else"}))
    assert bench("--policy", weights, "--steps", 5) == 2
    assert "somewhere_else" in capsys.readouterr().err


def test_a_policy_that_is_not_there_is_refused(capsys):
    assert bench("--policy", "gato_generalits") == 2
    assert "gato_generalist" in capsys.readouterr().err
