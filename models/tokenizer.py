"""Observations and actions to token ids and back (Gato section 2.1, Appendix B). numpy only; any leading axes.

The same function serves the robot and the recorded data.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gato_ros.core.errors import SetupError
from gato_ros.core.text import text_from_value
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.layout import BINS, CONTINUOUS_START, LayoutItem, TokenLayout
from gato_ros.models.vocabulary import known_vocabulary

if TYPE_CHECKING:
    from gato_ros.models.arrays import Array

MU, M = 100.0, 256.0


class StepTokens(NamedTuple):
    """The observation of one or many control steps."""

    patches: Array
    """[... patches size size 3] uint8 pixels (or float on the same 0..255 scale), raster order, images by key."""
    ids: Array
    """[... values] int32 ids of the continuous, discrete and text observations, in token order."""

    @property
    def patches_crc32(self) -> int:
        """What recordings keep of the pixels."""
        return zlib.crc32(np.asarray(self.patches).tobytes())


def mu_law(x: ArrayLike) -> np.ndarray:
    """F(x) = sgn(x) ln(100 |x| + 1) / ln(256 * 100 + 1), clipped to [-1, 1]. Total over finite x."""
    # F(256) = 1, so clipping before the logarithm equals clipping after it and cannot overflow.
    magnitude = np.minimum(np.abs(np.asarray(x, np.float64)), M)
    return np.clip(np.sign(x) * np.log(magnitude * MU + 1.0) / np.log(M * MU + 1.0), -1.0, 1.0)


def inverse_mu_law(y: ArrayLike) -> np.ndarray:
    """The x with F(x) = y, for y in [-1, 1]."""
    y = np.asarray(y, np.float64)
    return np.sign(y) * np.expm1(np.abs(y) * np.log(M * MU + 1.0)) / MU


def bin_index(y: ArrayLike) -> np.ndarray:
    """The bin [0, 1024) of y, clipped to [-1, 1]; int32."""
    y = np.clip(np.asarray(y, np.float64), -1.0, 1.0)
    return np.minimum(np.floor((y + 1.0) * (BINS / 2)), BINS - 1).astype(np.int32)


def bin_centre(index: ArrayLike) -> np.ndarray:
    """The centre of a bin in [-1, 1]; the left edge would bias every value by half a bin."""
    return (2.0 * np.asarray(index, np.float64) + 1.0) / BINS - 1.0


def to_unit(x: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> np.ndarray:
    """x in [lower, upper] as a number in [-1, 1]; values outside are clipped."""
    lower, upper = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    # Clip first: a huge finite x would overflow in the division.
    return 2.0 * (np.clip(np.asarray(x, np.float64), lower, upper) - lower) / (upper - lower) - 1.0


def from_unit(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> np.ndarray:
    """Inverse of `to_unit`."""
    lower, upper = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    return lower + (np.asarray(y, np.float64) + 1.0) / 2.0 * (upper - lower)


def tokenize(layout: TokenLayout, values: Mapping[str, np.ndarray]) -> StepTokens:
    """The observation tokens of `values`: contract key -> array [... *shape], any leading axes, the same for all keys.

    Raises:
        KeyError: a key of the layout is missing.
        ValueError: a wrong shape or dtype, or a discrete value out of range.
        NonFiniteError: a NaN or an infinity.
        SetupError: a text that is too long, or whose vocabulary is not at hand.
    """
    patches, ids, leading = [], [], None
    for item in layout.items:
        value = _checked(item, values)
        lead = value.shape[: value.ndim - len(item.shape)]
        if leading is not None and lead != leading:
            raise ValueError(f"{item.key}: expected leading axes {leading} as the keys before it, got {lead}")
        leading = lead
        if item.kind == "image":
            patches.append(to_patches(layout, item, value))
        elif item.kind == "continuous":
            ids.append(CONTINUOUS_START + bin_index(encode(layout, item, value)))
        elif item.kind == "text":
            ids.append(text_ids(layout, item, value))
        else:
            ids.append(value.astype(np.int32))
    size, leading = layout.patch_size, leading or ()
    return StepTokens(
        np.concatenate(patches, -4) if patches else np.zeros((*leading, 0, size, size, 3), np.uint8),
        np.concatenate(ids, -1).astype(np.int32) if ids else np.zeros((*leading, 0), np.int32),
    )


def text_ids(layout: TokenLayout, item: LayoutItem, value: np.ndarray) -> np.ndarray:
    """int32 [... tokens] of the bytes [... size] of a text: its pieces, then the piece that ends a text.

    Filled with the end piece and not with PAD: all text ids lie below 32000.
    """
    if layout.vocabulary is None:
        raise ValueError(f"{item.key} is a text, and the layout names no vocabulary")
    vocabulary = known_vocabulary(layout.vocabulary)
    if vocabulary.pieces > item.values:
        raise SetupError(
            expected=f"text_rows of at least {vocabulary.pieces}",
            got=str(item.values),
            fix="raise text_rows in the model's configuration",
        )
    rows, place = np.unique(value.reshape(-1, value.shape[-1]), axis=0, return_inverse=True)
    ids = np.full((len(rows), item.tokens), vocabulary.end, np.int32)
    for i, row in enumerate(rows):
        found = vocabulary.encode(text_from_value(row))
        if len(found) > item.tokens:
            raise SetupError(
                expected=f"{item.key} of at most {item.tokens} tokens",
                got=f"{len(found)}",
                fix="shorten the text, or make room in the contract",
            )
        ids[i, : len(found)] = found
    return ids[place.ravel()].reshape(*value.shape[:-1], item.tokens)


def encode(layout: TokenLayout, item: LayoutItem, value: ArrayLike) -> np.ndarray:
    """A continuous value [... size] in [-1, 1], by the layout's encoding."""
    if layout.continuous_encoding == "mu_law" or not item.bounded:
        return mu_law(value)
    return to_unit(value, item.lower, item.upper)


def decode(layout: TokenLayout, item: LayoutItem, ids: ArrayLike) -> np.ndarray:
    """The values [... size] that the ids of one non-image item stand for (bin centres, SI units)."""
    if item.kind in ("discrete", "text"):
        return np.asarray(ids, np.float64)
    y = bin_centre(np.asarray(ids) - CONTINUOUS_START)
    if layout.continuous_encoding == "mu_law" or not item.bounded:
        return inverse_mu_law(y)
    return from_unit(y, item.lower, item.upper)


def to_patches(layout: TokenLayout, item: LayoutItem, image: np.ndarray) -> np.ndarray:
    """[... height width 3] -> [... rows*columns size size 3], cropped, raster order."""
    height, width = layout.cropped(item)
    (rows, columns), size = layout.grid(item), layout.patch_size
    crop = layout.crop
    image = image[..., crop.top : crop.top + height, crop.left : crop.left + width, :]
    lead = image.shape[:-3]
    image = image.reshape(*lead, rows, size, columns, size, 3)
    return image.swapaxes(-3, -4).reshape(*lead, rows * columns, size, size, 3)


def tokenize_actions(layout: TokenLayout, actions: ArrayLike) -> np.ndarray:
    """Ids int32 [... actions] of actions in SI units: the spec's bounds map to [-1, 1], not companded (App. B).

    A discrete action is its own id.

    Raises:
        ValueError: a wrong shape, or a discrete action out of range.
        NonFiniteError: a NaN or an infinity.
    """
    actions = np.asarray(actions)
    if actions.shape[-1:] != (layout.actions,):
        raise ValueError(f"expected actions [... {layout.actions}], got shape {actions.shape}")
    if not np.isfinite(actions).all():
        raise NonFiniteError(f"an action is not finite: {actions[~np.isfinite(actions).all(-1)][:1]}")
    if layout.action_values:
        if ((actions != np.round(actions)) | (actions < 0) | (actions >= layout.action_values)).any():
            raise ValueError(f"expected integers below {layout.action_values}, got {actions.reshape(-1)[:4]}")
        return actions.astype(np.int32)
    return CONTINUOUS_START + bin_index(to_unit(actions, layout.action_lower, layout.action_upper))


def decode_actions(layout: TokenLayout, ids: ArrayLike) -> np.ndarray:
    """Actions [... actions] in SI units: bin centres; binary values snap to the nearer bound.

    Raises:
        ValueError: an id that no action has.
    """
    index = np.asarray(ids) - layout.action_start
    if (index < 0).any() or (index >= (layout.action_values or BINS)).any():
        first = layout.action_start
        raise ValueError(f"action ids lie in [{first}, {first + layout.choices}), got {index + first}")
    if layout.action_values:
        return index.astype(np.float64)
    lower, upper = np.array(layout.action_lower), np.array(layout.action_upper)
    snapped = np.where(index < BINS // 2, lower, upper)
    return np.where(layout.action_binary, snapped, from_unit(bin_centre(index), lower, upper))


def _checked(item: LayoutItem, values: Mapping[str, np.ndarray]) -> np.ndarray:
    if item.key not in values:
        raise KeyError(f"the observation lacks {item.key!r}; it has {sorted(values)}")
    value = np.asarray(values[item.key])
    if value.ndim < len(item.shape) or value.shape[value.ndim - len(item.shape) :] != item.shape:
        raise ValueError(f"{item.key}: expected shape [... {' '.join(map(str, item.shape))}], got {value.shape}")
    if item.kind == "image":
        if value.dtype != np.uint8:
            raise ValueError(f"{item.key}: expected uint8 pixels, got {value.dtype}")
        return value
    if not np.isfinite(value).all():
        where = np.argwhere(~np.isfinite(value))[0]
        raise NonFiniteError(f"{item.key}[{where[-1]}] is {value[tuple(where)]}: a sensor value must be finite")
    if item.kind == "discrete" and ((value != np.round(value)) | (value < 0) | (value >= item.values)).any():
        raise ValueError(f"{item.key}: expected integers in [0, {item.values}), got {value.ravel()[:4]}")
    return value
