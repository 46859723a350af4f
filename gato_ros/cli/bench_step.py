"""Time of one control step: one streamed call against naive recomputing, interleaved in one run.

Streaming: one compiled call with a ring of keys and values (one-step presets: the single forward pass).
Full recompute: five forward passes of the whole context, one per action token, as replicas without a cache do.
Weights are random: the time does not depend on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.errors import SetupError, unknown_name

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.models.config import GatoConfig
    from gato_ros.models.layout import TokenLayout
    from gato_ros.models.tokenizer import StepTokens

BYTES_PER_PARAMETER = 4
HEADROOM = 1.6
"""Memory needed per byte of parameters: keys, values, activations, and the copy while they are made."""


@dataclass(frozen=True)
class Options:
    """What to measure, and for how long."""

    preset: str = "sawyer_small"
    """A preset's name, or `all`."""
    steps: int = 50
    """Control steps measured of each side, interleaved."""
    seconds: float = 60.0
    """Stop a preset after this time [s], but not before three steps."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure; returns milliseconds per control step and their ratio for each preset."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.presets import PRESETS

    if options.preset != "all" and options.preset not in PRESETS:
        raise unknown_name("a preset", options.preset, ["all", *PRESETS])
    if options.steps < 3:
        raise SetupError(expected="--steps of at least 3", got=str(options.steps), fix="measure longer")
    embodiment, presets, refused = load_embodiment(options.embodiment), {}, {}
    for name in PRESETS if options.preset == "all" else [options.preset]:
        try:
            presets[name] = measure(PRESETS[name], embodiment, options)
        except SetupError as error:
            if options.preset != "all":
                raise
            refused[name] = str(error)
    _print(presets, refused)
    return {"presets": presets, **({"refused": refused} if refused else {})}


def measure(config: GatoConfig, embodiment: Embodiment, options: Options) -> dict[str, Any]:
    """Both sides of one preset.

    Raises:
        SetupError: the preset does not fit into the free memory.
    """
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.gato import count_parameters, parameter_shapes
    from gato_ros.models.layout import token_layout
    from gato_ros.models.recompute import random_parameters

    embodiment = contract_for(embodiment, config.observation_keys)
    layout = token_layout(embodiment, config)
    count = count_parameters(parameter_shapes(config, layout))
    _check_memory(count)
    params = random_parameters(config, layout, seed=0)
    frames = _frames(embodiment, config, layout)
    streamed, recomputed = _streaming(params, config, embodiment, frames), _recompute(params, config, layout, frames)
    times: dict[str, list[float]] = {"streaming_ms": [], "full_recompute_ms": []}
    begin = time.perf_counter()
    for step in range(options.steps):
        for name, side in (("streaming_ms", streamed), ("full_recompute_ms", recomputed)):
            start = time.perf_counter()
            side(step)
            times[name].append(1e3 * (time.perf_counter() - start))
        if time.perf_counter() - begin > options.seconds and step >= 2:
            break
    result = {name: {"p50": float(np.percentile(values, 50)), "p99": float(np.percentile(values, 99))}
              for name, values in times.items()}
    ratio = result["full_recompute_ms"]["p50"] / result["streaming_ms"]["p50"]
    return {"parameters": count, **result, "ratio": ratio, "steps": len(times["streaming_ms"]),
            "decoding": config.action_decoding, "context_tokens": config.context_tokens or layout.step_tokens}


def _check_memory(parameters: int) -> None:
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    needed = parameters * BYTES_PER_PARAMETER * HEADROOM
    if needed > free:
        raise SetupError(expected=f"{needed / 2**30:.1f} GiB of free memory for {parameters / 1e6:.0f} M parameters",
                         got=f"{free / 2**30:.1f} GiB", fix="choose a smaller preset")


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


def _streaming(params: Any, config: GatoConfig, embodiment: Embodiment,
               frames: list[StepTokens]) -> Callable[[int], None]:
    """The deployed step; the ring is filled before anything is measured."""
    from gato_ros.models.policy import GatoPolicy

    policy = GatoPolicy(params, config, embodiment)
    policy.warm_up()
    step = lambda i: policy.act_on_tokens(frames[i % len(frames)])
    for i in range(2):
        step(i)
    return step


def _recompute(params: Any, config: GatoConfig, layout: TokenLayout,
               frames: list[StepTokens]) -> Callable[[int], None]:
    """Five forward passes of the whole context, each returning the next action token."""
    from gato_ros.models.layout import CONTINUOUS_START
    from gato_ros.models.recompute import RecomputedStep

    recomputed = RecomputedStep(params, config, layout)
    past = np.full((recomputed.steps - 1, layout.actions), CONTINUOUS_START, np.int32)

    def run(i: int) -> None:
        recomputed.run([frames[(i + k) % len(frames)] for k in range(recomputed.steps)], past)

    run(0)
    return run


def _print(presets: dict[str, dict], refused: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("preset", "parameters", "streaming p50 / p99 [ms]", "full recompute p50 / p99 [ms]", "ratio", "steps",
                  show_edge=False)
    for name, row in presets.items():
        both = [f"{row[side]['p50']:.2f} / {row[side]['p99']:.2f}" for side in ("streaming_ms", "full_recompute_ms")]
        table.add_row(name, f"{row['parameters'] / 1e6:,.2f} M", *both, f"{row['ratio']:.1f}", str(row["steps"]))
    console = Console()
    console.print(table)
    for name, reason in refused.items():
        console.print(f"{name}: {reason}", markup=False)
