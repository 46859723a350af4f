"""One cell of a study: a training and the evaluation of what came out, each done once."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json
from gato_ros.core.statistics import wilson95
from gato_ros.data.data_digest import files_digest
from gato_ros.evaluation.policy_source import WEIGHTS_FILE

if TYPE_CHECKING:
    from gato_ros.evaluation.settings import Evaluation
    from gato_ros.evaluation.studies.settings import Study

CELL, TRAINED, EVALUATED = "cell.json", "train.json", "evaluate.json"
CONTENT = {"data": "data_sha256", "init": "init_sha256"}
"""Key of a path in a cell's record -> that of what it leads to."""


@dataclass(frozen=True)
class Cell:
    """What is trained, on what."""

    name: str
    """Its folder within the study's."""
    series: str
    """The line of the plot that it belongs to; empty if there is only one."""
    preset: str
    data: tuple[Path, ...]
    limit: int | None = None
    """The first so many files; None: all."""
    init: Path | None = None
    """Weights to start from; None: random ones."""
    task: str = "red_on_blue"
    """What to stack on what."""


def evaluation(cell: Cell, study: Study, policy: str) -> Evaluation:
    """What is evaluated of this cell."""
    from gato_ros.evaluation import evaluate

    return evaluate.Evaluation(
        policy=policy,
        task=cell.task,
        set=study.set,
        episodes=study.episodes,
        seed=study.seed,
        workers=study.workers,
        ray=study.ray,
        json=study.out / cell.name / EVALUATED,
    )


def check_cell(cell: Cell, study: Study) -> None:
    """SetupError if the folder holds the same cell of a study with other study."""
    path = study.out / cell.name / CELL
    if not path.exists():
        return
    before, now = _read(path), _record(cell, study)
    # The same data and weights under another path are the same; a cell from before that was recorded goes by the path.
    for name, digest in CONTENT.items():
        if digest in before or _resolved(before.get(name)) == _resolved(now[name]):
            before.pop(name, None), now.pop(name)
        if digest not in before:
            now.pop(digest)
    if different := sorted(key.removesuffix("_sha256") for key in {**before, **now} if before.get(key) != now.get(key)):
        raise SetupError(
            expected=f"the study in {study.out} to go on as it began",
            got=f"different {', '.join(different)} in {cell.name}",
            fix=f"give the same options, or another --out; `train --init {study.out / cell.name / 'run' / 'last'}` "
            "goes on from its weights",
        )


def _resolved(paths: Any) -> Any:
    """Paths of a record, links and spelling taken out."""
    if isinstance(paths, str):
        return os.path.realpath(paths)
    return [os.path.realpath(path) for path in paths] if paths else paths


def _record(cell: Cell, study: Study) -> dict[str, Any]:
    """All that decides the cell's result."""
    evaluated = {"set": study.set, "episodes": study.episodes, "seed": study.seed}
    training = {f"training.{key}": value for key, value in asdict(study.training).items()}
    content = {"data_sha256": files_digest(cell.data, cell.limit), "init_sha256": _weights_digest(cell.init)}
    return json.loads(json.dumps({**asdict(cell), **evaluated, **training, **content}, default=str))


def _weights_digest(folder: Path | None) -> str | None:
    path = folder / WEIGHTS_FILE if folder else None
    return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else None


def train_cell(cell: Cell, study: Study) -> None:
    """Train, or go on training; nothing if it is done."""
    from gato_ros.evaluation.training_run import training
    from gato_ros.evaluation.training_run.settings import TrainingRun

    folder = study.out / cell.name
    if (folder / TRAINED).exists():
        return
    write_json(folder / CELL, _record(cell, study))
    result = training.train_policy(
        TrainingRun(
            data=cell.data,
            out=folder / "run",
            preset=cell.preset,
            limit=cell.limit,
            training=study.training,
            init=cell.init,
            dropout=0.0,  # all cells learn alike, from weights or from nothing
        )
    )
    write_json(folder / TRAINED, result)


def evaluate_cell(cell: Cell, study: Study) -> None:
    """Measure the success of the last weights; nothing if it is done."""
    from gato_ros.evaluation import evaluate

    folder = study.out / cell.name
    if not (folder / EVALUATED).exists():
        result = evaluate.evaluate_policy(evaluation(cell, study, str(folder / "run" / "last")))
        write_json(folder / EVALUATED, result)


def state(cell: Cell, study: Study) -> str:
    """How far the cell is, in a few words."""
    row = figures(cell, study)
    if row["episodes"]:
        return f"{row['successes']} of {row['episodes']} stacked"
    if (study.out / cell.name / TRAINED).exists():
        return "trained"
    curves = study.out / cell.name / "run" / "curves.jsonl"
    if not curves.exists():
        return "to do"
    step = max((json.loads(line)["step"] for line in curves.read_text().splitlines()), default=0)
    return f"training, step {step} of {study.training.steps}"


def figures(cell: Cell, study: Study) -> dict[str, Any]:
    """The cell's row in the result; counts of episodes are 0 until it is evaluated."""
    folder = study.out / cell.name
    trained, evaluated = _read(folder / TRAINED), _read(folder / EVALUATED)
    sets = evaluated.get("sets", {}).values()
    successes, episodes = (sum(row[key] for row in sets) for key in ("successes", "episodes"))
    steps = sum(row["mean_steps"] * row["episodes"] for row in sets)
    return {
        "cell": cell.name,
        "series": cell.series,
        "preset": cell.preset,
        "demonstrations": cell.limit,
        "parameters": parameters(cell.preset),
        "frames": sum(trained.get("data", {}).values()) or None,
        "successes": successes,
        "episodes": episodes,
        "rate": successes / episodes if episodes else None,
        "wilson95": list(wilson95(successes, episodes)),
        "mean_steps": steps / episodes if episodes else None,
    }


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        if not isinstance(found, dict):
            raise ValueError(f"a {type(found).__name__}")
        return found
    except (ValueError, RecursionError) as error:
        raise SetupError(
            expected=f"what a study wrote in {path}", got=f"{type(error).__name__}: {error}", fix="delete the file"
        ) from None


def parameters(preset: str) -> int:
    """How many parameters a model has when deployed."""
    from gato_ros.domains.robot_presets import ROBOT_PRESETS
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.gato import count_parameters, parameter_shapes
    from gato_ros.models.layout import token_layout

    config = ROBOT_PRESETS[preset].deployed()
    embodiment = contract_for(load_embodiment(), config.observation_keys)
    return count_parameters(parameter_shapes(config, token_layout(embodiment.spec, config)))
