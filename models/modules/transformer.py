# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""The decoder: pre-norm blocks of relative attention and GEGLU (Gato section 2.3, App. C.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.modules.attention import Attention
from gato_ros.models.modules.layers import LayerNorm, Linear
from gato_ros.models.modules.positions import distance_codes


def attention_mask(config: GatoConfig, length: int) -> Bool[np.ndarray, "length length"]:
    """True where a query (row) sees a key (column): causal and within the window, or the whole step."""
    if config.step_attention == "full":
        return np.ones((length, length), bool)
    distance = np.arange(length)[:, None] - np.arange(length)[None]
    return (distance >= 0) & (distance < (config.context_tokens or length))


class GEGLU(nnx.Module):
    """Half of the first product gates the other half."""

    def __init__(self, config: GatoConfig):
        self.expand = Linear(config, config.width, config.feed_forward)
        self.contract = Linear(config, config.feed_forward // 2, config.width, (2 * config.layers) ** -0.5)

    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        gate, value = jnp.split(self.expand(x), 2, -1)
        return self.contract(jax.nn.gelu(gate) * value)


class Block(nnx.Module):
    """Attention and GEGLU, each behind a norm and beside the stream."""

    def __init__(self, config: GatoConfig):
        self.config = config
        self.norm_attention = LayerNorm(config.width)
        self.attention = Attention(config)
        self.norm_feed_forward = LayerNorm(config.width)
        self.feed_forward = GEGLU(config)

    def __call__(
        self,
        x: Float[Array, "batch length width"],
        mask: Array,
        codes: np.ndarray | None,
        outputs: int | None = None,
        rng: Array | None = None,
    ) -> Float[Array, "batch outputs width"]:
        kept = x if outputs is None else x[:, -outputs:]
        branch = self.attention(self.norm_attention(x), mask, codes, kept.shape[1])
        kept = kept + _regularised(branch, self.config, rng, 0)
        return kept + _regularised(self.feed_forward(self.norm_feed_forward(kept)), self.config, rng, 1)


class Blocks(nnx.Module):
    """The blocks by number. (nnx.List would do, but flax 0.11 has none.)"""

    def __init__(self, config: GatoConfig):
        self.count = config.layers
        for i in range(config.layers):
            setattr(self, f"{i:02d}", Block(config))

    def __iter__(self) -> Iterator[Block]:
        return (getattr(self, f"{i:02d}") for i in range(self.count))


class Transformer(nnx.Module):
    """The stack of blocks and the last norm."""

    def __init__(self, config: GatoConfig):
        self.config = config
        self.layers = Blocks(config)
        self.final_norm = LayerNorm(config.width)

    def __call__(
        self,
        x: Float[Array, "batch length width"],
        *,
        outputs: int | None = None,
        rng: Array | None = None,
        pieces: Int[Array, "batch length"] | None = None,
    ) -> tuple[Float[Array, "batch outputs width"], Float[Array, "batch length width"] | None]:
        """Features of the last `outputs` tokens (all by default), normed; and the stream after
        `auxiliary_early_layer`.

        `rng` is given while training and switches dropout and stochastic depth on. `pieces` numbers what is packed
        into one sequence: no token sees another piece.
        """
        config, length, early = self.config, x.shape[1], None
        mask, codes = attention_mask(config, length), distance_codes(config, length)
        if pieces is not None:
            mask = mask & (pieces[:, None, :, None] == pieces[:, None, None, :])
        for i, block in enumerate(self.layers):
            keep = outputs if i == config.layers - 1 else None
            layer_rng = None if rng is None else jax.random.fold_in(rng, i)
            run = _computed_again(block) if config.rematerialise else block
            x = run(x, mask, codes, keep, layer_rng)
            if i + 1 == config.auxiliary_early_layer:
                early = x
        return self.final_norm(x), early


def _computed_again(block: Block) -> Callable[..., Array]:
    """The block, computed again in the backward pass instead of kept.

    A GPU has the memory for the products with weights, which are most of the work; a CPU is quicker without what it
    would have to fetch.
    """
    on_gpu = jax.default_backend() == "gpu"
    policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable if on_gpu else None
    graph, state = nnx.split(block)

    def run(x: Array, mask: Array, codes: np.ndarray | None, outputs: int | None, rng: Array | None) -> Array:
        once = lambda state, x, rng: nnx.merge(graph, state)(x, mask, codes, outputs, rng)  # noqa: E731
        return jax.checkpoint(once, policy=policy)(state, x, rng)

    return run


def _regularised(branch: Array, config: GatoConfig, rng: Array | None, index: int) -> Array:
    """Dropout on a sub-layer's output, and the whole sub-layer dropped for some sequences."""
    if rng is None or not (config.dropout or config.stochastic_depth):
        return branch
    first, second = jax.random.split(jax.random.fold_in(rng, index))
    if config.dropout:
        keep = 1.0 - config.dropout
        branch = branch * jax.random.bernoulli(first, keep, branch.shape) / keep
    if config.stochastic_depth:
        keep = 1.0 - config.stochastic_depth
        branch = branch * jax.random.bernoulli(second, keep, (branch.shape[0], 1, 1)) / keep
    return branch
