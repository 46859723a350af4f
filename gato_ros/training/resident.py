"""All frames of a training on its device, where the batches are put together: for a GPU that outruns a CPU's batches.

The batches are those of `Sequences`, number by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gato_ros.models.layout import TokenLayout
from gato_ros.models.tokenizer import StepTokens, to_patches
from gato_ros.training.examples import made_ahead
from gato_ros.training.optimiser import TrainingState
from gato_ros.training.sequence import Sequences
from gato_ros.training.supervision import AuxiliaryTargets
from gato_ros.training.windows import Plan, SequenceBatch, Windows

ROWS_AT_ONCE = 4096


class Tables(NamedTuple):
    """Of N frames; `sides` is 2, as they are and reflected left to right, or 1 where they cannot be."""

    pixels: Any
    """uint8 [N cameras height width 3]."""
    ids: Any
    """[sides N values]"""
    done_ids: Any
    """[sides N actions]"""
    label_ids: Any
    """[sides N actions]"""
    learned: Any
    """[N] bool, or None: all are."""
    auxiliary: AuxiliaryTargets | None
    """Leading axes [sides N]; None for a model without auxiliary heads."""


def tables(windows: Windows) -> Tables:
    """All frames of the windows, tokenised by what serves the robot."""
    count, frames = len(windows), windows.frames
    blind = replace(windows, layout=replace(windows.layout, items=windows.layout.vectors))
    chunks = np.array_split(np.arange(count), -(-count // ROWS_AT_ONCE))

    def side(mirrored: bool) -> SequenceBatch:
        parts = [
            blind.batch(Plan(rows[None], np.zeros((1, len(rows)), np.int32), np.array([mirrored]))) for rows in chunks
        ]
        return jax.tree.map(lambda *some: np.concatenate(some, 1)[0], *parts)

    sides = [side(mirrored) for mirrored in (False, True)[: 1 + windows.can_mirror]]
    both = jax.tree.map(lambda *some: np.stack(some), *sides)
    with ThreadPoolExecutor() as threads:
        pixels = np.concatenate(list(threads.map(frames.pixels, chunks)))
    return Tables(
        pixels,
        both.tokens.ids,
        both.done_ids,
        both.label_ids,
        None if both.learned is None else both.learned[0],
        both.auxiliary,
    )


@partial(jax.jit, static_argnames=("layout", "image_keys"))
def gathered(held: Tables, plan: Plan, *, layout: TokenLayout, image_keys: tuple[str, ...]) -> SequenceBatch:
    """What `Windows.batch` makes of a plan, from the tables."""
    rows, reflected = plan.rows, jnp.asarray(plan.mirrored)
    side = reflected.astype(jnp.int32)[:, None]
    of_side = lambda table: table[side, rows]  # noqa: E731
    pixels = held.pixels[rows]
    pixels = jnp.where(reflected[:, None, None, None, None, None], pixels[:, :, ::-1, :, ::-1], pixels)
    patches = [to_patches(layout, item, pixels[:, :, image_keys.index(item.key)]) for item in layout.images]
    tokens = StepTokens(jnp.concatenate(patches, -4), of_side(held.ids))
    return SequenceBatch(
        tokens,
        of_side(held.done_ids),
        of_side(held.label_ids),
        plan.pieces,
        None if held.learned is None else held.learned[rows],
        jax.tree.map(of_side, held.auxiliary),
        plan.text_hidden,
    )


@dataclass(frozen=True)
class ResidentSequences(Sequences):
    """`Sequences` whose training frames lie on the device: about 100 kB each."""

    @cached_property
    def held(self) -> Tables:
        return jax.device_put(tables(self.training))

    def batches(self, first_step: int) -> Iterator[Plan]:
        return made_ahead(
            partial(self.training.plan_of_step, self.config, self.longest_prompt), first_step, self.config.steps
        )

    def step(self, state: TrainingState, batch: Plan) -> tuple[TrainingState, dict[str, Any]]:
        made = gathered(self.held, batch, layout=self.layout, image_keys=self.training.frames.image_keys)
        return super().step(state, made)
