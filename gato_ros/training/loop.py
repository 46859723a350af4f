"""The training loop: batches, steps, checkpoints, validation, closed-loop success, best weights by success."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from tensorboardX import SummaryWriter

from gato_ros.core.contract import Contract
from gato_ros.models.config import GatoConfig
from gato_ros.models.gato import count_parameters, init
from gato_ros.models.layout import TokenLayout
from gato_ros.models.weights import save_weights
from gato_ros.training.checkpoint import load_checkpoint, portable, run_record, save_checkpoint
from gato_ros.training.goodput import Goodput, Trace
from gato_ros.training.objective import Objective
from gato_ros.training.optimiser import TrainingState, start
from gato_ros.training.sharding import agreed, gathered, on_mesh, place_state
from gato_ros.training.starting_weights import taken_over
from gato_ros.training.supervision import Supervision

CURVES, TENSORBOARD = "curves.jsonl", "tensorboard"


@dataclass(frozen=True)
class Schedule:
    """What happens when, in gradient steps; 0 means never."""

    log: int = 50
    validate: int = 500
    checkpoint: int = 500
    closed_loop: int = 0


@dataclass(frozen=True)
class Progress:
    """What the loop tells its caller: a row of the curves."""

    kind: str
    """"train", "validation" or "closed_loop"."""
    step: int
    values: dict[str, float]


def train(
    objective: Objective,
    contract: Contract,
    supervision: Supervision,
    data: dict[str, int],
    folder: Path,
    schedule: Schedule,
    report: Callable[[Progress], None],
    closed_loop: Callable[[Path], dict[str, float]] | None = None,
    initial: Any = None,
    mesh: Mesh | None = None,
    others: Sequence[Contract] = (),
    deployed: GatoConfig | None = None,
    profile: bool = False,
) -> dict[str, Any]:
    """Train, or go on with the run in `folder`, to the last step; returns the final figures.

    Leaves in `folder`: the checkpoint, `curves.jsonl`, tensorboard events, `last/` (weights of the moving
    average at the checkpoint), and `best/` (those with the highest closed-loop success so far).

    Args:
        objective: what is learned from what.
        contract: of the robot or game; goes into the weights.
        supervision: names what is reported.
        data: frames per folder, for the record.
        closed_loop: measures saved weights; must return {"rate": share of successes, ...}.
        initial: parameters to start from instead of random ones.
        mesh: devices to spread over; several processes of one mesh call this together, and the first one writes.
        others: contracts beside the first, of a generalist.
        deployed: what the weights say of themselves, where the training computes in another precision.
        profile: write a trace of some steps beside the tensorboard events.
    """
    config = objective.config
    record = run_record(config, objective.model, data, objective.data_digest)
    params = init(jax.random.key(config.seed), objective.model, objective.layout)
    if initial is not None:
        params = taken_over(params, initial)
    fresh = start(config, params)
    if mesh is not None:
        fresh = place_state(fresh, mesh)
    state = load_checkpoint(folder / "checkpoint", fresh, record) or fresh
    advance = objective.step if mesh is None else on_mesh(objective.step, state, mesh)
    run = _Run(folder, objective, deployed or objective.model, (contract, *others), record, report, closed_loop)
    figures = lambda: named(objective.measure(gathered(state.average)), objective.layout, supervision)  # noqa: E731
    first, clock = int(state.step), Goodput()
    trace = Trace(folder / TENSORBOARD, first) if profile else None
    sums: dict[str, Any] = {}
    for step, batch in enumerate(objective.batches(first), first + 1):
        with clock.aside(state) if step == first + 1 else contextlib.nullcontext():
            state, values = advance(state, batch)
            if step == first + 1:
                jax.block_until_ready(values)  # compiled
        if trace:
            trace.after(step, values)
        sums = {key: sums.get(key, 0.0) + value for key, value in values.items()}
        if _due(schedule.log, step, config.steps):
            since = (step - 1) % schedule.log + 1
            means = {key: float(value) / min(since, step - first) for key, value in sums.items()}
            means["frames_per_s"] = (step - first) * objective.frames_per_step / clock.elapsed_s
            means["goodput"] = clock.goodput
            run.write("train", step, means)
            sums = {}
        if _due(schedule.validate, step, config.steps):
            with clock.aside(state):
                run.write("validation", step, figures())
        if closed_loop is not None and _due(schedule.closed_loop, step, config.steps):
            with clock.aside(state):
                run.measure_closed_loop(step, state)
        if _due(schedule.checkpoint, step, config.steps):  # comes last: what a kill cut off is done again
            with clock.aside(state):
                run.save("last", state, step)
                save_checkpoint(folder / "checkpoint", state, record)
    if trace:
        trace.close()
    run.close()
    return {
        "steps": int(state.step),
        "parameters": count_parameters(params),
        "best_rate": run.best,
        **figures(),
    }


def _due(every: int, step: int, last: int) -> bool:
    return every > 0 and (step % every == 0 or step == last)


def named(values: dict[str, Any], layout: TokenLayout, supervision: Supervision) -> dict[str, float]:
    """Validation figures under readable names: errors in SI units, or shares where an action is one of few values.

    Auxiliary errors are in the domain's unit of report, like mm.
    """
    out = {key: float(value) for key, value in values.items() if np.ndim(value) == 0}
    half = (np.array(layout.action_upper) - np.array(layout.action_lower)) / 2
    for place, name in enumerate(supervision.action_names):
        if layout.action_values or layout.action_binary[place]:
            out[f"{name}_accuracy"] = float(values["action_accuracy"][place])
        else:
            out[f"error_{name}"] = float(values["action_error"][place] * half[place])
    if "auxiliary_error" in values:
        errors = np.asarray(values["auxiliary_error"]) * np.array(supervision.auxiliary_scale)
        # Exactly zero is no figure but the absence of one: nothing was known of it in a single frame.
        out.update({f"error_{name}": float(error) for name, error in zip(supervision.auxiliary_names, errors) if error})
    return out


class _Run:
    """The files of one run."""

    def __init__(
        self,
        folder: Path,
        objective: Objective,
        deployed: GatoConfig,
        contracts: Sequence[Contract],
        record: dict[str, Any],
        report: Callable[[Progress], None],
        closed_loop: Callable[[Path], dict[str, float]] | None,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self._writes = jax.process_index() == 0
        self._folder, self._model, self._contracts = folder, deployed, contracts
        self._closed_loop, self._record, self._report = closed_loop, record, report
        self._writer = SummaryWriter(str(folder / TENSORBOARD), write_to_disk=self._writes)
        self.best = self._best_so_far()

    def _best_so_far(self) -> float | None:
        path = self._folder / CURVES
        if not path.exists():
            return None
        written = path.read_text()
        whole = written[: written.rfind("\n") + 1]
        if whole != written:  # a power cut in the middle of a row
            os.truncate(path, len(whole.encode()))
        rows = [json.loads(line) for line in whole.splitlines()]
        return max((row["rate"] for row in rows if row["kind"] == "closed_loop"), default=None)

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        if not self._writes:
            return
        with open(self._folder / CURVES, "a") as file:
            file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        for key, value in values.items():
            self._writer.add_scalar(f"{kind}/{key}", value, step)
        self._report(Progress(kind, step, values))

    def save(self, name: str, state: TrainingState, step: int) -> Path:
        directory, average = self._folder / name, gathered(state.average)
        if self._writes:
            record = {"step": step, "training": self._record["training"], "data": portable(self._record["data"])}
            first, *others = self._contracts
            save_weights(directory, average, self._model, first, record, others)
        return directory

    def measure_closed_loop(self, step: int, state: TrainingState) -> None:
        directory = self.save("measured", state, step)
        values = self._closed_loop(directory) if self._writes else {"rate": 0.0}
        self.write("closed_loop", step, values)
        rate = agreed(values["rate"])
        if self.best is None or rate >= self.best:
            self.best = rate
            self.save("best", state, step)

    def close(self) -> None:
        self._writer.close()
