# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""The small layers as Flax NNX modules: products, norms, convolutions, and the arrays that they learn."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.serving.precision import OutputsFirst, Quantised, half_einsum, multiply

NORM_EPSILON = 1e-5


class Start(NamedTuple):
    """How one array starts: normal numbers of a scale, or all one value."""

    shape: tuple[int, ...]
    scale: float = 0.0
    value: float = 0.0


class Weight(nnx.Param):
    """One learned array: only a shape until `state.merge` puts an array in, or a matrix in fewer bits."""

    @property
    def array(self) -> Any:
        # flax 0.11 has no get_raw_value, 0.12 warns of raw_value; [...] would fail on a matrix in eight bits.
        return self.get_raw_value() if hasattr(self, "get_raw_value") else self.raw_value


def weight(*shape: int, scale: float = 0.0, value: float = 0.0) -> Weight:
    return Weight(jax.ShapeDtypeStruct(shape, jnp.float32), start=Start(shape, scale, value))


def matrix(inputs: int, outputs: int, gain: float = 1.0) -> Weight:
    return weight(inputs, outputs, scale=gain * inputs**-0.5)


class Linear(nnx.Module):
    """x @ kernel + bias in the config's precision; float32 out."""

    def __init__(self, config: GatoConfig, inputs: int, outputs: int, gain: float = 1.0, bias: bool = False):
        self.config = config
        self.kernel = matrix(inputs, outputs, gain)
        self.bias = weight(outputs) if bias else None

    def __call__(self, x: Array) -> Float[Array, "..."]:
        y = product(self.config, x, self.kernel.array)
        return y if self.bias is None else y + self.bias.array


class LayerNorm(nnx.Module):
    """Normalises over the last axis."""

    def __init__(self, width: int):
        self.scale, self.bias = weight(width, value=1.0), weight(width)

    def __call__(self, x: Array) -> Float[Array, "..."]:
        mean = x.mean(-1, keepdims=True)
        variance = jnp.square(x - mean).mean(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + NORM_EPSILON) * self.scale.array + self.bias.array


class GroupNorm(nnx.Module):
    """Normalises [batch height width channels] over space and the channels of each group."""

    def __init__(self, channels: int, groups: int):
        self.groups = groups
        self.scale, self.bias = weight(channels, value=1.0), weight(channels)

    def __call__(self, x: Array) -> Float[Array, "..."]:
        def mean(y: Array) -> Array:
            # Over space first: a CPU takes three times as long for a mean over both ends of the shape at once.
            by_group = y.mean((-3, -2), keepdims=True).reshape(*y.shape[:-3], 1, 1, self.groups, -1).mean(-1)
            return jnp.repeat(by_group, y.shape[-1] // self.groups, -1)

        centred = x - mean(x)
        normal = centred * jax.lax.rsqrt(mean(jnp.square(centred)) + NORM_EPSILON)
        return normal * self.scale.array + self.bias.array


class Convolution(nnx.Module):
    """A square kernel over [batch height width channels], in the config's precision; float32 out."""

    def __init__(self, config: GatoConfig, kernel: int, inputs: int, outputs: int, stride: int = 1, gain: float = 1.4):
        self.config, self.stride = config, stride
        self.kernel = weight(kernel, kernel, inputs, outputs, scale=gain * (kernel * kernel * inputs) ** -0.5)
        self.bias = weight(outputs)

    def __call__(self, x: Array, padding: tuple[int, int]) -> Float[Array, "..."]:
        one, kernel = (jnp.asarray(part).astype(self.config.compute) for part in (x, self.kernel.array))
        return jnp.asarray(convolved(one, kernel, self.stride, padding), jnp.float32) + self.bias.array


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolved(x: Any, kernel: Any, stride: int, padding: tuple[int, int]) -> Any:
    """A `Convolution` without its bias, whose gradient a CPU computes by products of matrices.

    XLA has no fast gradients of convolutions on a CPU. What deploys, the pass without a gradient, is XLA's everywhere.
    """
    return _by_xla(x, kernel, stride, padding)


def _by_xla(x: Any, kernel: Any, stride: int, padding: tuple[int, int]) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), [padding, padding], dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _windows(x: Any, size: int, stride: int, padding: tuple[int, int]) -> Array:
    """What each place of the kernel sees: [batch rows columns size * size * channels]."""
    x = jnp.pad(x, [(0, 0), padding, padding, (0, 0)])
    rows, columns = (1 + (length - size) // stride * stride for length in x.shape[1:3])
    places = [(top, left) for top in range(size) for left in range(size)]
    return jnp.concatenate([x[:, i : i + rows : stride, j : j + columns : stride] for i, j in places], -1)


def _learned(x: Any, kernel: Any, stride: int, padding: tuple[int, int]) -> tuple[Array, tuple[Any, Any, Any]]:
    if jax.default_backend() != "cpu":
        return _by_xla(x, kernel, stride, padding), (x, kernel, None)
    windows = _windows(x, len(kernel), stride, padding)
    flat = windows.reshape(-1, windows.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(*windows.shape[:3], -1), (x, kernel, windows)


def _gradients(stride: int, padding: tuple[int, int], kept: tuple[Any, Any, Any], of_y: Any) -> tuple[Array, Array]:
    x, kernel, windows = kept
    if windows is None:
        return jax.vjp(lambda x, kernel: _by_xla(x, kernel, stride, padding), x, kernel)[1](of_y)
    flat = of_y.reshape(-1, of_y.shape[-1])
    of_kernel = windows.reshape(len(flat), -1).T @ flat
    of_windows = (flat @ kernel.reshape(-1, kernel.shape[-1]).T).reshape(windows.shape)
    seen = jax.linear_transpose(lambda x: _windows(x, len(kernel), stride, padding), x)
    return seen(of_windows)[0], of_kernel.reshape(kernel.shape)


convolved.defvjp(_learned, _gradients)


def product(config: GatoConfig, x: Array, kernel: Array | Quantised | OutputsFirst) -> Float[Array, "..."]:
    """x @ kernel in the precision of the config, or of the kernel if that is less; float32 out."""
    # Rows in one axis: the gradient of a product with two batch axes takes twice as long on a CPU.
    y = multiply(x.reshape(-1, x.shape[-1]), kernel, config.compute)
    return y.reshape(*x.shape[:-1], y.shape[-1])


def einsum(config: GatoConfig, pattern: str, left: Array, right: Array) -> Float[Array, "..."]:
    """In the config's precision; float32 out."""
    if config.compute == "bfloat16":
        return half_einsum(pattern, left, right)
    dtype = config.compute
    return jnp.einsum(pattern, left.astype(dtype), right.astype(dtype), preferred_element_type=jnp.float32)
