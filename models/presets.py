"""The named sizes: the paper's three, small ones for a CPU, and two for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gato_ros.models.config import Convolution, Crop, GatoConfig
from gato_ros.models.layout import CONTINUOUS_START
from gato_ros.models.vocabulary import PUBLISHED

IMAGE_KEYS = ("basket_front_left/pixels", "basket_front_right/pixels")
_PAPER_KEYS = (*IMAGE_KEYS, "gripper/opening", "sawyer/joints/angle", "sawyer/pinch/pose", "sawyer/tcp/pose")
"""128 patches, 22 numbers, a separator and 5 actions: the 156 tokens per step of the paper's Table 1."""

PROPRIOCEPTION = ("gripper/grasp", "gripper/opening", "sawyer/pinch/pose")


def _paper(layers: int, width: int, heads: int, head_size: int, feed_forward: int) -> GatoConfig:
    return GatoConfig(
        layers,
        width,
        heads,
        head_size,
        feed_forward,
        _PAPER_KEYS,
        context_tokens=1024,
        action_decoding="autoregressive",
        stochastic_depth=0.1,
        rematerialise=True,
    )


_SMALL = GatoConfig(
    layers=4,
    width=128,
    heads=4,
    head_size=32,
    feed_forward=512,
    observation_keys=(*IMAGE_KEYS, *PROPRIOCEPTION),
    step_attention="full",
    attention_positions="none",
    action_positions="distinct",
    continuous_encoding="range",
    patch_size=32,
    crop=Crop(bottom=32),
    text_rows=126,
    stem=(Convolution(6, 4, 32), Convolution(3, 2, 64), Convolution(3, 2, 128)),
)

PRESETS: dict[str, GatoConfig] = {
    "gato_1_18b": _paper(24, 2048, 16, 128, 8192),
    "gato_364m": _paper(12, 1536, 12, 128, 6144),
    "gato_79m": _paper(8, 768, 24, 32, 3072),
    "sawyer_tiny": replace(
        _SMALL,
        layers=3,
        width=64,
        heads=2,
        feed_forward=256,
        stem=(Convolution(6, 4, 16), Convolution(3, 2, 32), Convolution(3, 2, 64)),
    ),
    "sawyer_small": _SMALL,
    "sawyer_medium": replace(
        _SMALL,
        width=256,
        heads=8,
        feed_forward=1024,
        stem=(Convolution(6, 4, 48), Convolution(3, 2, 96), Convolution(3, 2, 192)),
    ),
    "sawyer_streaming": replace(
        _SMALL,
        context_tokens=8 * 39,
        action_decoding="autoregressive",
        step_attention="causal",
        attention_positions="relative",
    ),
    "gato_generalist": replace(
        _SMALL,
        context_tokens=384,
        action_decoding="autoregressive",
        step_attention="causal",
        attention_positions="relative",
        observation_keys=(*IMAGE_KEYS, *PROPRIOCEPTION, "task/text"),
        text_rows=CONTINUOUS_START,
        vocabulary=PUBLISHED,
        generalist=True,
    ),
    "debug": GatoConfig(
        layers=2,
        width=32,
        heads=2,
        head_size=16,
        feed_forward=64,
        observation_keys=("basket_front_left/pixels", "gripper/grasp", "gripper/opening"),
        context_tokens=60,
        action_decoding="autoregressive",
        patch_size=32,
        patch_block_channels=8,
        group_norm_groups=4,
        text_rows=126,
    ),
    "debug_one_pass": replace(
        _SMALL,
        layers=2,
        width=32,
        heads=2,
        head_size=16,
        feed_forward=64,
        stem=(Convolution(4, 4, 8), Convolution(2, 2, 16)),
        auxiliary=("red_x", "red_y"),
        auxiliary_early_layer=1,
    ),
}


def single_step_presets(presets: Mapping[str, GatoConfig] = PRESETS) -> list[str]:
    """Those that learn single frames and propose all actions in one pass."""
    return [name for name, model in presets.items() if model.action_decoding == "one_pass"]
