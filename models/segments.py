"""One token sequence of text, images, discrete and continuous values in any order (Gato sections 2.1 to 2.3).

numpy only. Each token's id, place and part in the loss are decided here; `mixed_sequence` makes vectors of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Union

import numpy as np
from numpy.typing import ArrayLike

from gato_ros.core.errors import SetupError
from gato_ros.core.text import text_from_value
from gato_ros.models.config import GatoConfig
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.layout import BINS, CONTINUOUS_START, PAD, SEPARATOR, LayoutItem, TokenLayout, grid_intervals
from gato_ros.models.tokenizer import bin_index, encode, mu_law, tokenize, tokenize_actions
from gato_ros.models.vocabulary import vocabulary_of

ACTION, NOWHERE, FIRST_ACTION = -1, -2, -3
"""Places of tokens without a local position: an action's, where all actions share one vector; the others'; and the
first action's, the second's ... downwards, where each has its own."""


@dataclass(frozen=True)
class Text:
    """A text; predicted as all text is (section 2.3), in an observation and as an action, unless the caller says
    otherwise."""

    text: str
    end: bool = False
    """Whether the piece that ends a text follows: where generation stops."""
    predicted: bool = True
    """False takes it out of the loss: not the paper's way, but it saves a small model from learning questions."""
    tokens: int | None = None
    """Filled with the end piece to so many, as a robot's text is, whose steps are all of one length."""


@dataclass(frozen=True, eq=False)
class Image:
    """A picture; its patches are seen, never predicted."""

    pixels: np.ndarray
    """uint8 [height width 3]; both sides a multiple of the patch size."""
    whole: tuple[int, int] | None = None
    """Height and width [px] of the picture that this is a part of; None: it is the whole."""
    origin: tuple[int, int] = (0, 0)
    """Where in it this part begins, from the top and from the left [px]."""


@dataclass(frozen=True, eq=False)
class Discrete:
    """Integers in [0, 1024), row-major. They share ids with the first text pieces (section 2.1)."""

    values: ArrayLike
    predicted: bool = True
    """Of an action: False takes it out of the loss. In an observation it is never predicted."""


@dataclass(frozen=True, eq=False)
class Continuous:
    """Finite numbers, row-major."""

    values: ArrayLike
    compand: bool = True
    """By the mu-law, as all observations; False for values in [-1, 1] already. Actions are never companded."""
    predicted: bool = True
    """As `Discrete.predicted`."""


Segment = Union[Text, Image, Discrete, Continuous]


@dataclass(frozen=True)
class Step:
    """One time-step: what is seen, then, behind a separator, what is done. A caption or a question has no action."""

    observation: tuple[Segment, ...]
    action: tuple[Segment, ...] = ()


class SequenceTokens(NamedTuple):
    """A packed sequence, padded at its end; any leading axes."""

    ids: np.ndarray
    """[... length] int32; PAD where there is none: images and padding."""
    place: np.ndarray
    """[... length] int32 place in the observation of its time-step, or ACTION, or NOWHERE."""
    predicted: np.ndarray
    """[... length] bool: text and actions, but for what the caller took out."""
    count: np.ndarray  # pyright: ignore[reportIncompatibleMethodOverride]  a field, as the others
    """[...] int32 how many tokens are not padding."""
    patches: np.ndarray
    """[... patches size size 3] uint8, in the order of the sequence."""
    patch_tokens: np.ndarray
    """[... patches] int32 the token that each patch is; `length` for an unused patch."""
    patch_intervals: np.ndarray
    """[... patches 2 2] int32, as `TokenLayout.patch_intervals`."""


def pack(
    steps: Sequence[Step], config: GatoConfig, length: int | None = None, patches: int | None = None, multiple: int = 1
) -> SequenceTokens:
    """The tokens of some time-steps in arrays of `length` tokens and `patches` patches.

    None takes as many as are needed, rounded up to a `multiple`, so that a compiled function meets few shapes.

    Raises:
        SetupError: it does not fit; an image that the patch size does not divide; text for a model that knows none.
        ValueError, NonFiniteError: a value out of range.
    """
    packed = _Packing(config)
    for step in steps:
        packed.add(step)
    tokens, images = len(packed.ids), len(packed.patch_tokens)
    length, patches = (
        -(-needed // multiple) * multiple if given is None else given
        for given, needed in ((length, tokens), (patches, images))
    )
    if tokens > length or images > patches:
        raise SetupError(
            expected=f"at most {length} tokens and {patches} patches",
            got=f"{tokens} and {images}",
            fix="shorten the sequence, or make more room",
        )
    size = config.patch_size
    pixels = np.zeros((patches, size, size, 3), np.uint8)
    pixels[:images] = np.concatenate(packed.pixels) if images else 0
    intervals = np.zeros((patches, 2, 2), np.int32) + [0, 1]
    intervals[:images] = np.concatenate(packed.intervals) if images else 0
    return SequenceTokens(
        _padded(packed.ids, length, PAD),
        _padded(packed.place, length, NOWHERE),
        _padded(packed.predicted, length, False).astype(bool),
        np.asarray(tokens, np.int32),
        pixels,
        _padded(packed.patch_tokens, patches, length),
        intervals.astype(np.int32),
    )


def image_grids(steps: Sequence[Step], config: GatoConfig) -> tuple[tuple[int, int], ...]:
    """Rows and columns of the patches of each picture, in order: what convolutions over whole pictures have to know."""
    size = config.patch_size
    images = [one for step in steps for one in step.observation if isinstance(one, Image)]
    return tuple((one.pixels.shape[0] // size, one.pixels.shape[1] // size) for one in images)


def pack_pieces(
    pieces: Sequence[Sequence[Step]], config: GatoConfig, length: int, patches: int
) -> tuple[SequenceTokens, np.ndarray]:
    """Several pieces one after the other in one sequence, and the number [length] of the piece of each token.

    Given these numbers, no piece sees another. The first token of a piece has none before it and is not predicted.
    """
    packed = pack([step for piece in pieces for step in piece], config, length, patches)
    counts = [int(pack(piece, config).count) for piece in pieces]
    packed.predicted[np.cumsum([0, *counts[:-1]])] = False
    return packed, _padded(np.repeat(np.arange(len(pieces)), counts).tolist(), length, len(pieces))


def learned_places(tokens: SequenceTokens, count: int) -> np.ndarray:
    """[... count] int32 tokens after which a predicted one follows, filled up with the last place, which none follows.

    A loss that looks at these alone multiplies them, and not every token, with the whole table.

    Raises:
        SetupError: a sequence has more of them.
    """
    follows = tokens.predicted[..., 1:]
    most, last = int(follows.sum(-1).max(initial=0)), tokens.predicted.shape[-1] - 1
    if most > count:
        raise SetupError(expected=f"at most {count} learned tokens in a sequence", got=str(most), fix="make more room")
    order = np.argsort(~follows, axis=-1, kind="stable")[..., :count]
    order = np.concatenate([order, np.full((*order.shape[:-1], count - order.shape[-1]), last)], -1)
    known = np.arange(count) < follows.sum(-1, keepdims=True)
    return np.where(known, order, last).astype(np.int32)


def _padded(values: list[int], length: int, filler: int) -> np.ndarray:
    return np.array(values + [filler] * (length - len(values)), np.int32)


class _Packing:
    def __init__(self, config: GatoConfig):
        self._config = config
        self.ids, self.place, self.predicted = [], [], []
        self.pixels, self.patch_tokens, self.intervals = [], [], []

    def add(self, step: Step) -> None:
        first = len(self.ids)
        for segment in step.observation:
            ids = self._ids(segment, action=False)
            place = list(range(len(self.ids) - first, len(self.ids) - first + len(ids)))
            self._append(ids, place, isinstance(segment, Text) and segment.predicted)
        if step.action:
            local = self._config.separator_position == "local"
            self._append([SEPARATOR], [len(self.ids) - first if local else NOWHERE], False)
        done = 0
        for segment in step.action:
            ids = self._ids(segment, action=True)
            shared = self._config.action_positions == "shared"
            place = [ACTION if shared else FIRST_ACTION - done - i for i in range(len(ids))]
            self._append(ids, place, not isinstance(segment, Image) and segment.predicted)
            done += len(ids)

    def _append(self, ids: list[int], place: list[int], predicted: bool) -> None:
        self.ids += ids
        self.place += place
        self.predicted += [predicted] * len(ids)

    def _ids(self, segment: Segment, action: bool) -> list[int]:
        if isinstance(segment, Text):
            vocabulary = vocabulary_of(self._config)
            ids = vocabulary.encode(segment.text) + [vocabulary.end] * segment.end
            return ids + [vocabulary.end] * ((segment.tokens or 0) - len(ids))
        if isinstance(segment, Image):
            if action:
                raise ValueError("an image cannot be an action")
            return self._image(segment)
        values = np.asarray(segment.values).ravel()
        if not np.isfinite(values).all():
            raise NonFiniteError(f"a value of a sequence is not finite: {values[~np.isfinite(values)][:1]}")
        if isinstance(segment, Discrete):
            if ((values != np.round(values)) | (values < 0) | (values >= min(BINS, self._config.text_rows))).any():
                raise ValueError(f"expected integers in [0, {min(BINS, self._config.text_rows)}), got {values[:4]}")
            return values.astype(int).tolist()
        unit = mu_law(values) if segment.compand and not action else values
        return (CONTINUOUS_START + bin_index(unit)).tolist()

    def _image(self, image: Image) -> list[int]:
        pixels, size = np.asarray(image.pixels), self._config.patch_size
        if pixels.ndim != 3 or pixels.shape[-1] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 pixels [height width 3], got {pixels.dtype} {pixels.shape}")
        height, width = pixels.shape[:2]
        if height % size or width % size or not height or not width:
            raise SetupError(
                expected=f"an image whose sides are multiples of {size} px",
                got=f"{height} x {width}",
                fix="crop or scale it",
            )
        rows, columns = height // size, width // size
        cut = pixels.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)
        self.pixels.append(cut)
        self.patch_tokens += range(len(self.ids), len(self.ids) + len(cut))
        self.intervals.append(grid_intervals(image.whole or (height, width), (rows, columns), size, image.origin))
        return [PAD] * len(cut)


def robot_step(layout: TokenLayout, values: Mapping[str, np.ndarray], action: ArrayLike | None = None) -> Step:
    """A control step as part of a mixed sequence: the tokens that `tokenize` gives, in the same order.

    Args:
        values: contract key -> array of its shape.
        action: [actions] as the spec has them; None: yet to be found.

    Raises:
        KeyError, ValueError, NonFiniteError: as `tokenize`.
    """
    tokenize(layout, values)
    segments = []
    for item in layout.items:
        if item.kind == "image":
            segments.append(_cropped(layout, item, values[item.key]))
        elif item.kind == "continuous":
            segments.append(Continuous(encode(layout, item, values[item.key]), compand=False))
        elif item.kind == "text":
            # Its tokens are what `tokenize` gives: learned from neither here nor there.
            segments.append(Text(text_from_value(values[item.key]), predicted=False, tokens=item.tokens))
        else:
            segments.append(Discrete(values[item.key]))
    if action is None:
        return Step(tuple(segments))
    if layout.action_values:
        return Step(tuple(segments), (Discrete(np.asarray(action)),))
    unit = (tokenize_actions(layout, action) - CONTINUOUS_START + 0.5) * (2 / BINS) - 1
    return Step(tuple(segments), (Continuous(unit),))


def _cropped(layout: TokenLayout, item: LayoutItem, pixels: np.ndarray) -> Image:
    crop, (height, width) = layout.crop, layout.cropped(item)
    part = pixels[crop.top : crop.top + height, crop.left : crop.left + width]
    return Image(part, pixels.shape[:2], (crop.top, crop.left))
