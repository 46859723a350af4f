"""One stage of a recipe, done; each goes on where a kill left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gato_ros.core.files import write_json
from gato_ros.domains.generalist.stage import DialogueStage, GatherStage, MixStage, ScoreStage
from gato_ros.domains.recipes import Stage
from gato_ros.domains.rgb_stacking.stage import (
    RESULT_FILE,
    CardStage,
    CollectStage,
    EvaluateStage,
    LearnStage,
    TrainStage,
)
from gato_ros.evaluation.policy_build import general
from gato_ros.evaluation.policy_build.ledger import Ledger


def run_stage(stage: Stage, out: Path, workers: int, ledger: Ledger) -> dict[str, Any]:
    """Do what is left of `stage` in `out`; its figures."""
    if isinstance(stage, CollectStage):
        return _collect(stage, out, workers)
    if isinstance(stage, TrainStage):
        return _train(stage, out)
    if isinstance(stage, LearnStage):
        from gato_ros.evaluation.improvement.learning import learn

        return learn(stage, out)
    if isinstance(stage, EvaluateStage):
        return _evaluate(stage, out, workers)
    if not isinstance(stage, CardStage):
        return general.run_stage(stage, out, workers, ledger)
    return _card(stage, out, ledger)


def files_made(stage: Stage, out: Path) -> int:
    """Files of demonstrations that a stage has; 0 where it makes none."""
    from gato_ros.data.frames import SUFFIX

    if isinstance(stage, GatherStage):
        return general.files_made(stage, out)
    if not isinstance(stage, CollectStage):
        return 0
    return len(list((out / stage.folder).glob("*.mcap" if stage.kind == "episodes" else f"*{SUFFIX}")))


def what(stage: Stage) -> str:
    """A stage in a few words."""
    if isinstance(stage, CollectStage):
        alone = " alone" if stage.labels else ""
        by = stage.policy or stage.shipped_policy
        driver = f", {by} drives{alone}" if by else ""
        unit = "episodes" if stage.kind == "episodes" else f"scenes x {stage.per_scene} frames"
        return f"{stage.episodes:,} {unit} of {stage.objects}{_of_task(stage)}{driver}"
    if isinstance(stage, TrainStage):
        return f"{stage.steps:,} steps of {stage.batch} from {stage.init or stage.shipped_start or 'random weights'}"
    if isinstance(stage, LearnStage):
        return f"{stage.steps:,} steps of {stage.batch} from {stage.policy}, by {stage.weighting}"
    if isinstance(stage, EvaluateStage):
        disturbed = f" under {stage.perturbation}, {stage.level}" if stage.perturbation else ""
        disturbed += f", {stage.text_s:g} s of text" if stage.text_s is not None else ""
        disturbed += ", with prompts" if stage.prompt else ""
        return f"{stage.episodes} episodes of {stage.objects}{_of_task(stage)}{disturbed}"
    if isinstance(stage, (GatherStage, MixStage, ScoreStage, DialogueStage)):
        return general.what(stage)
    return f"weights, model card and curves in {stage.folder}"


def _of_task(stage: CollectStage | EvaluateStage) -> str:
    return f", {stage.task}" if stage.task else ""


def _collect(stage: CollectStage, out: Path, workers: int) -> dict[str, Any]:
    from gato_ros.evaluation import collection

    driver = str(out / stage.policy) if stage.policy else stage.shipped_policy
    result = collection.collect(
        collection.Collection(
            out=out / stage.folder,
            kind=stage.kind,
            objects=stage.objects,
            episodes=stage.episodes,
            seed=stage.seed,
            workers=workers,
            per_scene=stage.per_scene,
            randomise=True,
            keep_failures=driver is not None,
            policy=driver,
            labels=stage.labels or "expert",
            temperature=stage.temperature,
            task=stage.task,
            **({} if stage.image_share is None else {"image_share": stage.image_share}),
            **_robot(stage),
        )
    )
    return {**result, "files": files_made(stage, out)}


def _train(stage: TrainStage, out: Path) -> dict[str, Any]:
    from gato_ros.evaluation.training_run import training
    from gato_ros.evaluation.training_run.settings import SequenceOptions, TrainingRun
    from gato_ros.training.config import TrainingConfig

    numbers: dict[str, Any] = {"steps": stage.steps, "batch": stage.batch, "learning_rate": stage.learning_rate}
    if stage.sequence is None:
        how: dict[str, Any] = {"training": TrainingConfig(**numbers)}
    else:
        numbers |= {key: float(value) for key, value in (pair.split("=") for pair in stage.sequence)}
        how = {"sequence": SequenceOptions(**numbers)}
    return training.train_policy(
        TrainingRun(
            data=tuple(out / folder for folder in stage.data),
            out=out / stage.folder,
            preset=stage.preset,
            single_steps=tuple(out / folder for folder in stage.single_steps or ()),
            **how,
            init=_start(stage, out),
            dropout=0.0,  # a run of the recipe that goes on from weights learns anew, at the stage's own rate
            closed_loop_every=stage.closed_loop_every,
            closed_loop_episodes=stage.closed_loop_episodes,
            closed_loop_set=stage.closed_loop_set,
            observe=stage.observe or (),
            **_robot(stage),
        )
    )


def _start(stage: TrainStage, out: Path) -> Path | None:
    if stage.init:
        return out / stage.init
    return Path(stage.shipped_start) if stage.shipped_start else None


def _robot(stage: CollectStage | TrainStage | EvaluateStage | CardStage) -> dict[str, Any]:
    """The option that names the robot, where the stage does."""
    return {"embodiment": stage.embodiment} if stage.embodiment else {}


def _evaluate(stage: EvaluateStage, out: Path, workers: int) -> dict[str, Any]:
    from gato_ros.evaluation import evaluate

    disturbed = {"perturb": stage.perturbation, "level": stage.level} if stage.perturbation else {}
    file = out / stage.folder / RESULT_FILE
    result = evaluate.evaluate_policy(
        evaluate.Evaluation(
            policy=str(out / stage.policy),
            set=stage.objects,
            task=stage.task,
            episodes=stage.episodes,
            seed=stage.seed,
            workers=workers,
            json=file,
            text_s=stage.text_s,
            prompt=out / stage.prompt if stage.prompt else None,
            **disturbed,
            **_robot(stage),
        )
    )
    write_json(file, result)
    return {
        "sets": {
            name: {key: row[key] for key in ("episodes", "successes", "rate", "wilson95")}
            for name, row in result["sets"].items()
        }
    }


def _card(stage: CardStage, out: Path, ledger: Ledger) -> dict[str, Any]:
    from gato_ros.evaluation.reports import model_card
    from gato_ros.evaluation.weights_checksum import renew_checksum

    card = model_card.write(stage, out, ledger.entries)
    # What the weights decide here is what every machine has to find that loads them.
    renew_checksum(card.parent, golden=True, **_robot(stage))
    print(f"recorded checksum and golden decisions in {card.parent}")
    return {"card": str(card.relative_to(out))}
