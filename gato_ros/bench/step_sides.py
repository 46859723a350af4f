"""The sides of `bench step`: the deployed step of each precision, and the full recompute, ready to run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.models.config import GatoConfig
    from gato_ros.models.layout import TokenLayout
    from gato_ros.models.tokenizer import StepTokens


@dataclass(frozen=True)
class Side:
    """One way of making a control step."""

    run: Callable[[int], None]
    compile_s: float
    phases: list
    """Of models/analysis/flops.Phase: what it has to do at least."""


def sides_of(
    config: GatoConfig, embodiment: Embodiment, layout: TokenLayout, precisions: list[str], kinds: tuple[str, ...]
) -> dict[str, Side]:
    """Every side of these `kinds` (streaming, one_pass, full_recompute) and precisions, compiled.

    Raises:
        SetupError: the preset has none of these sides.
    """
    from gato_ros.models.analysis.flops import one_pass_phases, recompute_phases, streaming_phases
    from gato_ros.models.analysis.uncached_step import RecomputedStep, random_parameters
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.serving.precision import serving

    params, frames, sides = random_parameters(config, layout, seed=0), _frames(embodiment, config, layout), {}
    streams = config.action_decoding == "autoregressive"
    for precision in precisions:
        if precision == "mixed" and not streams:
            continue  # without decodes it is bfloat16_weights
        served, config_served = serving(params, config, precision)
        if streams and "streaming" in kinds:
            policy = GatoPolicy(served, config_served, embodiment)
            sides[f"streaming/{precision}"] = _policy_side(policy, frames, streaming_phases(config, layout, precision))
        if "one_pass" in kinds and "prefill" not in served:
            whole = replace(config_served, action_decoding="one_pass", context_tokens=None)
            policy = GatoPolicy(served, whole, embodiment)
            sides[f"one_pass/{precision}"] = _policy_side(policy, frames, one_pass_phases(whole, layout, precision))
    if "full_recompute" in kinds:
        recomputed = RecomputedStep(params, config, layout)
        run = _recompute(recomputed, layout, frames)
        compile_s = seconds_of(lambda: run(0))
        sides["full_recompute/float32"] = Side(run, compile_s, recompute_phases(config, layout, recomputed.steps))
    if not sides:
        raise SetupError(
            expected="a side that this preset has",
            got=", ".join(kinds),
            fix="one-step presets do not stream: choose one_pass",
        )
    return sides


def _policy_side(policy: Any, frames: list[StepTokens], phases: list) -> Side:
    """The deployed step, compiled and run twice: its time does not depend on how full the ring is."""
    compile_s = seconds_of(policy.warm_up)
    step = lambda i: policy.act_on_tokens(frames[i % len(frames)])
    for i in range(2):
        step(i)
    return Side(step, compile_s, phases)


def _recompute(recomputed: Any, layout: TokenLayout, frames: list[StepTokens]) -> Callable[[int], None]:
    """Five forward passes of the whole context, each returning the next action token."""
    from gato_ros.models.layout import CONTINUOUS_START

    past = np.full((recomputed.steps - 1, layout.actions), CONTINUOUS_START, np.int32)
    return lambda i: recomputed.run([frames[(i + k) % len(frames)] for k in range(recomputed.steps)], past)


def seconds_of(action: Callable[[], Any]) -> float:
    """How long `action` takes [s]."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _frames(embodiment: Embodiment, config: GatoConfig, layout: TokenLayout) -> list[StepTokens]:
    """Tokens of random observations within the contract's ranges."""
    from gato_ros.models.tokenizer import tokenize

    rng, frames = np.random.default_rng(0), []
    for _ in range(8):
        values: dict[str, np.ndarray] = {}
        for key in config.observation_keys:
            channel = embodiment.channel(key)
            if channel.kind == "image":
                values[key] = rng.integers(0, 256, channel.shape, dtype=np.uint8)
            elif channel.kind == "discrete":
                values[key] = rng.integers(0, channel.values, channel.shape)
            else:
                values[key] = rng.uniform(channel.lower, channel.upper)
        frames.append(tokenize(layout, values))
    return frames
