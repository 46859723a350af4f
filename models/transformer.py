# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""The decoder: pre-norm, GEGLU, Transformer-XL relative attention (Gato section 2.3, App. C.1; Dai et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.embedding import layer_norm, product
from gato_ros.models.parameters import Parameters
from gato_ros.models.serving.precision import half_einsum

MASKED = -1e30


def attention_mask(config: GatoConfig, length: int) -> Bool[np.ndarray, "length length"]:
    """True where a query (row) sees a key (column): causal and within the window, or the whole step."""
    if config.step_attention == "full":
        return np.ones((length, length), bool)
    distance = np.arange(length)[:, None] - np.arange(length)[None]
    return (distance >= 0) & (distance < (config.context_tokens or length))


def decoder(
    params: Parameters,
    config: GatoConfig,
    x: Float[Array, "batch length width"],
    *,
    outputs: int | None = None,
    rng: Array | None = None,
    pieces: Int[Array, "batch length"] | None = None,
) -> tuple[Float[Array, "batch outputs width"], Float[Array, "batch length width"] | None]:
    """Features of the last `outputs` tokens (all by default), normed; and the stream after `auxiliary_early_layer`.

    `rng` is given while training and switches dropout and stochastic depth on. `pieces` numbers what is packed into
    one sequence: no token sees another piece.
    """
    length = x.shape[1]
    mask = attention_mask(config, length)
    if pieces is not None:
        mask = mask & (pieces[:, None, :, None] == pieces[:, None, None, :])
    codes = distance_codes(config, length)
    early = None
    for i in range(config.layers):
        keep = outputs if i == config.layers - 1 else None
        layer_rng = None if rng is None else jax.random.fold_in(rng, i)

        def run(layer: Parameters, x: Array, layer_rng: Array | None, keep: int | None = keep) -> Array:
            return _layer(layer, config, x, mask, codes, keep, layer_rng)

        run = jax.checkpoint(run, policy=_what_is_kept()) if config.rematerialise else run
        x = run(params["layers"][f"{i:02d}"], x, layer_rng)
        if i + 1 == config.auxiliary_early_layer:
            early = x
    return layer_norm(params["final_norm"], x), early


def _what_is_kept() -> Callable[..., bool] | None:
    """Of a layer that is computed again in the backward pass. A GPU has the memory for the products with weights,
    which are most of the work; a CPU is quicker without what it would have to fetch."""
    on_gpu = jax.default_backend() == "gpu"
    return jax.checkpoint_policies.dots_with_no_batch_dims_saveable if on_gpu else None


def _layer(
    layer: Parameters,
    config: GatoConfig,
    x: Array,
    mask: Array,
    codes: np.ndarray | None,
    keep: int | None,
    rng: Array | None,
) -> Array:
    kept = x if keep is None else x[:, -keep:]
    normed = layer_norm(layer["norm_attention"], x)
    queries, keys, values = (split_heads(config, part) for part in projections(layer, config, normed))
    queries = queries[:, -kept.shape[1] :]
    position = None
    if codes is not None:
        relative = layer["position_keys"] if "position_keys" in layer else position_keys(layer, config, codes)
        position = lambda q: skew(position_scores(config, q, relative), kept.shape[1] - 1, x.shape[1])  # noqa: E731
    branch = attend(layer, config, queries, keys, values, mask[..., -kept.shape[1] :, :], position)
    kept = kept + _regularised(branch, config, rng, 0)
    return kept + _regularised(feed_forward(layer, config, kept), config, rng, 1)


def projections(layer: Parameters, config: GatoConfig, normed: Array) -> list[Float[Array, "... inner"]]:
    """Queries, keys, values."""
    if "query_key_value" in layer:
        return jnp.split(product(config, normed, layer["query_key_value"]), 3, -1)
    return [product(config, normed, layer[name]) for name in ("query", "key", "value")]


def position_keys(layer: Parameters, config: GatoConfig, codes: Any) -> Float[Array, "distances heads size"]:
    """What the queries meet of each distance."""
    return split_heads(config, product(config, codes, layer["relative"]))


def with_position_keys(params: Parameters, config: GatoConfig, length: int) -> Parameters:
    """The parameters with every layer's `position_keys` of a fixed length: they depend on the weights only."""
    codes = distance_codes(config, length)
    if codes is None:
        return params

    def of_layer(layer: Parameters) -> Parameters:
        known = jax.jit(position_keys, static_argnums=1)(layer, config, codes).astype(config.compute)
        return {**{name: value for name, value in layer.items() if name != "relative"}, "position_keys": known}

    return {**params, "layers": {name: of_layer(layer) for name, layer in params["layers"].items()}}


def attend(
    layer: Parameters,
    config: GatoConfig,
    queries: Float[Array, "batch length heads size"],
    keys: Float[Array, "batch memory heads size"],
    values: Float[Array, "batch memory heads size"],
    mask: Bool[Array, "length memory"] | Bool[Array, "batch 1 length memory"],
    position: Callable[[Array], Array] | None,
) -> Float[Array, "batch length width"]:
    """Masked multi-head attention and its output matrix.

    `position` maps position-biased queries to the relative scores [batch heads length memory]; None without them.
    """
    content = queries if position is None else queries + layer["content_bias"]
    scores = None if position is None else position(queries + layer["position_bias"])
    mixed = (fused if config.attention == "fused" else _plain)(config, content, keys, values, mask, scores)
    return product(config, mixed.reshape(*mixed.shape[:2], -1), layer["output"])


def _plain(config: GatoConfig, queries: Array, keys: Array, values: Array, mask: Any, added: Array | None) -> Array:
    scores = einsum(config, "bqhs,bkhs->bhqk", queries, keys)
    if added is not None:
        scores = scores + added
    weights = jax.nn.softmax(jnp.where(mask, scores * config.head_size**-0.5, MASKED), -1)
    return einsum(config, "bhqk,bkhs->bqhs", weights, values)


def fused(
    config: GatoConfig, queries: Array, keys: Array, values: Array, mask: Any, added: Array | None
) -> Float[Array, "batch length heads size"]:
    """Attention by the backend's own kernel; shapes as for `attend`, `added` to the scores before they are scaled."""
    on_gpu = jax.default_backend() == "gpu"
    dtype, scale = jnp.bfloat16 if on_gpu else jnp.dtype(config.compute), config.head_size**-0.5
    bias = None if added is None else (added * scale).astype(dtype)
    mask = jnp.reshape(mask, (1,) * (4 - np.ndim(mask)) + np.shape(mask))
    mixed = jax.nn.dot_product_attention(
        queries.astype(dtype),
        keys.astype(dtype),
        values.astype(dtype),
        bias,
        mask,
        scale=scale,
        implementation="cudnn" if on_gpu else "xla",
    )
    return mixed.astype(jnp.float32)


def feed_forward(
    layer: Parameters, config: GatoConfig, x: Float[Array, "*batch length width"]
) -> Float[Array, "*batch length width"]:
    """GEGLU: half of the first product gates the other half."""
    normed = layer_norm(layer["norm_feed_forward"], x)
    gate, value = jnp.split(product(config, normed, layer["feed_forward_in"]), 2, -1)
    return product(config, jax.nn.gelu(gate) * value, layer["feed_forward_out"])


def split_heads(config: GatoConfig, x: Array) -> Float[Array, "... heads size"]:
    return x.reshape(*x.shape[:-1], config.heads, config.head_size)


def distance_codes(config: GatoConfig, length: int) -> Float[np.ndarray, "distances width"] | None:
    """Sinusoids of the distances length-1 down to 0, and on to 1-length where a token sees later ones."""
    if config.attention_positions != "relative":
        return None
    last = -length if config.step_attention == "full" else -1
    return sinusoids(np.arange(length - 1, last, -1), config.width)


def sinusoids(positions: np.ndarray, width: int) -> Float[np.ndarray, "positions width"]:
    """[sin | cos] of the positions [tokens] at wavelengths from 2 pi to 20000 pi."""
    phase = positions[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(phase), np.cos(phase)], -1)[:, :width].astype(np.float32)


def position_scores(
    config: GatoConfig, queries: Float[Array, "batch length heads size"], relative: Float[Array, "distances heads size"]
) -> Float[Array, "batch heads length distances"]:
    if config.compute != "bfloat16":
        return einsum(config, "bqhs,dhs->bhqd", queries, relative)
    # One product for each sequence and head: of all sequences at once, a GPU would have to turn what comes out.
    each = jnp.broadcast_to(relative.swapaxes(0, 1), (queries.shape[0], *relative.swapaxes(0, 1).shape))
    scores = einsum(config, "bqhs,bhds->bhqd", queries, each)
    # Fused attention takes them in bfloat16 anyway: half as much to move on the way there.
    return scores.astype(jnp.bfloat16) if config.attention == "fused" else scores


def skew(
    x: Float[Array, "*batch length distances"], offset: int, columns: int
) -> Float[Array, "*batch length {columns}"]:
    """out[q, j] = x[q, j + offset - q], by padding and reshaping: no gather (Dai et al. 2019, App. B).

    Entries whose source lies outside the row are arbitrary and must be masked.
    """
    length, distances = x.shape[-2:]
    row = max(distances, columns + 1)
    flat = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, row - distances)]).reshape(*x.shape[:-2], length * row)
    missing = max(0, offset + length * (row - 1) - length * row)
    flat = jnp.pad(flat, [(0, 0)] * (flat.ndim - 1) + [(0, missing)])
    flat = flat[..., offset : offset + length * (row - 1)]
    return flat.reshape(*x.shape[:-2], length, row - 1)[..., :columns]


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


def einsum(config: GatoConfig, pattern: str, left: Array, right: Array) -> Float[Array, "..."]:
    """In the config's precision; float32 out."""
    if config.compute == "bfloat16":
        return half_einsum(pattern, left, right)
    dtype = config.compute
    return jnp.einsum(pattern, left.astype(dtype), right.astype(dtype), preferred_element_type=jnp.float32)
