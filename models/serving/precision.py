# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""The precision a trained model serves in: a choice of the machine it runs on, not of the weights.

| name | weights | products | keys, values | attention | for |
|---|---|---|---|---|---|
| float32 | float32 | float32 | float32 | float32 | the reference |
| bfloat16 | bfloat16 | bfloat16 | bfloat16 | bfloat16 | a GPU |
| bfloat16_weights | bfloat16 | bfloat16 | float32 | as mixed | a CPU: half the bytes per decode |
| mixed | both | bfloat16 in the prefill, float32 in the decodes | float32 | as its products | a CPU |
| int8 | int8 with a scale per column | bfloat16 | bfloat16 | bfloat16 | a GPU bound by memory; on a CPU no gain |

Sums are float32 everywhere, and so are norms, softmax and positions.
"""

from __future__ import annotations

import typing
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from gato_ros.core.errors import unknown_name
from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig

Precision = Literal["float32", "bfloat16", "bfloat16_weights", "mixed", "int8"]
PRECISIONS: tuple[str, ...] = typing.get_args(Precision)

LAYER_MATRICES = ("query", "key", "value", "output", "relative", "feed_forward_in", "feed_forward_out")
LEAST_ROWS = 4
"""A bfloat16 product of fewer rows runs at about 1 GB/s on a CPU, a tenth of what it does with four."""
LEAST_BLOCK = 2**19
"""Bytes of a column block, which a core reads in about 40 us: some times what it takes to wake another one."""


class Quantised(NamedTuple):
    """A matrix in eight bits."""

    values: Array
    """[inputs outputs] int8."""
    scale: Array
    """[outputs] float32: what one unit of the column is worth."""


class OutputsFirst(NamedTuple):
    """A matrix as a GPU reads it best when a single row is multiplied: what makes one output lies together."""

    values: Array
    """[outputs inputs], bfloat16 or int8."""
    scale: Array | None = None
    """[outputs] float32 of int8."""


class ColumnBlocks(NamedTuple):
    """A matrix as a CPU of several cores multiplies a single row with it."""

    blocks: tuple[Array, ...]
    """Each [inputs columns] float32."""

    @property
    def dtype(self) -> Any:
        return self.blocks[0].dtype


def serving(params: dict[str, Any], config: GatoConfig, precision: str) -> tuple[dict[str, Any], GatoConfig]:
    """Parameters and configuration of the same model in `precision`; arrays that do not change are shared.

    A model that decodes in one pass has no decodes: there `mixed` is `bfloat16_weights`.

    Raises:
        SetupError: no such precision.
    """
    if precision not in PRECISIONS:
        raise unknown_name("a precision", precision, PRECISIONS)
    if precision == "float32":
        return params, replace(config, compute="float32")
    if precision == "mixed" and config.action_decoding == "autoregressive":
        prefill = {"layers": halved(params["layers"])}
        return {**params, "prefill": prefill}, replace(config, compute="float32")
    if precision in ("mixed", "bfloat16_weights"):
        return halved(params), replace(config, compute="float32")
    half = halved(params, convolutions=True)
    if precision == "int8":
        layers = {
            name: {
                key: quantised(params["layers"][name][key]) if key in LAYER_MATRICES else value
                for key, value in layer.items()
            }
            for name, layer in half["layers"].items()
        }
        half = {**half, "layers": layers}
    return half, replace(config, compute="bfloat16")


def halved(params: dict[str, Any], convolutions: bool = False) -> dict[str, Any]:
    """The tree with its matrices in bfloat16; what is added or normed stays float32."""

    def leaf(path: tuple, value: Any) -> Any:
        matrix = path[-1].key in (*LAYER_MATRICES, "kernel", "table")
        return value.astype(jnp.bfloat16) if matrix and (value.ndim == 2 or convolutions) else value

    return jax.tree_util.tree_map_with_path(leaf, params)


def on_gpu(params: dict[str, Any]) -> dict[str, Any]:
    """The same weights as a GPU serves them: queries, keys and values as one matrix, and all matrices outputs first.

    A control step has hundreds of small products, and each kernel has its price; and of a matrix with its inputs
    first XLA makes one row's product by writing all the terms of the sum to memory (docs/benchmarks/speed.md).
    """

    def turned(kernel: Any) -> OutputsFirst:
        values, scale = (kernel.values, kernel.scale) if isinstance(kernel, Quantised) else (kernel, None)
        return OutputsFirst(values.T, scale)

    def of_layer(layer: dict[str, Any]) -> dict[str, Any]:
        layer = {name: turned(value) if name in LAYER_MATRICES else value for name, value in layer.items()}
        three = [layer.pop(name) for name in ("query", "key", "value")]
        return {**layer, "query_key_value": jax.tree.map(lambda *parts: jnp.concatenate(parts), *three)}

    return {**params, "layers": {name: of_layer(layer) for name, layer in params["layers"].items()}}


def on_cpu(params: dict[str, Any], cores: int) -> dict[str, Any]:
    """The same weights as a CPU of so many cores decodes with them: large float32 matrices in blocks of columns.

    A product of one row is one kernel on one core, whatever its size; but XLA runs products at the same time that do
    not depend on each other.
    """

    def of_section(section: dict[str, Any]) -> dict[str, Any]:
        multiplied = (*LAYER_MATRICES, "head")
        return {
            name: column_blocks(value, cores) if name in multiplied and name != "relative" else value
            for name, value in section.items()
        }

    layers = {name: of_section(layer) for name, layer in params["layers"].items()}
    return {**of_section(params), "layers": layers}


def column_blocks(kernel: Any, count: int) -> Any:
    """The kernel in at most `count` blocks; itself where it is small or not float32."""
    if isinstance(kernel, tuple) or kernel.dtype != jnp.float32:
        return kernel
    count = min(count, kernel.nbytes // LEAST_BLOCK)
    return ColumnBlocks(tuple(jnp.array_split(kernel, count, 1))) if count > 1 else kernel


def quantised(matrix: Float[Array, "inputs outputs"]) -> Quantised:
    """The nearest multiples of a 127th of each column's largest magnitude."""
    scale = jnp.maximum(jnp.abs(matrix).max(0), 1e-30) / 127.0
    return Quantised(jnp.round(matrix / scale).astype(jnp.int8), scale)


def multiply(rows: Float[Array, "rows inputs"], kernel: Any, compute: str) -> Float[Array, "rows outputs"]:
    """rows @ kernel; float32 out. Weights that are stored in bfloat16 are multiplied in it, whatever `compute` is."""
    if isinstance(kernel, OutputsFirst):
        return _outputs_first(rows, kernel, compute)
    if isinstance(kernel, ColumnBlocks):
        return jnp.concatenate([multiply(rows, block, compute) for block in kernel.blocks], -1)
    if isinstance(kernel, Quantised):
        return _matmul(rows.astype(compute), kernel.values.astype(compute)) * kernel.scale
    if kernel.dtype == jnp.bfloat16 or compute == "bfloat16":
        return half_einsum("ri,io->ro", rows, kernel)
    return _matmul(rows.astype(compute), kernel.astype(compute))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def half_einsum(pattern: str, left: Array, right: Array) -> Float[Array, "..."]:
    """An einsum of two in bfloat16 with float32 sums, and so are its gradients.

    JAX's own would multiply the float32 gradient of what comes out: at half the rate on a GPU, and with the matrices
    turned in memory first. Every index of one side must be in the other or in what comes out.
    """
    return _half(pattern, left, right)


def _half(pattern: str, left: Array, right: Array) -> Array:
    left, right = left.astype(jnp.bfloat16), right.astype(jnp.bfloat16)
    if pattern == "ri,io->ro":
        return _matmul(left, right)
    return jnp.einsum(pattern, left, right, preferred_element_type=jnp.float32)


def _half_forward(pattern: str, left: Array, right: Array) -> tuple[Array, tuple]:
    kinds = [jnp.zeros(0, side.dtype) for side in (left, right)]
    return _half(pattern, left, right), (left.astype(jnp.bfloat16), right.astype(jnp.bfloat16), kinds)


def _half_backward(pattern: str, saved: tuple, gradient: Array) -> tuple[Array, Array]:
    (left, right, kinds), (inputs, out) = saved, pattern.split("->")
    first, second = inputs.split(",")
    # XLA has no such products for a CPU: there the gradients are float32 ones of the same numbers.
    dtype = jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
    left, right, gradient = (one.astype(dtype) for one in (left, right, gradient))
    to_left = jnp.einsum(f"{out},{second}->{first}", gradient, right, preferred_element_type=jnp.float32)
    to_right = jnp.einsum(f"{first},{out}->{second}", left, gradient, preferred_element_type=jnp.float32)
    return to_left.astype(kinds[0].dtype), to_right.astype(kinds[1].dtype)


half_einsum.defvjp(_half_forward, _half_backward)


def _outputs_first(rows: Array, kernel: OutputsFirst, compute: str) -> Array:
    if rows.shape[0] == 1:  # a sum over what lies together, not a product: XLA reads it at the memory's rate
        y = jnp.sum(kernel.values.astype(jnp.float32) * rows.astype(compute).astype(jnp.float32), -1)[None]
    else:
        y = jax.lax.dot_general(
            rows.astype(compute),
            kernel.values.astype(compute),
            (((1,), (1,)), ((), ())),
            preferred_element_type=jnp.float32,
        )
    return y if kernel.scale is None else y * kernel.scale


def least_rows(compute: Any) -> int:
    """Fewer rows than these are no quicker in a product of this precision."""
    return LEAST_ROWS if jnp.dtype(compute) == jnp.bfloat16 and jax.default_backend() == "cpu" else 1


def _matmul(rows: Array, kernel: Array) -> Array:
    count = rows.shape[0]
    missing = least_rows(rows.dtype) - count
    if missing > 0:
        rows = jnp.pad(rows, ((0, missing), (0, 0)))
    return jnp.matmul(rows, kernel, preferred_element_type=jnp.float32)[:count]
