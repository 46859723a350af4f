"""Scores of several weights by their size (Gato, Figure 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gato_ros.core.bounds import check_bounds
from gato_ros.domains.generalist.recipe import TEMPERATURES
from gato_ros.domains.registry import TEXT, WRITTEN, load_domain, tasks_of
from gato_ros.evaluation.cluster.ray_pool import check_cluster
from gato_ros.evaluation.generality.plots import plot_scaling
from gato_ros.evaluation.generality.running import run_cells
from gato_ros.evaluation.generality.settings import PLOT_FILE, RESULT_FILE, Scaling
from gato_ros.evaluation.generality.stage import MeasureStage, starts_of


def study_scaling(study: Scaling) -> dict[str, Any]:
    """Do the evaluations that are left, in order; the study's result.

    Raises:
        SetupError: weights that are none, a domain or a task that there is not.
    """
    from gato_ros.models.weights import parameter_counts

    check_bounds(study)
    weights = {start.label: start for start in starts_of(study.init)}
    for name in study.domain:
        tasks_of(load_domain(name), study.tasks)
    if study.ray is not None:
        check_cluster(study.ray)
    stages = [
        _stage(study, label, start.sha256 or "", name) for label, start in weights.items() for name in study.domain
    ]
    sizes = {label: parameter_counts(start.weights or "") for label, start in weights.items()}

    def work(stage: MeasureStage) -> dict[str, Any]:
        from gato_ros.evaluation.evaluate import evaluate_policy
        from gato_ros.evaluation.settings import Evaluation

        scored = evaluate_policy(
            Evaluation(
                policy=weights[stage.weights].weights or "",
                domain=stage.domain,
                tasks=stage.tasks,
                episodes=stage.episodes,
                seed=stage.seed,
                temperature=stage.temperature,
                workers=study.workers,
                ray=study.ray,
                json=study.out / stage.folder / RESULT_FILE,
            )
        )
        (block,) = scored["domains"].values()
        kept = ("mean_percent_of_expert", "tasks_above_50", "tasks_with_a_scale")
        about = {"cell": stage.name, "weights": stage.weights, "weights_sha256": stage.sha256}
        return {**about, "domain": stage.domain, **sizes[stage.weights], **{key: block[key] for key in kept}}

    def result(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        about = {"tasks": study.tasks, "seed": study.seed, "episodes": study.episodes}
        return {"study": "scaling", **about, "cells": list(rows)}

    return run_cells(study.out, stages, work, result, lambda whole: plot_scaling(whole, study.out / PLOT_FILE))


def _stage(study: Scaling, label: str, sha256: str, name: str) -> MeasureStage:
    domain = load_domain(name).name
    usual = None if domain == TEXT else TEMPERATURES.get(domain)
    if study.temperature is not None and domain not in WRITTEN:
        usual = study.temperature
    cell = f"{label}_{domain}"
    return MeasureStage(cell, cell, domain, study.tasks, label, sha256, study.episodes, study.seed, usual)
