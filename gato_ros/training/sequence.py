"""Autoregressive cloning of packed sequences, with the attention that is deployed (Gato section 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.data_digest import frames_digest
from gato_ros.data.demonstrations.catalogue import catalogue_digest
from gato_ros.models.choices import first_row, legal
from gato_ros.models.config import GatoConfig
from gato_ros.models.gato import Output, sequence_output
from gato_ros.models.layout import TokenLayout
from gato_ros.models.loss import masked_action_loss
from gato_ros.models.tokenizer import StepTokens
from gato_ros.training.auxiliary import auxiliary_error, auxiliary_losses
from gato_ros.training.batches.streamed import StreamedWindows
from gato_ros.training.optimiser import TrainingState, descended
from gato_ros.training.sequence_config import SequenceConfig
from gato_ros.training.step import action_errors, augment, hidden, spread, without_text
from gato_ros.training.windows import SequenceBatch, Windows, sequence_batches

VALIDATION_BATCHES = 4


@dataclass(frozen=True)
class Sequences:
    """Windows of several control steps, every action predicted from all that the window holds before it."""

    config: SequenceConfig
    model: GatoConfig
    layout: TokenLayout
    training: Windows | StreamedWindows
    validation: Windows | StreamedWindows
    """Of the same kind as what is trained on."""

    def __post_init__(self) -> None:
        self._check_text_hidden()
        if self.model.action_decoding != "autoregressive":
            raise SetupError(
                expected="an autoregressive model",
                got=self.model.action_decoding,
                fix="choose another preset",
            )
        if not self.model.remembers(item.key for item in self.layout.items):
            self._check_single()
            return
        window = self.model.context_tokens / self.layout.step_tokens
        if self.config.length <= window:
            raise SetupError(
                expected=f"sequences longer than the window of {window:.1f} control steps",
                got=str(self.config.length),
                fix="lengthen them: a streamed memory reaches further back",
            )
        stretches = self.training.stretches
        long, in_time = stretches.steps_in_long_ones(self.config.length), stretches.steps_in_time()
        if 2 * long < in_time or not long:
            raise SetupError(
                expected=f"{self.config.length} consecutive steps with images in most of the data, or whole episodes",
                got=f"{long} of {in_time} steps in stretches of that length",
                fix="collect with --image-share 1, or shorten the sequences",
            )

    def _check_text_hidden(self) -> None:
        share, texts = self.config.text_hidden_share, [item for item in self.layout.vectors if item.kind == "text"]
        if share and not (texts and self.config.prompt_share):
            raise SetupError(
                expected="with text_hidden_share a model that reads a text, and a prompt_share above 0",
                got=f"{len(texts)} texts, prompt_share {self.config.prompt_share:g}",
                fix="train with --observe task/text and with prompts, or leave text_hidden_share out",
            )

    def _check_single(self) -> None:
        if self.config.length > 1 or self.config.prompt_share:
            raise SetupError(
                expected="sequences of length 1 without prompts, where no step is remembered",
                got=f"length {self.config.length}, prompt_share {self.config.prompt_share:g}",
                fix="set length: 1 and prompt_share: 0",
            )

    @property
    def frames_per_step(self) -> int:
        return self.config.batch * self.config.length

    @property
    def longest_prompt(self) -> int:
        """Control steps that fill the window: what `GatoPolicy` takes, too."""
        return self.model.context_tokens // self.layout.step_tokens

    @cached_property
    def data_digest(self) -> str:
        parts = (self.training, self.validation)
        if isinstance(self.training, StreamedWindows):
            return catalogue_digest([part.steps.catalogue for part in parts])
        return frames_digest((part.frames for part in parts), (part.executed for part in parts))

    def batches(self, first_step: int) -> Iterator[SequenceBatch]:
        return sequence_batches(self.training, self.config, self.longest_prompt, first_step)

    def batch_of_step(self, seed: int, step: int) -> SequenceBatch:
        """A function of data, seed and step alone."""
        plan = self.training.plan_of_step(replace(self.config, seed=seed), self.longest_prompt, step)
        return self.training.batch(plan)

    def step(self, state: TrainingState, batch: SequenceBatch) -> tuple[TrainingState, dict[str, Any]]:
        return sequence_step(state, batch, config=self.config, model=self.model, layout=self.layout)

    @cached_property
    def _held_out(self) -> list[SequenceBatch]:
        rng = np.random.default_rng([self.config.seed, 3])
        return [
            self.validation.batch(self.validation.draw(rng, self.config, self.longest_prompt))
            for _ in range(VALIDATION_BATCHES)
        ]

    def measure(self, params: Any) -> dict[str, Any]:
        measured = [
            measure_sequences(params, batch, config=self.config, model=self.model, layout=self.layout)
            for batch in self._held_out
        ]
        return {key: np.mean([one[key] for one in measured], 0) for key in measured[0]}


@partial(jax.jit, static_argnames=("config", "model", "layout"), donate_argnames=("state",))
def sequence_step(
    state: TrainingState, batch: SequenceBatch, *, config: SequenceConfig, model: GatoConfig, layout: TokenLayout
) -> tuple[TrainingState, dict[str, Any]]:
    """The state after one batch, and the loss. Randomness is a function of seed and step."""
    rng = jax.random.fold_in(jax.random.key(config.seed), state.step)
    loss = partial(sequence_loss, batch=batch, rng=rng, config=config, model=model, layout=layout)
    (_, values), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
    return descended(state, gradients, config), values


def sequence_loss(
    params: Any, batch: SequenceBatch, rng: Any, *, config: SequenceConfig, model: GatoConfig, layout: TokenLayout
) -> tuple[Any, dict[str, Any]]:
    """What a training step brings down: the loss of a batch after augmentation, and its parts."""
    augment_rng, blind_rng, model_rng = jax.random.split(rng, 3)
    tokens = _shown(batch, layout)
    tokens = augment_sequences(tokens, config, augment_rng) if config.augments else tokens
    learned = _learned(batch)
    if config.blind_share:
        blind = jax.random.bernoulli(blind_rng, config.blind_share, (learned.shape[0], 1, 1))
        learned = learned & ~blind[..., 0]
        tokens = tokens._replace(ids=jnp.where(blind, hidden(tokens.ids, layout), tokens.ids))
        batch = batch._replace(done_ids=jnp.where(blind, layout.action_start + layout.choices // 2, batch.done_ids))
    if config.past_hidden_share:
        hide = jax.random.bernoulli(jax.random.fold_in(rng, 3), config.past_hidden_share, (learned.shape[0], 1, 1))
        batch = batch._replace(done_ids=jnp.where(hide, layout.action_start + layout.choices // 2, batch.done_ids))
    if config.memory_hidden_share:
        alone = jax.random.bernoulli(jax.random.fold_in(rng, 4), config.memory_hidden_share, (learned.shape[0], 1))
        batch = batch._replace(pieces=jnp.where(alone, jnp.arange(learned.shape[1]), batch.pieces))
    output = sequence_output(
        params,
        model,
        layout,
        tokens,
        batch.done_ids,
        pieces=batch.pieces,
        rng=model_rng,
        legal_only=config.legal_only,
    )
    return _losses(output, batch, learned, config, model, layout)


def _shown(batch: SequenceBatch, layout: TokenLayout) -> StepTokens:
    """What is seen, without the texts that the batch hides."""
    return batch.tokens if batch.text_hidden is None else without_text(batch.tokens, batch.text_hidden, layout)


def _learned(batch: SequenceBatch) -> Any:
    """[batch length] bool: the steps that are learned from."""
    return jnp.ones(batch.pieces.shape, bool) if batch.learned is None else jnp.asarray(batch.learned)


def _losses(
    output: Output,
    batch: SequenceBatch,
    learned: Any,
    config: SequenceConfig,
    model: GatoConfig,
    layout: TokenLayout,
) -> tuple[Any, dict[str, Any]]:
    """The weighted sum, and its parts."""
    mask = jnp.broadcast_to(learned[..., None], batch.label_ids.shape)
    action = masked_action_loss(
        output.action_logits,
        batch.label_ids - layout.action_start,
        mask,
        0 if config.legal_only else first_row(model, layout),
        spread(config.soft_sigma_bins, layout),
    )
    more, values = 0.0, {}
    if batch.auxiliary is not None:
        more, values = auxiliary_losses(
            output, batch.auxiliary, config.auxiliary_weight, config.patch_weight, model.patch_auxiliary
        )
    return action + more, {"action_loss": action, **values, "loss": action + more}


@partial(jax.jit, static_argnames=("config", "model", "layout"))
def measure_sequences(
    params: Any, batch: SequenceBatch, *, config: SequenceConfig, model: GatoConfig, layout: TokenLayout
) -> dict[str, Any]:
    """The loss and the errors of the likeliest actions, each given what was done before it."""
    output = sequence_output(
        params, model, layout, _shown(batch, layout), batch.done_ids, pieces=batch.pieces, legal_only=config.legal_only
    )
    learned = _learned(batch)
    _, values = _losses(output, batch, learned, config, model, layout)
    logits = output.action_logits
    first = 0 if config.legal_only else first_row(model, layout)
    chosen = legal(layout, logits[..., first : first + layout.choices]).argmax(-1)
    errors = action_errors(layout, chosen, batch.label_ids - layout.action_start)
    count = jnp.maximum(learned.sum(), 1)
    mean = lambda of_steps: jnp.where(learned, of_steps, 0).sum() / count  # noqa: E731
    known = {} if batch.auxiliary is None else auxiliary_error(output, batch.auxiliary)
    return {
        **values,
        **known,
        **{
            name: jnp.stack([mean(each[..., place]) for place in range(layout.actions)])
            for name, each in errors.items()
        },
    }


def augment_sequences(tokens: StepTokens, config: SequenceConfig, rng: Any) -> StepTokens:
    """`augment`, with one gain of colours over all steps of a sequence: light does not flicker from tick to tick."""
    batch, length, count = tokens.patches.shape[:3]
    picture = tokens.patches.shape[3:]
    joined = StepTokens(tokens.patches.reshape(batch, length * count, *picture), tokens.ids.reshape(batch, -1))
    changed = augment(joined, config, rng)
    return StepTokens(changed.patches.reshape(batch, length, count, *picture), changed.ids.reshape(tokens.ids.shape))
