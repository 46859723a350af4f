"""Success while `train` goes on: the check of its options, and the measurement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.errors import unknown_name
from gato_ros.domains.registry import load_domain, task_of

if TYPE_CHECKING:
    from gato_ros.evaluation.training_run.settings import TrainingRun


def check(run: TrainingRun) -> None:
    """Refuse now what would end the run at its first measurement."""
    from gato_ros.sim.engine import require_simulator
    from gato_ros.sim.task import OBJECT_SETS

    require_simulator()
    for name in run.closed_loop_set.split(","):
        if name not in OBJECT_SETS:
            raise unknown_name("an object set", name, OBJECT_SETS)


def measured(run: TrainingRun, directory: Path) -> dict[str, float]:
    """Success and stages, as means over the sets; the rate of each set if there are several."""
    from gato_ros.evaluation import evaluate

    rows = {}
    for name in run.closed_loop_set.split(","):
        result = evaluate.evaluate_policy(
            evaluate.Evaluation(
                policy=str(directory),
                set=name,
                quiet=True,
                embodiment=run.embodiment,
                episodes=run.closed_loop_episodes,
                seed=run.closed_loop_seed,
            )
        )
        rows.update(result["sets"])
    counted = [
        {
            "rate": row["rate"],
            "episodes": row["episodes"],
            "mean_steps": row["mean_steps"],
            **{f"stage_{name}": count / row["episodes"] for name, count in row["stages"].items()},
        }
        for row in rows.values()
    ]
    means = {key: sum(row[key] for row in counted) / len(counted) for key in counted[0]}
    each = {f"rate_{name}": row["rate"] for name, row in rows.items()} if len(rows) > 1 else {}
    return {**means, **each, "episodes": sum(row["episodes"] for row in counted)}


def foreign_score(run: TrainingRun, directory: Path) -> dict[str, float]:
    """Success of saved weights of a foreign domain; `rate` is its score, which tells the best weights."""
    from gato_ros.evaluation.foreign.evaluation import score

    task = task_of(load_domain(run.domain), run.task)
    row = score(run.domain, task, str(directory), run.closed_loop_episodes, run.closed_loop_seed)
    return {"rate": row["score"], "success": row["rate"], "episodes": row["episodes"], "mean_steps": row["mean_steps"]}
