"""What decays, over the parameters of a model with relative attention."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from gato_ros.embodiments import load_embodiment
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.training.optimiser import optimiser
from gato_ros.training.sequence_config import SequenceConfig

TABLES = ("table", "local_position", "patch_row", "patch_column")
BIASES = ("bias", "content_bias", "position_bias", "scale", "action_position")


@pytest.fixture(scope="module")
def decayed() -> dict[str, bool]:
    """By name, whether a step with no gradient makes the numbers smaller."""
    model = replace(PRESETS["sawyer_streaming"], action_positions="shared")
    shapes = parameter_shapes(model, token_layout(load_embodiment().spec, model))
    ones, zeros = (
        jax.tree.map(lambda one, number=number: number(one.shape, np.float32), shapes) for number in (np.ones, np.zeros)
    )
    adam = optimiser(SequenceConfig(learning_rate=1.0))
    updates, _ = jax.jit(lambda: adam.update(zeros, adam.init(ones), ones))()
    return {name: bool((one < 0).all()) for name, one in flatten_dict(updates, sep="/").items()}


def test_no_bias_and_no_norm_decays(decayed):
    found = {name: shrinks for name, shrinks in decayed.items() if name.split("/")[-1] in BIASES}
    assert {name.split("/")[-1] for name in found} == set(BIASES)
    assert not any(found.values()), found


def test_all_other_arrays_decay(decayed):
    others = {name: shrinks for name, shrinks in decayed.items() if name.split("/")[-1] not in BIASES}
    assert set(TABLES) < set(others) and all(others.values()), others
