"""A Gato on a server: its tokens, its memory and its choices are those that it has here."""

import jax
import numpy as np
import pytest

from gato_ros.core.observation import Observation
from gato_ros.domains.robot_presets import ROBOT_PRESETS
from gato_ros.models.gato import init
from gato_ros.models.layout import token_layout
from gato_ros.models.serving.policy import GatoPolicy
from tests.remote.conftest import PATIENT_S, ROBOT


def gato():
    config = ROBOT_PRESETS["debug"]
    made = GatoPolicy(
        init(jax.random.key(0), config, token_layout(ROBOT.spec, config)), config, ROBOT, digest="ab" * 32
    )
    made.warm_up()
    return made


def test_it_decides_as_it_does_here_step_after_step(serve, connect):
    rng, here = np.random.default_rng(0), gato()
    remote = connect(serve(gato()), limit_s=3 * PATIENT_S)
    assert here.info.remembers and remote.observation_keys == here.observation_keys
    here.reset()
    for step in range(3):
        values = {
            key: rng.integers(0, 256, ROBOT.channel(key).shape, np.uint8)
            if ROBOT.channel(key).kind == "image"
            else np.zeros(ROBOT.channel(key).shape, np.float32)
            for key in here.observation_keys
        }
        seen = Observation(values, 0.05 * step)
        mine, theirs = here.act(seen), remote.act(seen)
        assert theirs.action == mine.action
        np.testing.assert_array_equal(theirs.trace.ids, mine.trace.ids)
        assert theirs.trace.context_tokens == mine.trace.context_tokens
        assert theirs.trace.tokens.patches_crc32 == mine.trace.tokens.patches_crc32
        assert theirs.trace.tokens.ids.tolist() == mine.trace.tokens.ids.tolist()
    values[here.observation_keys[-1]] = np.full_like(values[here.observation_keys[-1]], np.nan, np.float32)
    with pytest.raises(RuntimeError, match="NonFiniteError"):
        remote.act(Observation(values, 1.0))
