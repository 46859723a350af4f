"""Where every token of a step comes from: derived from the step's spec, never written by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, Spec, StepSpec, TextSpec
from gato_ros.models.config import Crop, GatoConfig

CONTINUOUS_START = 32000
"""First id of the continuous values (gato.md section 1)."""
BINS = 1024
SEPARATOR = CONTINUOUS_START + BINS
PAD = SEPARATOR + 1
LOCAL_POSITIONS = 512
"""Rows of the local observation positions ("in practice a large value like 512", App. C.3)."""
GENERALIST_ACTIONS = 16
"""Most action values of a step that weights for several specs can give."""
TABLE_MULTIPLE = 128
"""The table's rows are rounded up to a multiple of this, for the matrix units."""


@dataclass(frozen=True)
class LayoutItem:
    """The tokens of one observation key."""

    key: str
    kind: Literal["image", "continuous", "discrete", "text"]
    shape: tuple[int, ...]
    """Shape of one value, as in the spec."""
    first: int
    """Index of its first token within the step."""
    tokens: int
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    values: int = 0
    """Of a discrete key: how many values it can take; of a text: how many pieces the model's table has."""

    @cached_property
    def bounded(self) -> bool:
        """Whether it has a range; values without one are companded, whatever the encoding is."""
        return all(map(math.isfinite, (*self.lower, *self.upper)))


@dataclass(frozen=True)
class TokenLayout:
    """One step: observation tokens, the separator, action tokens. Hashable."""

    items: tuple[LayoutItem, ...]
    patch_size: int
    crop: Crop
    continuous_encoding: Literal["mu_law", "range"]
    action_lower: tuple[float, ...]
    action_upper: tuple[float, ...]
    action_binary: tuple[bool, ...]
    action_units: tuple[str, ...]
    vocabulary: str | None = None
    """sha256 of the SentencePiece model that texts are cut by."""
    action_values: tuple[int, ...] = ()
    """Of discrete actions: how many values each can take; empty for continuous ones."""

    @property
    def action_start(self) -> int:
        """The id of an action's first choice: discrete values are their own ids, bins follow the text."""
        return 0 if self.action_values else CONTINUOUS_START

    @property
    def choices(self) -> int:
        """Ids among which an action is chosen; of discrete actions as many as the one with the most values."""
        return max(self.action_values, default=BINS)

    @cached_property
    def images(self) -> tuple[LayoutItem, ...]:
        return tuple(item for item in self.items if item.kind == "image")

    @cached_property
    def vectors(self) -> tuple[LayoutItem, ...]:
        return tuple(item for item in self.items if item.kind != "image")

    @property
    def observation_tokens(self) -> int:
        return sum(item.tokens for item in self.items)

    @property
    def patches(self) -> int:
        return sum(item.tokens for item in self.images)

    @cached_property
    def cells(self) -> np.ndarray:
        """[cells] int32 places of the tokens that show a part of a picture: the patches, or without an image the
        discrete observation with most values, a grid of symbols."""
        if self.images:
            return self.patch_tokens
        grids = [item for item in self.items if item.kind == "discrete"]
        if not grids:
            return np.zeros(0, np.int32)
        grid = max(grids, key=lambda item: item.tokens)
        return np.arange(grid.first, grid.first + grid.tokens, dtype=np.int32)

    @property
    def values(self) -> int:
        """Observation tokens that are not patches."""
        return self.observation_tokens - self.patches

    @property
    def actions(self) -> int:
        return len(self.action_lower)

    @property
    def step_tokens(self) -> int:
        """Length of one step: observations, separator, actions."""
        return self.observation_tokens + 1 + self.actions

    def grid(self, item: LayoutItem) -> tuple[int, int]:
        """Rows and columns of patches of an image key."""
        height, width = self.cropped(item)
        return height // self.patch_size, width // self.patch_size

    def cropped(self, item: LayoutItem) -> tuple[int, int]:
        """Height and width [px] of an image key after cropping."""
        return (item.shape[0] - self.crop.top - self.crop.bottom, item.shape[1] - self.crop.left - self.crop.right)

    @cached_property
    def patch_tokens(self) -> np.ndarray:
        """[patches] place of each patch among the step's tokens."""
        return np.array([item.first + i for item in self.images for i in range(item.tokens)], np.int32)

    @cached_property
    def order(self) -> np.ndarray | None:
        """[observation_tokens] each token's index in (all patches, then all values); None where that is the order."""
        patch, value, order = 0, self.patches, []
        for item in self.items:
            start = patch if item.kind == "image" else value
            order += range(start, start + item.tokens)
            if item.kind == "image":
                patch += item.tokens
            else:
                value += item.tokens
        return None if order == sorted(order) else np.array(order)

    @cached_property
    def patch_intervals(self) -> np.ndarray:
        """[patches 2 2] for row and column of each patch the half-open interval of the 128 position codes (App. C.3).

        Intervals are relative to the whole image: cropping moves no patch.
        """
        origin = (self.crop.top, self.crop.left)
        parts = [grid_intervals(item.shape[:2], self.grid(item), self.patch_size, origin) for item in self.images]
        return np.concatenate(parts) if parts else np.zeros((0, 2, 2), np.int32)


PATCH_POSITIONS = 128


def grid_intervals(
    resolution: tuple[int, ...], grid: tuple[int, int], size: int, origin: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """int32 [patches 2 2], as `TokenLayout.patch_intervals`, of one image.

    Args:
        resolution: height and width [px] of the whole image.
        grid: rows and columns of patches of `size` [px], the first of them at `origin` [px].
    """
    (height, width), (rows, columns), (top, left) = resolution, grid, origin
    intervals = [
        [_interval(top + row * size, size, height), _interval(left + column * size, size, width)]
        for row in range(rows)
        for column in range(columns)
    ]
    return np.array(intervals, np.int32).reshape(-1, 2, 2)


def _interval(start: int, size: int, total: int) -> list[int]:
    low, high = start * PATCH_POSITIONS // total, (start + size) * PATCH_POSITIONS // total
    return [low, max(high, low + 1)]


def token_layout(spec: StepSpec, config: GatoConfig) -> TokenLayout:
    """The layout of one step of `spec` as `config` sees it.

    Raises:
        SetupError: a key that the spec lacks, actions that are neither all bounded numbers nor all discrete, or an
            image that crop and patch size do not divide.
    """
    keys = config.keys_of(spec)
    if not keys:
        raise SetupError(
            expected=f"at least one of {', '.join(spec.observations)} in the observation_keys of the model",
            got=", ".join(config.observation_keys) or "none",
            fix="set observation_keys in the model's configuration",
        )
    crop = config.crop_of(key for key in keys if spec.observation(key).kind == "image")
    items, first = [], 0
    for key in keys:
        items.append(_observation_item(key, spec.observation(key), first, config, crop))
        first += items[-1].tokens
    actions = _actions(spec, config)
    found = (len(actions["action_lower"]), first)
    if config.generalist and (found[0] > GENERALIST_ACTIONS or found[1] >= LOCAL_POSITIONS):
        raise SetupError(
            expected=f"at most {GENERALIST_ACTIONS} action values and {LOCAL_POSITIONS - 1} observations in a step",
            got=f"{found[0]} and {found[1]}",
            fix="a generalist has no more positions: train weights of this spec alone",
        )
    layout = TokenLayout(
        tuple(items),
        config.patch_size,
        crop,
        config.continuous_encoding,
        vocabulary=config.vocabulary,
        **actions,
    )
    if config.context_tokens is not None and config.context_tokens < layout.step_tokens:
        raise SetupError(
            expected=f"context_tokens of at least one step of {layout.step_tokens} tokens",
            got=str(config.context_tokens),
            fix="lengthen the context or drop observation keys",
        )
    return layout


def layout_without_spec(config: GatoConfig) -> TokenLayout:
    """No step: the parameters of a generalist depend on none."""
    return TokenLayout(
        (), config.patch_size, config.crop, config.continuous_encoding, (), (), (), (), config.vocabulary
    )


def _actions(spec: StepSpec, config: GatoConfig) -> dict[str, Any]:
    """The fields of a layout that say what the action tokens are."""
    if config.generalist and spec.actions and all(isinstance(part, TextSpec) for part in spec.actions.values()):
        # Written freely, in mixed sequences: a step has no action tokens of a fixed number.
        return dict.fromkeys(("action_lower", "action_upper", "action_binary", "action_units"), ())
    discrete = [part for part in spec.actions.values() if isinstance(part, DiscreteSpec)]
    if discrete and len(discrete) == len(spec.actions):
        values = tuple(part.values for part in discrete for _ in range(part.size))
        if max(values) > config.text_rows:
            raise SetupError(
                expected=f"text_rows of at least {max(values)} for the actions",
                got=str(config.text_rows),
                fix="raise text_rows in the model's configuration",
            )
        return {
            "action_lower": (0.0,) * len(values),
            "action_upper": tuple(count - 1.0 for count in values),
            "action_binary": (False,) * len(values),
            "action_units": ("1",) * len(values),
            "action_values": values,
        }
    parts: list[ContinuousSpec] = []
    for key, part in spec.actions.items():
        if not isinstance(part, ContinuousSpec) or not part.bounded:
            raise SetupError(
                expected="actions that are all continuous and bounded, or all discrete",
                got=f"{key}, {part.kind}",
                fix="train it in mixed sequences (models/segments.py)",
            )
        parts.append(part)
    return {
        "action_lower": tuple(v for part in parts for v in part.lower),
        "action_upper": tuple(v for part in parts for v in part.upper),
        "action_binary": tuple(part.binary for part in parts for _ in part.lower),
        "action_units": tuple(u for part in parts for u in part.units),
    }


def _observation_item(key: str, spec: Spec, first: int, config: GatoConfig, crop: Crop) -> LayoutItem:
    if spec.kind == "image":
        return LayoutItem(key, "image", spec.shape, first, _patch_count(key, spec.shape, config, crop))
    if spec.kind == "continuous":
        return LayoutItem(key, "continuous", spec.shape, first, spec.shape[0], spec.lower, spec.upper, spec.units)
    if spec.kind == "text":
        if config.vocabulary is None:
            raise SetupError(
                expected=f"a vocabulary, to read {key}",
                got="none",
                fix="set vocabulary in the model's configuration",
            )
        units = ("1",) * spec.tokens
        return LayoutItem(key, "text", spec.shape, first, spec.tokens, units=units, values=config.text_rows)
    if spec.values > config.text_rows:
        raise SetupError(
            expected=f"text_rows of at least {spec.values} for {key}",
            got=str(config.text_rows),
            fix="raise text_rows in the model's configuration",
        )
    return LayoutItem(key, "discrete", spec.shape, first, spec.size, units=("1",) * spec.size, values=spec.values)


def _patch_count(key: str, shape: tuple[int, ...], config: GatoConfig, crop: Crop) -> int:
    height, width = shape[0] - crop.top - crop.bottom, shape[1] - crop.left - crop.right
    if height <= 0 or width <= 0 or height % config.patch_size or width % config.patch_size:
        raise SetupError(
            expected=f"{key} cropped to a multiple of {config.patch_size} px",
            got=f"{height} x {width} px",
            fix="change crop or patch_size",
        )
    return (height // config.patch_size) * (width // config.patch_size)
