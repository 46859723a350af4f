# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Image patches to vectors: the paper's ResNet block, or convolutions over the whole image (Appendix C.2)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.modules.layers import Convolution, GroupNorm, Linear


def normalise_pixels(config: GatoConfig, patches: Any) -> Float[Array, "batch patches size size 3"]:
    """Pixels 0..255 to [-1, 1], then divided by the square root of the patch size (section 2.1)."""
    return (jnp.asarray(patches).astype(jnp.float32) / 127.5 - 1.0) * config.patch_size**-0.5


class PatchBlock(nnx.Module):
    """v2 ResNet block: stem 3x3/2, then twice GroupNorm-GELU-3x3 with identity skip, 2x2 mean, linear (App. C.2)."""

    def __init__(self, config: GatoConfig):
        channels, groups, cells = config.patch_block_channels, config.group_norm_groups, (config.patch_size // 4) ** 2
        # The first kernel undoes the division of the pixels by sqrt(patch size).
        self.stem = Convolution(config, 3, 3, channels, stride=2, gain=config.patch_size**0.5)
        self.norm_1 = GroupNorm(channels, groups)
        self.convolution_1 = Convolution(config, 3, channels, channels)
        self.norm_2 = GroupNorm(channels, groups)
        self.convolution_2 = Convolution(config, 3, channels, channels, gain=0.3)
        self.merge = Linear(config, cells * channels, config.width, 0.2, bias=True)

    def __call__(self, pixels: Float[Array, "batch patches size size 3"]) -> Float[Array, "batch patches width"]:
        batch, patches, size = pixels.shape[:3]
        x = self.stem(pixels.reshape(-1, size, size, 3), (0, 1))
        branch = self.convolution_1(jax.nn.gelu(self.norm_1(x)), (1, 1))
        branch = self.convolution_2(jax.nn.gelu(self.norm_2(branch)), (1, 1))
        x = x + branch
        quarter = size // 4
        x = x.reshape(-1, quarter, 2, quarter, 2, x.shape[-1]).mean((2, 4))
        return self.merge(x.reshape(batch, patches, -1))


class ConvolutionalStem(nnx.Module):
    """Convolutions over the whole image, so that a patch sees over its border; then the cells of each patch."""

    def __init__(self, config: GatoConfig):
        self.config, inputs = config, 3
        for i, layer in enumerate(config.stem):
            gain = config.patch_size**0.5 if i == 0 else 1.4
            convolution = Convolution(config, layer.kernel, inputs, layer.channels, layer.stride, gain)
            setattr(self, f"convolution_{i}", convolution)
            inputs = layer.channels
        cells = (config.patch_size // config.stem_stride) ** 2
        self.merge = Linear(config, cells * inputs, config.width, 0.2, bias=True)

    def __call__(
        self, grid: tuple[int, int], pixels: Float[Array, "batch patches size size 3"]
    ) -> Float[Array, "batch patches width"]:
        """`grid`: rows and columns of the patches of each image."""
        batch, patches, size = pixels.shape[:3]
        rows, columns = grid
        x = pixels.reshape(-1, rows, columns, size, size, 3).swapaxes(2, 3).reshape(-1, rows * size, columns * size, 3)
        for i, layer in enumerate(self.config.stem):
            margin = layer.kernel - layer.stride
            convolution = getattr(self, f"convolution_{i}")
            x = jax.nn.gelu(convolution(x, (margin // 2, margin - margin // 2)))
        cells = size // self.config.stem_stride
        x = x.reshape(-1, rows, cells, columns, cells, x.shape[-1]).swapaxes(2, 3).reshape(batch, patches, -1)
        return self.merge(x)
