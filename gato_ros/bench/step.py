"""Time of one control step: streamed, in one pass, and recomputed, interleaved in one run.

Streaming: one compiled call with a ring of keys and values; the actions one after the other.
One pass: all actions in one forward pass over one control step, the action inputs zeroed (one-step presets: only so).
Full recompute: five forward passes of the whole context, one per action token, as replicas without a cache do.
Weights are random: the time does not depend on them. Each side's share of the roofline is the least time that its
operations and bytes allow (models/analysis/flops.py) on this machine, over its median. The rates are measured in
the same run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from gato_ros.bench.free_memory import fitting_precisions
from gato_ros.bench.step_sides import Side, sides_of
from gato_ros.core.bounds import LARGEST_COUNT, Positive, Within, check_bounds
from gato_ros.core.errors import SetupError, unknown_name

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.models.config import GatoConfig

CONTROL_PERIOD_MS = 50.0


@dataclass(frozen=True)
class Options:
    """What to measure, and for how long."""

    preset: str = "sawyer_small"
    """A preset's name, `all`, or `ladder`: cores of 2 to 33 million, to find the largest at 20 Hz; or core_19.5m."""
    precisions: tuple[str, ...] = ("float32", "bfloat16", "bfloat16_weights", "mixed", "int8")
    """Of models/serving/precision.py. What does not fit into the free memory is left out and named."""
    sides: tuple[Literal["streaming", "one_pass", "full_recompute"], ...] = ("streaming", "one_pass", "full_recompute")
    steps: Annotated[int, Within(3, LARGEST_COUNT)] = 50
    """Control steps measured of each side, interleaved."""
    seconds: Positive = 60.0
    """Stop a preset after about this time [s]. A side that has had its equal share of it waits for the others, so that
    recomputing 1.18 B parameters is measured once and not for an hour."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure; returns milliseconds per control step of every side, and ratios, for each preset."""
    from gato_ros.bench.ladder import ladder, largest_at
    from gato_ros.domains.robot_presets import ROBOT_PRESETS, preset_for
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.analysis.roofline import device_name, measured_rates

    rungs = ladder()
    known = {**ROBOT_PRESETS, **rungs}
    _check(options, known)
    groups = {"all": list(ROBOT_PRESETS), "ladder": list(rungs)}
    embodiment, presets, refused = load_embodiment(options.embodiment), {}, {}
    machine = {"device": device_name(), **measured_rates()}
    for name in groups.get(options.preset, [options.preset]):
        try:
            config = preset_for(name, embodiment) if name in ROBOT_PRESETS else known[name]
            presets[name] = measure(config, embodiment, options, machine)
        except SetupError as error:
            if options.preset not in groups:
                raise
            refused[name] = str(error)
    largest = {"largest_at_20_hz": largest_at(CONTROL_PERIOD_MS, presets)} if options.preset == "ladder" else {}
    _print(presets, refused)
    return {"machine": machine, "presets": presets, **largest, **({"refused": refused} if refused else {})}


def _check(options: Options, known: dict[str, GatoConfig]) -> None:
    from gato_ros.models.serving.precision import PRECISIONS

    if options.preset not in ("all", "ladder", *known):
        raise unknown_name("a preset", options.preset, ["all", "ladder", *known])
    for precision in options.precisions:
        if precision not in PRECISIONS:
            raise unknown_name("a precision", precision, PRECISIONS)
    check_bounds(options)


def measure(config: GatoConfig, embodiment: Embodiment, options: Options, rates: dict[str, float]) -> dict[str, Any]:
    """All sides of one preset.

    Args:
        rates: of this machine, by `machine.measured_rates`.

    Raises:
        SetupError: the preset does not fit into the free memory.
    """
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.analysis.flops import core_parameters
    from gato_ros.models.gato import count_parameters, parameter_shapes
    from gato_ros.models.layout import token_layout

    embodiment = contract_for(embodiment, config.observation_keys)
    layout = token_layout(embodiment.spec, config)
    count = count_parameters(parameter_shapes(config, layout))
    precisions, left_out = fitting_precisions(count, options.precisions)
    sides = sides_of(config, embodiment, layout, precisions, options.sides)
    times = _interleaved(sides, options)
    rows = {name: _row(times[name], side, rates) for name, side in sides.items()}
    return {
        "parameters": count,
        "core_parameters": core_parameters(config),
        "sides": rows,
        **_compared(rows),
        "steps": max(map(len, times.values())),
        "decoding": config.action_decoding,
        "context_tokens": config.context_tokens or layout.step_tokens,
        **({"left_out": left_out} if left_out else {}),
    }


def _interleaved(sides: dict[str, Side], options: Options) -> dict[str, list[float]]:
    """Milliseconds of the steps of every side, in turn; each at least once."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    share_ms = 1e3 * options.seconds / len(sides)
    for step in range(options.steps):
        going = [name for name, taken in times.items() if sum(taken) < share_ms]
        if not going:
            break
        for name in going:
            start = time.perf_counter()
            sides[name].run(step)
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def _row(times_ms: list[float], side: Side, rates: dict[str, float]) -> dict[str, Any]:
    least_ms = 1e3 * sum(phase.least_s(rates) for phase in side.phases)
    p50 = float(np.percentile(times_ms, 50))
    arithmetic = [
        {
            "phase": phase.name,
            "times": phase.times,
            "operations": phase.products + phase.attention,
            "bytes": phase.bytes,
            "least_ms": 1e3 * phase.least_s(rates),
        }
        for phase in side.phases
    ]
    return {
        "p50": p50,
        "p99": float(np.percentile(times_ms, 99)),
        "steps": len(times_ms),
        "compile_s": side.compile_s,
        "least_ms": least_ms,
        "share_of_roofline": least_ms / p50,
        "arithmetic": arithmetic,
    }


def _compared(rows: dict[str, dict]) -> dict[str, Any]:
    """The deployed step beside recomputing, both in the first precision, and what decoding in one pass saves."""
    deployed = next((name for kind in ("streaming", "one_pass") for name in rows if name.startswith(kind)), None)
    found: dict[str, Any] = {}
    for key, name in (("streaming_ms", deployed), ("full_recompute_ms", "full_recompute/float32")):
        if name in rows:
            found[key] = {part: rows[name][part] for part in ("p50", "p99")}
    if len(found) == 2:
        found["ratio"] = found["full_recompute_ms"]["p50"] / found["streaming_ms"]["p50"]
        found["ratio_best"] = found["full_recompute_ms"]["p50"] / min(
            row["p50"] for name, row in rows.items() if name.split("/")[0] == deployed.split("/")[0]
        )
    pairs = {name.split("/")[1]: row["p50"] for name, row in rows.items() if name.startswith("streaming/")}
    faster = {
        precision: p50 / rows[f"one_pass/{precision}"]["p50"]
        for precision, p50 in pairs.items()
        if f"one_pass/{precision}" in rows
    }
    return {**found, **({"one_pass_is_faster_by": faster} if faster else {})}


def _print(presets: dict[str, dict], refused: dict[str, str]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    table = Table("preset", "side", "p50 / p99 [ms]", "of roofline", "compile [s]", show_edge=False)
    for name, row in presets.items():
        for side, times in row["sides"].items():
            table.add_row(
                f"{name} {row['parameters'] / 1e6:,.2f} M",
                side,
                f"{times['p50']:.2f} / {times['p99']:.2f}",
                f"{100 * times['share_of_roofline']:.0f} %",
                f"{times['compile_s']:.1f}",
            )
    console = make_console()
    console.print(table)
    for name, row in presets.items():
        if "ratio" in row:
            console.print(f"{name}: recomputing takes {row['ratio']:.1f} times as long", highlight=False)
        for precision, reason in row.get("left_out", {}).items():
            console.print(f"{name} in {precision}: left out, {reason}", markup=False)
    for name, reason in refused.items():
        console.print(f"{name}: {reason}", markup=False)
