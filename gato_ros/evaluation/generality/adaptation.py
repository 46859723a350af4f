"""One task from few demonstrations: from weights against from nothing (Gato, Figures 9 and 10)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gato_ros.core.bounds import check_bounds
from gato_ros.core.errors import SetupError
from gato_ros.domains.domain import Domain
from gato_ros.domains.generalist.recipe import TEMPERATURES
from gato_ros.domains.generalist.seen import learns
from gato_ros.domains.registry import STACKING, WRITTEN, load_domain, tasks_of
from gato_ros.evaluation.cluster.ray_pool import check_cluster
from gato_ros.evaluation.generality.plan import base_model, plan_of
from gato_ros.evaluation.generality.plots import plot_adaptation
from gato_ros.evaluation.generality.running import run_cells
from gato_ros.evaluation.generality.settings import PLOT_FILE, RESULT_FILE, Adaptation
from gato_ros.evaluation.generality.stage import AdaptStage, ShowStage, Start, starts_of

FROM_NOTHING = "from nothing"
ROUNDS = 12
"""Of collection at most: a first one for all that is wanted, then for a quarter of it, as failures are left out."""


def study_adaptation(study: Adaptation) -> dict[str, Any]:
    """Do the cells that are left, in order; the study's result.

    Raises:
        SetupError: what does not fit together, before anything is made.
    """
    check_bounds(study)
    domain = load_domain(study.domain)
    if domain.name in WRITTEN:
        fix = "choose a domain with actions"
        raise SetupError(expected="a domain with actions", got=domain.name, fix=fix)
    tasks, starts = tasks_of(domain, study.task), starts_of(study.init)
    if not (starts or study.from_nothing):
        raise SetupError(expected="--init with weights, or --from-nothing", got="neither", fix="give one of them")
    for start in starts or (Start(FROM_NOTHING, None, None),):
        base_model(start.weights, study.preset)
    for task in tasks:
        if learns(domain, task):
            print(f"study: the generalist's recipe learns {task}: weights of it know the task", file=sys.stderr)
        domain.environment(task).close()
    lines = (*starts, *((Start(FROM_NOTHING, None, None),) if study.from_nothing else ()))
    stages = [stage for task in tasks for stage in _stages(study, domain, task, lines)]
    if study.ray is not None:
        check_cluster(study.ray)
    known = {start.label: start for start in lines}

    def work(stage: ShowStage | AdaptStage) -> dict[str, Any]:
        if isinstance(stage, ShowStage):
            return _show(study, domain, stage)
        return _adapt(study, domain, stage, known[stage.start])

    def result(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {
            "study": "adaptation",
            "domain": domain.name,
            "seed": study.seed,
            "steps": study.steps,
            "batch": study.batch,
            "learning_rate": study.learning_rate,
            "starts": [{"start": one.label, "weights": one.weights, "weights_sha256": one.sha256} for one in lines],
            "learned_by_recipe": {task: learns(domain, task) for task in tasks},
            "cells": [row for row in rows if "start" in row],
        }

    return run_cells(study.out, stages, work, result, lambda whole: plot_adaptation(whole, study.out / PLOT_FILE))


def _stages(study: Adaptation, domain: Domain, task: str, lines: Sequence[Start]) -> list[ShowStage | AdaptStage]:
    place = task.replace("/", "_")
    shown = ShowStage(
        f"{place}_demonstrations", f"demonstrations/{place}", domain.name, task, max(study.demonstrations)
    )
    temperature = TEMPERATURES.get(domain.name) if study.temperature is None else study.temperature
    cells = []
    for start in lines:
        for count in sorted(set(study.demonstrations)):
            name = f"{place}_{start.label.replace(' ', '_')}_{count:04d}"
            preset = study.preset if not study.init else None
            cells.append(
                AdaptStage(
                    name,
                    name,
                    domain.name,
                    task,
                    start.label,
                    start.sha256,
                    preset,
                    count,
                    study.steps,
                    study.batch,
                    study.learning_rate,
                    study.episodes,
                    study.seed,
                    temperature,
                )
            )
    return [shown, *cells]


def _show(study: Adaptation, domain: Domain, stage: ShowStage) -> dict[str, Any]:
    """Demonstrations until there are enough: the seeds go on from round to round."""
    from gato_ros.evaluation.collection import Collection, collect

    folder, seed, count = study.out / stage.folder, 0, stage.episodes
    own: dict[str, Any] = {"domain": study.domain, "task": stage.task}
    if domain.name == STACKING:
        own = {**domain.collected_as(stage.task), "image_share": 1.0}
    for _ in range(ROUNDS):
        if (found := _kept(folder, domain)) >= stage.episodes:
            return {"demonstrations": found}
        collect(Collection(out=folder, episodes=count, seed=seed, workers=study.workers, ray=study.ray, **own))
        seed, count = seed + count, max(1, stage.episodes // 4)
    if (found := _kept(folder, domain)) >= stage.episodes:
        return {"demonstrations": found}
    raise SetupError(
        expected=f"{stage.episodes} demonstrations of {stage.task}",
        got=f"{found} of {seed} attempts",
        fix="study fewer with --demonstrations: the expert fails too often",
    )


def _kept(folder: Path, domain: Domain) -> int:
    from gato_ros.data.demonstrations.reading import shard_heads
    from gato_ros.data.episodes.episode import episode_paths

    if domain.name == STACKING:
        return len(episode_paths(folder)) if folder.is_dir() else 0
    return sum(len(head.episodes) for head in shard_heads([folder]).values())


def _adapt(study: Adaptation, domain: Domain, stage: AdaptStage, start: Start) -> dict[str, Any]:
    """Train, or go on training, and evaluate; the cell's row."""
    from gato_ros.evaluation.evaluate import evaluate_policy
    from gato_ros.evaluation.settings import Evaluation
    from gato_ros.evaluation.training_run.generalist import train_mixture
    from gato_ros.evaluation.training_run.settings import MixtureRun

    folder = study.out / stage.folder
    data = study.out / f"demonstrations/{stage.task.replace('/', '_')}"
    plan = plan_of(study, domain, stage, start.weights, data)
    run = MixtureRun(folder / "plan", folder / "run", Path(start.weights) if start.weights else None)
    trained = train_mixture(run, plan)
    policy = str(folder / "run" / "last")
    scored = evaluate_policy(
        Evaluation(
            policy=policy,
            domain=study.domain,
            tasks=stage.task,
            episodes=stage.episodes,
            seed=stage.seed,
            temperature=stage.temperature,
            workers=study.workers,
            ray=study.ray,
            json=folder / RESULT_FILE,
        )
    )
    row = scored["domains"][domain.name]["tasks"][stage.task]
    kept = ("episodes", "score", "score_interval95", "rate", "random", "expert", "percent_of_expert", "interval95")
    return {
        "cell": stage.name,
        "task": stage.task,
        "start": stage.start,
        "demonstrations": stage.demonstrations,
        "frames": sum(trained["data"].values()),
        "weights_sha256": scored["weights_sha256"],
        **{key: row[key] for key in kept},
    }
