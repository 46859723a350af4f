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


def test_a_cold_and_a_warm_start_are_measured_in_processes_of_their_own(tmp_path):
    config, robot, rng = PRESETS["debug_one_pass"], load_embodiment(), np.random.default_rng(0)
    shapes = parameter_shapes(config, token_layout(robot.spec, config))
    params = jax.tree.map(lambda leaf: 0.1 * rng.standard_normal(leaf.shape, np.float32), shapes)
    save_weights(tmp_path / "weights", params, config, robot)
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "bench",
                "start",
                "--policy",
                str(tmp_path / "weights"),
                "--starts",
                "1",
                "--json",
                str(tmp_path / "start.json"),
            ]
        )
    assert ended.value.code == 0
    seconds = json.loads((tmp_path / "start.json").read_text())["seconds"]
    for rows in seconds.values():
        (row,) = rows
        phases = [row[name] for name in ("imports", "weights", "warm_up", "first_action")]
        assert min(phases) > 0 and sum(phases) < row["total"]
