"""Shapes written in jaxtyping are checked in these tests; on the robot they are only read."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

CHECKED = [
    "attention",
    "embedding",
    "gato",
    "generation",
    "layers",
    "loss",
    "mixed_sequence",
    "network",
    "patches",
    "positions",
    "serving.kv_cache_attention",
    "serving.streaming",
    "table",
    "transformer",
]
with install_import_hook([f"gato_ros.models.{name}" for name in CHECKED], "beartype.beartype"):
    import gato_ros.models.generation
    import gato_ros.models.serving.policy  # noqa: F401  (imports every room of the model)

from gato_ros.embodiments import Embodiment, load_embodiment  # noqa: E402
from gato_ros.models.layout import token_layout  # noqa: E402
from gato_ros.models.presets import PRESETS  # noqa: E402


@pytest.fixture(scope="session")
def embodiment() -> Embodiment:
    return load_embodiment()


@pytest.fixture(scope="session")
def fresh():
    """A function (config, layout, seed, noise) -> parameters, compiled: op by op the start takes seconds.

    `noise` moves every parameter, for biases and position vectors that start at zero hide faults in their use.
    """

    @partial(jax.jit, static_argnums=(0, 1, 2, 3))
    def make(config, layout, seed=0, noise=0.0):
        params = gato_ros.models.gato.init(jax.random.key(seed), config, layout)
        return jax.tree.map(lambda x: x + noise * jax.random.normal(jax.random.key(seed + 1), x.shape), params)

    return make


@pytest.fixture(scope="session")
def observations(embodiment):
    """A function (keys, leading axes, seed) -> values within the contract's ranges."""

    def draw(keys, lead=(), seed=0):
        rng, values = np.random.default_rng(seed), {}
        for key in keys:
            channel = embodiment.channel(key)
            shape = (*lead, *channel.shape)
            if channel.kind == "image":
                values[key] = rng.integers(0, 256, shape, dtype=np.uint8)
            elif channel.kind == "discrete":
                values[key] = rng.integers(0, channel.values, shape).astype(np.float32)
            else:
                values[key] = rng.uniform(channel.lower, channel.upper, shape).astype(np.float32)
        return values

    return draw


@pytest.fixture(scope="session")
def small_vocabulary(tmp_path_factory):
    """A SentencePiece model of our own: 256 bytes and a few English pieces, with SentencePiece's own normalisation."""
    from sentencepiece import SentencePieceTrainer

    from gato_ros.models.vocabulary import load_vocabulary

    path = tmp_path_factory.mktemp("vocabulary") / "small.model"
    sentences = [
        "which of the objects is left, the red or the blue one",
        "where is red, left or right, and which one is on the blue one",
    ]
    with open(path, "wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter(sentences * 20),
            model_writer=file,
            vocab_size=320,
            model_type="bpe",
            byte_fallback=True,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    return load_vocabulary(path)


@pytest.fixture(scope="session")
def text_config(small_vocabulary):
    """The debug model with patches of 16 pixels and rows for the small vocabulary."""
    return replace(
        PRESETS["debug"], context_tokens=100, patch_size=16, text_rows=320, vocabulary=small_vocabulary.digest
    )


@pytest.fixture(scope="session")
def text_params(embodiment, fresh, text_config):
    """Random weights of `text_config`."""
    return fresh(text_config, token_layout(embodiment.spec, text_config), 0, 0.1)
