"""Which places of its pictures a policy's action depends on: what changes when one of them is hidden.

A place is hidden behind the mean colour of its picture, and the same step is computed again (Zeiler & Fergus 2014,
section 4.2). What is told of it is the Kullback-Leibler divergence of the action tokens [nat], summed: 0 where the
action is the same whatever is there. Gradients of the same model were tried, and showed noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from gato_ros.models.layout import LayoutItem, TokenLayout
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.tokenizer import StepTokens

MOST_CELLS = 128
"""Of all cameras; larger pictures get larger cells."""
FINEST_PX = 16
"""A patch that is larger is halved: what a policy looks at is smaller than its patches."""
AT_ONCE, AT_ONCE_WITH_MEMORY = 2, 1
"""Steps in one piece, which is what a control tick may have to wait for."""


class Cells:
    """The places of every picture that are hidden one after the other: squares that fill what the policy sees."""

    def __init__(self, layout: TokenLayout, coarse: bool = False):
        """`coarse`: a quarter as many, where the pictures can be cut so."""
        self._layout, self.size_px = layout, _cell_size(layout)
        if coarse and _divides(layout, 2 * self.size_px):
            self.size_px *= 2

    @cached_property
    def labels(self) -> np.ndarray:
        """int32 [patches size size]: the cell of every pixel, counted over all pictures."""
        parts, first = [], 0
        for item in self._layout.images:
            height, width = self._layout.cropped(item)
            rows, columns = height // self.size_px, width // self.size_px
            of_pixel = np.arange(rows * columns).reshape(rows, columns).repeat(self.size_px, 0).repeat(self.size_px, 1)
            parts.append(self._patches(item, first + of_pixel))
            first += rows * columns
        return np.concatenate(parts).astype(np.int32)

    @cached_property
    def count(self) -> int:
        """Cells of all pictures."""
        return int(self.labels.max()) + 1

    def _patches(self, item: LayoutItem, pixels: np.ndarray) -> np.ndarray:
        (rows, columns), size = self._layout.grid(item), self._layout.patch_size
        return pixels.reshape(rows, size, columns, size).swapaxes(1, 2).reshape(-1, size, size)

    def hidden(self, patches: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """[cells patches size size 3]: the pictures without each of these cells; -1: whole."""
        fill = np.empty_like(patches[:, :1, :1])
        for item, first in zip(self._layout.images, np.cumsum([0, *(one.tokens for one in self._layout.images)])):
            own = slice(first, first + item.tokens)
            fill[own] = patches[own].mean((0, 1, 2)).astype(patches.dtype)
        return np.where((self.labels == cells[:, None, None, None])[..., None], fill, patches)

    def maps(self, effects: np.ndarray) -> dict[str, np.ndarray]:
        """Key of each picture -> float32 [rows columns] over the whole of it: 0 where it was cropped away.

        Args:
            effects: [cells].
        """
        crop, found, first = self._layout.crop, {}, 0
        for item in self._layout.images:
            height, width = self._layout.cropped(item)
            rows, columns = height // self.size_px, width // self.size_px
            own = effects[first : first + rows * columns].reshape(rows, columns)
            first += rows * columns
            # One value for the largest squares that both the cells and the crop are made of.
            unit = math.gcd(self.size_px, crop.top, crop.left, *item.shape[:2])
            whole = np.zeros((item.shape[0] // unit, item.shape[1] // unit), np.float32)
            top, left, times = crop.top // unit, crop.left // unit, self.size_px // unit
            fine = own.repeat(times, 0).repeat(times, 1)
            whole[top : top + fine.shape[0], left : left + fine.shape[1]] = fine
            found[item.key] = whole
        return found


def _cell_size(layout: TokenLayout) -> int:
    """Edge of a cell [px]."""
    size = layout.patch_size
    while size > FINEST_PX and size % 2 == 0:
        size //= 2
    pixels = sum(math.prod(layout.cropped(item)) for item in layout.images)
    while pixels // size**2 > MOST_CELLS and _divides(layout, 2 * size):
        size *= 2
    return size


def _divides(layout: TokenLayout, size: int) -> bool:
    return all(edge % size == 0 for item in layout.images for edge in layout.cropped(item))


class Saliency:
    """Maps of what a policy has just decided by, in pieces, for whoever has other work between them.

    It changes nothing of the policy. Used by the thread that acts.
    """

    def __init__(self, policy: GatoPolicy):
        """`policy` reads at least one picture (ValueError)."""
        if not policy.layout.images:
            raise ValueError("a policy that reads no pictures looks at no place")
        self._policy = policy
        self.cells, self.coarse_cells = Cells(policy.layout), Cells(policy.layout, coarse=True)
        self._at_once = AT_ONCE_WITH_MEMORY if policy.info.remembers else AT_ONCE

    def pieces(
        self, tokens: StepTokens, ids: np.ndarray, before: Any = None, coarse: bool = False
    ) -> Iterator[dict[str, np.ndarray] | None]:
        """The maps of one step: None after each piece of work, and in the end key -> float32 [rows columns], nat.

        Args:
            tokens: what the policy saw.
            ids: [actions] of what it chose.
            before: what it remembered until then: `GatoPolicy.remembered` before the step.
            coarse: in fewer pieces, of larger cells.
        """
        seen = self.coarse_cells if coarse else self.cells
        patches, values = np.asarray(tokens.patches), np.asarray(tokens.ids)
        effects = np.zeros(seen.count, np.float32)
        whole: np.ndarray | None = None
        for cells in _groups(seen.count, self._at_once):
            hidden = seen.hidden(patches, cells)
            logs = self._policy.log_probabilities(hidden, values, ids, before)
            whole = logs[0] if whole is None else whole
            effects[cells[cells >= 0]] = (np.exp(whole) * (whole - logs[cells >= 0])).sum((1, 2))
            yield None
        yield seen.maps(np.maximum(effects, 0.0))

    def rehearse(self) -> Iterator[dict[str, np.ndarray] | None]:
        """`pieces` of a step that nobody saw; the first one compiles."""
        policy, layout = self._policy, self._policy.layout
        zeros = StepTokens(
            np.zeros((layout.patches, layout.patch_size, layout.patch_size, 3), np.uint8),
            np.zeros(layout.values, np.int32),
        )
        return self.pieces(zeros, np.full(layout.actions, layout.action_start, np.int32), policy.remembered())


def _groups(count: int, size: int) -> Iterator[np.ndarray]:
    """Numbers of cells, so many at a time: first none (-1), with which all others are compared. Each group has the same
    size, so that one function is compiled: the last may repeat a cell."""
    cells = np.arange(-1, count)
    for first in range(0, len(cells), size):
        last = min(first + size, len(cells))
        yield cells[last - size : last]
