"""Success while `train` goes on: what is asked for, and the measurement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.errors import unknown_name

if TYPE_CHECKING:
    from gato_ros.cli.train import Options


def check(options: Options) -> None:
    """Refuse now what would end the run at its first measurement."""
    from gato_ros.sim.task import OBJECT_SETS

    for name in options.closed_loop_set.split(","):
        if name not in OBJECT_SETS:
            raise unknown_name("an object set", name, OBJECT_SETS)


def measured(options: Options, directory: Path) -> dict[str, float]:
    """Success and stages, as means over the sets; the rate of each set if there are several."""
    from gato_ros.evaluation import evaluate

    rows = {}
    for name in options.closed_loop_set.split(","):
        result = evaluate.run(
            evaluate.Options(
                policy=str(directory),
                set=name,
                quiet=True,
                embodiment=options.embodiment,
                episodes=options.closed_loop_episodes,
                seed=options.closed_loop_seed,
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
