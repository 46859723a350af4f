"""What this machine can do, measured: rates of products and of reading memory, the ends of a roofline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

PUBLISHED_FLOPS_16_PER_S = {
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H200": 989e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
}
"""Dense bfloat16 by the makers' data sheets, by JAX's name of the device; utilisation is often quoted against these."""


def measured_rates(side: int | None = None, repetitions: int = 10) -> dict[str, float]:
    """Operations per second of square products in float32 and bfloat16, and bytes per second of reading weights.

    The best of the repetitions, each of which is long enough for the clock. Bytes are those of a float32 matrix that
    one row or four rows are multiplied with, the shape of a decode, or that is summed; the best of them.

    Args:
        side: of the square matrices; by default 2048 on a CPU and 8192 elsewhere.
    """
    side = side or (2048 if jax.default_backend() == "cpu" else 8192)
    key = jax.random.key(0)
    matrix = jax.random.normal(key, (side, side), jnp.float32)
    long = jax.random.normal(key, (4 * side, 4 * side), jnp.float32)
    product = jax.jit(lambda a, b: jnp.matmul(a, b, preferred_element_type=jnp.float32))
    best = lambda function, *inputs: _best_s(function, inputs, repetitions)
    half = matrix.astype(jnp.bfloat16)
    reading = [best(jax.jit(jnp.sum), long), *(best(product, long[:rows], long) for rows in (1, 4))]
    return {
        "flops_32_per_s": 2.0 * side**3 / best(product, matrix, matrix),
        "flops_16_per_s": 2.0 * side**3 / best(product, half, half),
        "bytes_per_s": long.nbytes / min(reading),
    }


def device_name() -> str:
    """The kind of the first device, in JAX's words."""
    return jax.devices()[0].device_kind


def _best_s(function: Callable[..., Any], inputs: tuple, repetitions: int) -> float:
    jax.block_until_ready(function(*inputs))
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        jax.block_until_ready(function(*inputs))
        times.append(time.perf_counter() - start)
    return min(times)
