"""Attention in blocks of queries gives what attention in one piece gives, and the same gradients."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gato_ros.models.modules import attention
from gato_ros.models.modules.positions import distance_codes
from gato_ros.models.presets import PRESETS

LENGTH = attention.LONG + 37


@pytest.mark.parametrize("positions", ["relative", "none"])
def test_blocks_give_what_one_piece_gives(positions, monkeypatch):
    config = dataclasses.replace(PRESETS["debug"], step_attention="causal", attention_positions=positions)
    graph, state = nnx.split(attention.Attention(config))
    leaves, tree = jax.tree.flatten(state)
    rng = np.random.default_rng(0)
    state = jax.tree.unflatten(tree, [jnp.array(rng.normal(size=leaf.shape) / 4, jnp.float32) for leaf in leaves])
    x = jnp.array(rng.normal(size=(2, LENGTH, config.width)), jnp.float32)
    piece = np.sort(rng.integers(0, 3, (2, 1, LENGTH)))
    mask = np.tri(LENGTH, dtype=bool) & (piece[..., None] == piece[..., None, :])

    def run(state, x):
        out = nnx.merge(graph, state)(x, mask, distance_codes(config, LENGTH), LENGTH)
        return (out**2).sum(), out

    def both(long):
        monkeypatch.setattr(attention, "LONG", long)
        return jax.value_and_grad(run, argnums=(0, 1), has_aux=True)(state, x)

    (_, blocks), gradients = both(LENGTH - 1)
    (_, whole), expected = both(LENGTH)
    assert np.abs(np.asarray(whole)).max() > 0.1
    np.testing.assert_allclose(blocks, whole, atol=1e-5)

    def close(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())

    jax.tree.map(close, gradients, expected)


def test_only_causal_sequences_without_a_kernel_of_their_own_are_split():
    def splits(preset="debug", outputs=LENGTH, **changes):
        config = dataclasses.replace(PRESETS[preset], **changes)
        return attention.Attention(config)._in_blocks(outputs, LENGTH)

    assert splits()
    assert not splits(outputs=6) and not splits(attention="fused")
    assert not splits("debug_one_pass")  # its tokens see later ones
