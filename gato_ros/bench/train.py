"""Speed of training: frames and tokens per second, and the share of the machine's operations that the model uses.

Model FLOP utilisation is the operations of the forward pass times three (models/analysis/flops.py; what is computed
again to save
memory does not count) per second, over the rate of square products in the same precision, measured in the same run.
Data are random and lie on the device already: reading them is not in the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gato_ros.core.bounds import Batch, Count, check_bounds
from gato_ros.core.errors import SetupError, unknown_name

STATE_BYTES = 20
"""Per parameter: itself, its average, two moments and its gradient."""


@dataclass(frozen=True)
class Options:
    """What to measure, and for how long."""

    preset: tuple[str, ...] = ("sawyer_small", "gato_79m")
    """Names of presets; one-step presets are cloned step by step, the others trained on packed sequences."""
    compute: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    attention: Literal["plain", "fused"] = "plain"
    """Of the model; `fused` needs bfloat16 on a GPU."""
    rematerialise: bool = True
    """Compute layers again in the backward pass where the preset says so; no: keep everything, if memory allows."""
    batch: Batch | None = None
    """Frames or sequences in a step; by default 64 frames, 1 sequence."""
    repetitions: Count = 5
    """Steps measured after the first one."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure each preset in each precision."""
    from rich.progress import track

    from gato_ros.domains.robot_presets import ROBOT_PRESETS
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.analysis.roofline import device_name, measured_rates

    for name in options.preset:
        if name not in ROBOT_PRESETS:
            raise unknown_name("a preset", name, ROBOT_PRESETS)
    check_bounds(options)
    embodiment = load_embodiment(options.embodiment)
    machine = {"device": device_name(), **measured_rates()}
    presets, refused = {}, {}
    work = [(name, compute) for name in options.preset for compute in options.compute]
    for name, compute in track(work, description="bench train"):
        try:
            presets[f"{name}/{compute}"] = measure(name, compute, embodiment, options, machine)
        except SetupError as error:
            refused[f"{name}/{compute}"] = str(error)
    _print(presets, refused)
    return {"machine": machine, "presets": presets, **({"refused": refused} if refused else {}), "ok": bool(presets)}


def measure(name: str, compute: str, embodiment: Any, options: Options, rates: dict[str, Any]) -> dict[str, Any]:
    """One preset in one precision.

    Raises:
        SetupError: its training state does not fit into the free memory.
    """
    from gato_ros.bench.train_step import in_precision, time_cloning, time_sequences
    from gato_ros.data.free_memory import free_memory
    from gato_ros.domains.robot_presets import preset_for
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.analysis.flops import training_operations
    from gato_ros.models.gato import count_parameters, parameter_shapes
    from gato_ros.models.layout import token_layout

    model = in_precision(preset_for(name, embodiment), compute, options.attention)
    model = model if options.rematerialise else replace(model, rematerialise=False)
    layout = token_layout(contract_for(embodiment, model.observation_keys).spec, model)
    parameters, free = count_parameters(parameter_shapes(model, layout)), free_memory()
    if parameters * STATE_BYTES > free:
        raise SetupError(
            expected=f"{parameters * STATE_BYTES / 2**30:.1f} GiB of free memory for the training state",
            got=f"{free / 2**30:.1f} GiB",
            fix="choose a smaller preset",
        )
    steps = None if model.action_decoding == "one_pass" else model.context_tokens // layout.step_tokens
    batch = options.batch or (64 if steps is None else 1)
    timed = (
        time_cloning(model, layout, batch, options.repetitions)
        if steps is None
        else time_sequences(model, layout, batch, steps, options.repetitions)
    )
    step_s = float(np.median(timed["step_s"]))
    frames, operations = batch * (steps or 1), training_operations(model, layout, batch, steps)
    peak = rates[f"flops_{'16' if compute == 'bfloat16' else '32'}_per_s"]
    return {
        "parameters": parameters,
        "loss": "cloning" if steps is None else "sequence",
        "batch": batch,
        "control_steps": steps or 1,
        "compile_s": timed["compile_s"],
        "step_s": step_s,
        "frames_per_s": frames / step_s,
        "tokens_per_s": frames * layout.step_tokens / step_s,
        "operations_per_step": operations,
        "operations_per_s": operations / step_s,
        "peak_operations_per_s": peak,
        "mfu": operations / step_s / peak,
        **_published(operations / step_s, compute, rates["device"]),
        "rematerialise": model.rematerialise,
        "attention": model.attention,
    }


def _published(operations_per_s: float, compute: str, device: str) -> dict[str, float]:
    """Utilisation of the data sheet's rate, where there is one: less than that of the rate that was measured."""
    from gato_ros.models.analysis.roofline import PUBLISHED_FLOPS_16_PER_S

    if compute != "bfloat16" or device not in PUBLISHED_FLOPS_16_PER_S:
        return {}
    return {"mfu_of_data_sheet": operations_per_s / PUBLISHED_FLOPS_16_PER_S[device]}


def _print(presets: dict[str, dict], refused: dict[str, str]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    table = Table("preset", "batch", "step [s]", "frames/s", "tokens/s", "MFU", show_edge=False)
    for name, row in presets.items():
        table.add_row(
            name,
            f"{row['batch']} x {row['control_steps']}",
            f"{row['step_s']:.3f}",
            f"{row['frames_per_s']:,.0f}",
            f"{row['tokens_per_s']:,.0f}",
            f"{100 * row['mfu']:.0f} %",
        )
    console = make_console()
    console.print(table)
    for name, reason in refused.items():
        console.print(f"{name}: {reason}", markup=False)
