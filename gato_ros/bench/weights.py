"""Time of a control step of weights, for every robot and game that they know: from the observation to the action.

Observations are random, in the ranges of the spec. A memory is full before the first step that counts.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from gato_ros.core.bounds import LARGEST_COUNT, Within
from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.core.contract import Contract
    from gato_ros.core.observation import Observation

OBSERVATIONS = 8


@dataclass(frozen=True)
class Options:
    """Whose steps, and how many."""

    policy: str = "gato_generalist"
    """Weights: a folder, or the name of shipped ones."""
    steps: Annotated[int, Within(3, LARGEST_COUNT)] = 300
    """Control steps measured of each robot and game."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Measure; milliseconds by the contract's name, and what of the weights has no control step.

    Raises:
        SetupError: no such weights, damaged ones, or none of their contracts is known here.
    """
    from gato_ros.evaluation.progress import counted
    from gato_ros.models.weights import contract_names

    names = contract_names(options.policy)
    contracts = {name: found for name in names if (found := _contract(name)) is not None}
    if not contracts:
        raise SetupError(
            expected=f"weights of a robot or game that is known here in {options.policy}",
            got=", ".join(names),
            fix="run this where its contract is",
        )
    before, rows = os.getloadavg()[0], {}
    with counted("robots and games", len(contracts)) as advance:
        for name, contract in contracts.items():
            rows[name] = _measured(options, contract)
            advance(1)
    left_out = [name for name in names if name not in contracts]
    _print(options.policy, rows, left_out)
    return {"policy": options.policy, "load": [before, os.getloadavg()[0]], "steps": rows, "left_out": left_out}


def _contract(name: str) -> Contract | None:
    """Of a robot or of a domain's task; None of what only writes, and of what is not known here."""
    from gato_ros.domains.registry import DOMAINS, STACKING, WRITTEN, load_domain
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.loading import known_contracts

    if name in known_contracts():
        return load_embodiment(name)
    for domain in set(DOMAINS) - {STACKING, *WRITTEN}:
        task = name.removeprefix(f"{domain}_")
        if task != name and task in load_domain(domain).tasks:
            return load_domain(domain).contract(task)
    return None


def _measured(options: Options, contract: Contract) -> dict[str, Any]:
    from gato_ros.models.serving.policy import GatoPolicy

    policy = GatoPolicy.from_directory(options.policy, contract)
    start = time.perf_counter()
    policy.warm_up()
    compile_s = time.perf_counter() - start
    observations = [_observation(contract, number) for number in range(OBSERVATIONS)]
    window = policy.config.context_tokens or 0
    for number in range(1 + window // policy.layout.step_tokens):
        policy.act(observations[number % OBSERVATIONS])
    times = []
    for number in range(options.steps):
        start = time.perf_counter()
        policy.act(observations[number % OBSERVATIONS])
        times.append(1e3 * (time.perf_counter() - start))
    p50, p99 = np.percentile(times, (50, 99))
    return {
        "tokens": policy.layout.step_tokens,
        "remembers": policy.info.remembers,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "worst_ms": max(times),
        "compile_s": compile_s,
    }


def _observation(contract: Contract, seed: int) -> Observation:
    """Random values of every kind."""
    from gato_ros.core.observation import Observation
    from gato_ros.core.text import value_from_text

    rng, values = np.random.default_rng(seed), {}
    for key, spec in contract.spec.observations.items():
        if spec.kind == "image":
            values[key] = rng.integers(0, 256, spec.shape, np.uint8)
        elif spec.kind == "discrete":
            values[key] = rng.integers(0, spec.values, spec.shape).astype(np.float32)
        elif spec.kind == "text":
            values[key] = value_from_text("go", spec.size_bytes)
        else:
            low, high = (np.clip(bound, -1e3, 1e3) for bound in (spec.lower, spec.upper))
            values[key] = rng.uniform(low, high).astype(np.float32)
    return Observation(values)


def _print(policy: str, rows: dict[str, dict[str, Any]], left_out: list[str]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    table = Table(policy, "tokens", "remembers", "p50 / p99 [ms]", "worst [ms]", show_edge=False)
    for name, row in rows.items():
        table.add_row(
            name,
            str(row["tokens"]),
            "yes" if row["remembers"] else "no",
            f"{row['p50_ms']:.1f} / {row['p99_ms']:.1f}",
            f"{row['worst_ms']:.1f}",
        )
    console = make_console()
    console.print(table)
    if left_out:
        console.print(f"no control step: {', '.join(left_out)}", markup=False, highlight=False)
