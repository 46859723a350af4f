"""A trained Gato behind the Policy seam."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.contract import Contract
from gato_ros.core.decision import Decision, Trace
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.models.config import GatoConfig
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import Parameters
from gato_ros.models.serving.compilation import usable_cores
from gato_ros.models.serving.control_step import OnePass, Streaming
from gato_ros.models.serving.precision import on_cpu, on_gpu, serving
from gato_ros.models.serving.reference_decisions import check_machine
from gato_ros.models.serving.streaming import with_head
from gato_ros.models.tokenizer import StepTokens, decode_actions, text_ids, tokenize, tokenize_actions
from gato_ros.models.weights import load_weights


class GatoPolicy:
    """Observations to actions by a compiled transformer; the caller owns time. Not thread-safe."""

    def __init__(
        self,
        params: Parameters,
        config: GatoConfig,
        contract: Contract,
        *,
        seed: int = 0,
        takes_prompts: bool = False,
        precision: str | None = None,
        digest: str = "",
        golden: list[dict[str, Any]] | None = None,
    ):
        """`takes_prompts`: the weights were trained with demonstrations before some of the sequences.

        `golden`: the decisions recorded with them (reference_decisions.py), which `warm_up` compares.
        """
        self._golden, self._precision = golden, precision or config.compute
        if precision is not None:
            params, config = serving(params, config, precision)
        if jax.default_backend() == "gpu" and config.compute == "bfloat16":
            params = on_gpu(params)
        self.layout = token_layout(contract.spec, config)
        remembers = config.remembers(config.keys_of(contract.spec))
        if config.context_tokens is not None and not remembers:
            config = replace(config, context_tokens=self.layout.step_tokens)
        self.config, self.contract = config, contract
        if not self.layout.actions:
            raise SetupError(
                expected="a contract whose actions are numbers",
                got=f"{contract.name}, which is answered in words",
                fix="use serving.answers.AnswerPolicy",
            )
        self.observation_keys = tuple(item.key for item in self.layout.items)
        self.ticks = 0
        """Actions so far; what is drawn at a temperature above 0 depends on it."""
        deployed = {name: value for name, value in params.items() if name != "auxiliary"}
        self._rng = jax.random.key(seed)
        kind: type[OnePass | Streaming] = OnePass if config.action_decoding == "one_pass" else Streaming
        if kind is Streaming:
            deployed = with_head(deployed, config, self.layout)
            deployed = on_cpu(deployed, usable_cores()) if jax.default_backend() == "cpu" else deployed
        self._params = jax.device_put(deployed)
        self._step = kind(self._params, config, self.layout)
        per_step = self.layout.step_tokens
        self.info = PolicyInfo(
            digest,
            remembers,
            # The longest prompt fills the window.
            config.window // per_step if takes_prompts and remembers else 0,
            # Each layer reaches one window further.
            -(-config.layers * config.window // per_step) + 1 if remembers else 0,
        )
        self._prompt: Prompt | None = None
        self._prompted: Any = None

    @staticmethod
    def from_directory(
        directory: str | Path,
        contract: Contract,
        *,
        seed: int = 0,
        precision: str | None = None,
        temperature: float | None = None,
    ) -> "GatoPolicy":
        """The policy saved in `directory`, or the shipped one of that name.

        Args:
            precision: one of `precision.PRECISIONS`; None: as it was trained.
            temperature: of drawn actions, 0 for the likeliest; None: that of the weights.

        Raises:
            SetupError: it is damaged or made for another robot; no such precision; a temperature below 0.
        """
        weights = load_weights(directory, contract)
        config = weights.config
        if temperature is not None:
            if not 0 <= temperature < np.inf:
                raise SetupError(
                    expected="a temperature of 0 or more", got=f"{temperature:g}", fix="0 takes the likeliest"
                )
            config = replace(config, temperature=temperature)
        share = weights.extra.get("training", {}).get("prompt_share", 0.0)
        return GatoPolicy(
            weights.params,
            config,
            contract,
            seed=seed,
            takes_prompts=share > 0,
            precision=precision,
            digest=weights.digest,
            golden=weights.golden,
        )

    def reset(self, prompt: Prompt | None = None) -> None:
        """Forget the episode before; the next one follows the prompt as if that had just happened.

        A prompt is computed once, which may take longer than a control tick; with the same object again, its memory is
        copied.

        Raises:
            SetupError: `check_prompt` refuses it; the memory is as it was.
        """
        if prompt is None:
            self._step.reset()
            return
        if prompt is not self._prompt:
            steps = self.check_prompt(prompt)
            self._step.reset()
            for tokens, action_ids in steps:
                self._memory.absorb(tokens, action_ids)
            self._prompt, self._prompted = prompt, self._memory.snapshot()
        self._memory.restore(self._prompted)

    @property
    def _memory(self) -> Streaming:
        if not isinstance(self._step, Streaming):
            raise ValueError("a policy of single steps remembers nothing")
        return self._step

    @property
    def compilations(self) -> int:
        """How often anything was compiled: 1 after `warm_up`, 2 where prompts are taken, for ever."""
        return self._step.compilations

    def _context_tokens(self) -> tuple[int, int]:
        window = self.config.context_tokens or self.layout.step_tokens
        return min(self._step.steps * self.layout.step_tokens, window), window

    def take_up(self, step: int) -> None:
        """Go on as `step` steps after a reset, with an empty memory: for a replay that begins in the middle.

        What is remembered is as it was after `info.reach_steps` of `absorb`, up to rounding; after as many of `act`
        again, exactly.
        """
        self._step.reset()
        self._memory.begin_at(step)

    def absorb(self, tokens: StepTokens, action_ids: np.ndarray) -> None:
        """Remember a step whose actions are given."""
        self._memory.absorb(tokens, np.asarray(action_ids, np.int32))

    def check_prompt(self, prompt: Prompt) -> list[tuple[StepTokens, np.ndarray]]:
        """The tokens and action ids of each step of a prompt.

        Raises:
            SetupError: weights that never saw a prompt; one longer than `info.prompt_steps`; not the contract's values.
        """
        if not self.info.prompt_steps:
            raise SetupError(
                expected="weights that were trained with prompts",
                got="weights without",
                fix="leave the prompt out, or train an autoregressive preset with a prompt share above 0",
            )
        if len(prompt) > self.info.prompt_steps:
            raise SetupError(
                expected=f"a prompt of at most {self.info.prompt_steps} control steps, what the window holds",
                got=f"{len(prompt)}",
                fix="take a shorter part of the demonstration",
            )
        try:
            return [
                (tokenize(self.layout, observation.values), tokenize_actions(self.layout, action.as_vector()))
                for observation, action in zip(prompt.observations, prompt.actions)
            ]
        except (KeyError, ValueError) as error:
            raise SetupError(
                expected=f"a prompt with the values of {self.contract.name}",
                got=str(error),
                fix="take a demonstration that was recorded with this contract, images included",
            ) from None

    def warm_up(self) -> None:
        """Compile the control step and run it once, so that the first tick is as quick as the others.

        Raises:
            SetupError: golden decisions are recorded with the weights, and this machine decides otherwise.
        """
        zeros = {
            key: np.zeros(self.contract.spec.observation(key).shape, np.uint8 if item.kind == "image" else np.float32)
            for key, item in zip(self.observation_keys, self.layout.items)
        }
        tokens = tokenize(self.layout, zeros)
        self._step.run(tokens, self._rng, np.uint32(0))
        if self.info.prompt_steps:
            self._memory.absorb(tokens, np.full(self.layout.actions, self.layout.action_start, np.int32))
            self._memory.restore(self._memory.snapshot())
        self._step.reset()
        if self._golden is not None:
            check_machine(self, self._golden, self._precision)

    def check_texts(self, values: Mapping[str, np.ndarray]) -> None:
        """Refuse texts that this policy cannot take (SetupError), before it has to act on them."""
        for item in self.layout.items:
            if item.kind == "text":
                text_ids(self.layout, item, values[item.key])

    def act(self, observation: Observation) -> Decision:
        """The action for this tick.

        Raises:
            NonFiniteError: a sensor value or a logit is not finite; the caller must stop the arm.
            KeyError, ValueError: the observation is not the contract's.
        """
        begin_s = time.perf_counter()
        tokens = tokenize(self.layout, observation.values)
        return self.act_on_tokens(tokens, tokenise_s=time.perf_counter() - begin_s)

    def judge(self, observation: Observation, executed: np.ndarray) -> Decision:
        """As `act`, where somebody else drives: what is remembered of this step is that `executed` was carried out.

        Args:
            executed: [n] the action, as `Action.as_vector`.
        """
        tokens = tokenize(self.layout, observation.values)
        if not self.info.remembers:
            return self.act_on_tokens(tokens)
        before = self._memory.snapshot()
        decision = self.act_on_tokens(tokens)
        self._memory.restore(before)
        self._memory.absorb(tokens, tokenize_actions(self.layout, executed))
        return decision

    def remembered(self) -> Any:
        """What is remembered now, copied, for `log_probabilities` of the next step; None: a policy of single steps."""
        return self._memory.snapshot() if self.info.remembers else None

    def log_probabilities(self, patches: np.ndarray, values: np.ndarray, ids: np.ndarray, before: Any) -> np.ndarray:
        """Of the actions in n steps that differ in their pictures only: [n actions choices]; nothing is remembered.

        Compiled at the first call with each n.

        Args:
            patches: [n patches size size 3] and
            values: [values], both as `StepTokens` has them.
            ids: [actions] that are given: each action is judged after those before it.
            before: what `remembered` gave before this step.
        """
        return np.asarray(self._step.judge(patches, values, np.asarray(ids, np.int32), before))

    def act_on_tokens(self, tokens: StepTokens, likeliest: bool = False, tokenise_s: float = 0.0) -> Decision:
        """As `act`, for an observation that is tokenised already (benchmarks).

        Args:
            likeliest: take the likeliest choices whatever the temperature is (golden decisions).
            tokenise_s: how long it took to make the tokens [s].
        """
        begin_s, compiled = time.perf_counter(), self._step.compilations
        if not self.info.remembers:
            self._step.forget()
        chosen = self._step.run(tokens, self._rng, np.uint32(self.ticks % 2**32), likeliest)
        self.ticks += 1
        chosen.confidence.copy_to_host_async()  # one wait for both
        ids = np.asarray(chosen.ids)
        margin, entropy, probability = confidence = np.asarray(chosen.confidence)
        forward_s = time.perf_counter() - begin_s
        trace = Trace(
            tokens,
            ids,
            entropy,
            probability,
            margin,
            self._context_tokens(),
            tokenise_s,
            forward_s,
            self.ticks,
            self._step.compilations != compiled,
        )
        if not np.isfinite(confidence).all():
            raise NonFiniteError("the model's logits are not finite: the weights or the inputs are damaged", trace)
        return Decision(Action.of_vector(decode_actions(self.layout, ids), self.contract.spec.actions), trace)
