"""Several domains in one training: every gradient step learns from a batch of each, with the weights that all share.

Each part keeps the layout of its spec, so that no domain is padded to the shapes of another (Gato section 2.3 packs
them into one sequence; the loss of a batch is the same weighted sum).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax

from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.mixed_sequence import Grids
from gato_ros.training.examples import made_ahead
from gato_ros.training.loop import named
from gato_ros.training.mixture.config import MixtureConfig
from gato_ros.training.mixture.writing import Writing, WritingBatch, writing_loss
from gato_ros.training.mixture.writing_config import WritingConfig
from gato_ros.training.optimiser import TrainingState, descended
from gato_ros.training.sequence import Sequences, sequence_loss
from gato_ros.training.supervision import Supervision
from gato_ros.training.windows import SequenceBatch

Batches = tuple[SequenceBatch | WritingBatch, ...]
"""Of one gradient step, one of each part."""


@dataclass(frozen=True)
class Part:
    """The sequences of one spec."""

    name: str
    """Of its figures."""
    sequences: Sequences | Writing
    supervision: Supervision


@dataclass(frozen=True)
class Mixture:
    """An `Objective` of several parts. Their order, weights and sequences are those of `config`."""

    config: MixtureConfig
    model: GatoConfig
    parts: tuple[Part, ...]

    @property
    def layout(self) -> TokenLayout:
        """That of the first part: the parameters of a generalist depend on none."""
        return self.parts[0].sequences.layout

    @property
    def frames_per_step(self) -> int:
        return sum(part.sequences.frames_per_step for part in self.parts)

    @cached_property
    def data_digest(self) -> str:
        return " ".join(part.sequences.data_digest for part in self.parts)

    def batches(self, first_step: int) -> Iterator[Batches]:
        def make(step: int) -> Batches:
            return tuple(part.sequences.batch_of_step(self.config.seed, step) for part in self.parts)

        return made_ahead(make, first_step, self.config.steps)

    def step(self, state: TrainingState, batch: Batches) -> tuple[TrainingState, dict[str, Any]]:
        shapes = tuple(_shape(part.sequences) for part in self.parts)
        return mixture_step(state, batch, config=self.config, model=self.model, shapes=shapes)

    def measure(self, params: Any) -> dict[str, Any]:
        """Each part's figures under its name, and "loss", the weighted sum."""
        figures: dict[str, Any] = {"loss": 0.0}
        for part, (name, weight, _) in zip(self.parts, self.config.parts):
            found = named(part.sequences.measure(params), part.sequences.layout, part.supervision)
            figures["loss"] += weight * found["loss"]
            figures.update({f"{name}/{key}": value for key, value in found.items()})
        return figures


def _shape(sequences: Sequences | Writing) -> TokenLayout | Grids:
    return sequences.training.grids if isinstance(sequences, Writing) else sequences.layout


@partial(jax.jit, static_argnames=("config", "model", "shapes"), donate_argnames=("state",))
def mixture_step(
    state: TrainingState,
    batches: Batches,
    *,
    config: MixtureConfig,
    model: GatoConfig,
    shapes: tuple[TokenLayout | Grids, ...],
) -> tuple[TrainingState, dict[str, Any]]:
    """The state after one batch of every part, and the losses of each. Randomness is a function of seed and step.

    Args:
        shapes: of each part the layout of a step, or the grids of the pictures of a text.
    """
    rng = jax.random.fold_in(jax.random.key(config.seed), state.step)

    def loss(params: Any) -> tuple[Any, dict[str, Any]]:
        total, values = 0.0, {}
        for place, ((name, weight, part), batch, shape) in enumerate(zip(config.parts, batches, shapes)):
            own = jax.random.fold_in(rng, place)
            if isinstance(part, WritingConfig):
                each, parts = writing_loss(params, batch, own, config=part, model=model, grids=shape)
            else:
                each, parts = sequence_loss(params, batch, own, config=part, model=model, layout=shape)
            total = total + weight * each
            values.update({f"{name}/{key}": value for key, value in parts.items()})
        return total, {**values, "loss": total}

    (_, values), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
    return descended(state, gradients, config), values
