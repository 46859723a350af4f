"""One stage of a generalist's recipe, done; each goes on where a kill left it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gato_ros.core.files import write_json
from gato_ros.domains.generalist.recipe import FOLDER, GeneralistStage
from gato_ros.domains.generalist.stage import DialogueStage, GatherStage, MixStage, ScoreStage, part_of
from gato_ros.domains.registry import STACKING
from gato_ros.domains.rgb_stacking.stage import RESULT_FILE
from gato_ros.evaluation.policy_build.ledger import Ledger

ROBOT = "sawyer_rgb_stacking_told"


def run_stage(stage: GeneralistStage, out: Path, workers: int, ledger: Ledger) -> dict[str, Any]:
    """Do what is left of `stage` in `out`; its figures."""
    if isinstance(stage, GatherStage):
        return _gather(stage, out, workers)
    if isinstance(stage, MixStage):
        return _train(stage, out)
    if isinstance(stage, ScoreStage):
        return _score(stage, out, workers)
    if isinstance(stage, DialogueStage):
        return _talk(stage, out)
    from gato_ros.evaluation.reports import generalist_card

    return {"card": str(generalist_card.write(stage, out, ledger.entries))}


def files_made(stage: GatherStage, out: Path) -> int:
    """Episodes, files of snapshots or shards that are there."""
    from gato_ros.data.frames import SUFFIX

    kind = f"*{SUFFIX}" if stage.per_scene else "*.mcap" if stage.domain == STACKING else "*.array_record"
    return len(list((out / stage.folder).glob(kind)))


def what(stage: GatherStage | MixStage | ScoreStage | DialogueStage) -> str:
    """A stage in a few words."""
    if isinstance(stage, GatherStage):
        count = len(stage.tasks.split(","))
        tasks = f"{count} tasks" if count > 1 else stage.tasks
        driver = f", {stage.policy} drives" if stage.policy else ""
        objects = f", {stage.objects}" if stage.domain == STACKING else ""
        unit = f"scenes x {stage.per_scene} snapshots" if stage.per_scene else "episodes"
        return f"{stage.episodes:,} {unit} of {stage.domain}{', ' if tasks else ''}{tasks}{objects}{driver}"
    if isinstance(stage, MixStage):
        return f"{stage.steps:,} steps of {stage.mixture} from {stage.init or stage.shipped or 'random weights'}"
    if isinstance(stage, DialogueStage):
        return f"{stage.dialogues} conversations about pictures"
    return f"{stage.episodes} episodes of each task of {stage.domain}"


def _gather(stage: GatherStage, out: Path, workers: int) -> dict[str, Any]:
    from gato_ros.evaluation.collection import Collection, collect

    own: dict[str, Any] = {"domain": stage.domain, "noise": stage.noise}
    if stage.domain == STACKING:
        own = {"embodiment": ROBOT, "objects": stage.objects}
        own |= {"kind": "snapshots", "per_scene": stage.per_scene} if stage.per_scene else {}
    result = collect(
        Collection(
            out=out / stage.folder,
            task=stage.tasks or None,
            episodes=stage.episodes,
            seed=stage.seed,
            workers=workers,
            keep_failures=stage.policy is not None or stage.domain == STACKING,
            policy=str(out / stage.policy) if stage.policy else None,
            **own,
        )
    )
    return {**result, "files": files_made(stage, out)}


def _train(stage: MixStage, out: Path) -> dict[str, Any]:
    from gato_ros.evaluation.training_run.generalist import train_mixture
    from gato_ros.evaluation.training_run.mixture import read_mixture
    from gato_ros.evaluation.training_run.settings import MixtureRun

    path = FOLDER / stage.mixture
    plan = read_mixture(path)
    parts = tuple(
        replace(part, data=gathered) if (gathered := _folders(stage, out, part.name)) else part for part in plan.parts
    )
    weights = dict(pair.split("=") for pair in stage.weights)
    weighed = tuple((name, float(weights.pop(name, weight)), own) for name, weight, own in plan.config.parts)
    if weights:
        raise ValueError(f"expected weights of the parts of {stage.mixture}, got {', '.join(weights)}")
    config = replace(plan.config, parts=weighed, steps=stage.steps, learning_rate=stage.learning_rate)
    start = out / stage.init if stage.init else Path(stage.shipped) if stage.shipped else None
    run = MixtureRun(path, out / stage.folder, start)
    return train_mixture(run, replace(plan, parts=parts, config=config))


def _folders(stage: MixStage, out: Path, part: str) -> tuple[Path, ...]:
    """Where the demonstrations of a part are; of texts nothing is gathered."""
    return tuple(out / folder for folder in stage.data if part_of(folder) == part)


def _score(stage: ScoreStage, out: Path, workers: int) -> dict[str, Any]:
    from gato_ros.evaluation.evaluate import evaluate_policy
    from gato_ros.evaluation.settings import Evaluation

    file = out / stage.folder / RESULT_FILE
    result = evaluate_policy(
        Evaluation(
            policy=str(out / stage.policy),
            domain=stage.domain,
            tasks=stage.tasks,
            episodes=stage.episodes,
            seed=stage.seed,
            temperature=stage.temperature,
            workers=workers,
            json=file,
        )
    )
    write_json(file, result)
    return {key: result.get(key) for key in ("weights_sha256", "mean_percent_of_expert")}


def _talk(stage: DialogueStage, out: Path) -> dict[str, Any]:
    from gato_ros.evaluation.policy_build.dialogues import dialogues

    found = dialogues(out / stage.policy, stage.dialogues, stage.seed)
    write_json(out / stage.folder / RESULT_FILE, {"dialogues": found})
    turns = [turn for one in found for turn in one["turns"]]
    return {"right": sum(turn["said"] == turn["right"] for turn in turns), "turns": len(turns)}
