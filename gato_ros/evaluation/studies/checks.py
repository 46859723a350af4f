"""What is refused before a study begins."""

from __future__ import annotations

from pathlib import Path

from gato_ros.core.bounds import check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.evaluation.cluster.ray_pool import check_cluster
from gato_ros.evaluation.studies.cell import Cell, check_cell, evaluation
from gato_ros.evaluation.studies.settings import Study


def check_study(study: Study, cells: tuple[Cell, ...]) -> None:
    """SetupError now for what would end the study hours later."""
    _check_names(study)
    _check_numbers(study, cells)
    if study.name == "few_shot":
        check_init(study)
    elif not study.data:
        raise SetupError(expected="--data with demonstrations", got="none", fix="see `collect`")
    if study.name != "size" and len(study.data) > 1:
        raise SetupError(
            expected=f"one folder of --data for {study.name}",
            got=str(len(study.data)),
            fix="a number of demonstrations in several folders would be ambiguous",
        )
    if study.data and study.name != "size":
        require_files(study.data[0], max(cell.limit for cell in cells))
    for cell in cells:
        evaluation(cell, study, policy="hold")
        check_cell(cell, study)
    if study.ray is not None:
        check_cluster(study.ray)


def _check_names(study: Study) -> None:
    from gato_ros.domains.robot_presets import ROBOT_PRESETS
    from gato_ros.models.presets import single_step_presets
    from gato_ros.sim.task import OBJECT_SETS

    trainable = single_step_presets(ROBOT_PRESETS)
    for name in study.presets if study.name == "size" else [study.preset]:
        if name not in trainable:
            raise unknown_name("a single-step preset", name, trainable)
    if study.set not in (groups := (*OBJECT_SETS, "triplets", "all")):
        raise unknown_name("an object set", study.set, groups)


def _check_numbers(study: Study, cells: tuple[Cell, ...]) -> None:
    check_bounds(study)
    _check_belongs(study)
    if study.name == "size" and study.demonstrations:
        raise SetupError(
            expected="no --demonstrations with size",
            got=str(study.demonstrations),
            fix="its models learn from all of --data",
        )
    names = [cell.name for cell in cells]
    if len(set(names)) < len(names) or any(cell.limit is not None and cell.limit < 2 for cell in cells):
        raise SetupError(
            expected="different numbers of demonstrations of at least 2, or different presets",
            got=", ".join(names),
            fix="name each once",
        )


def _check_belongs(study: Study) -> None:
    """Refuse options of another study, which would count for nothing."""
    plain = {"init": None, "preset": Study.preset, "presets": Study.presets}
    foreign = {"demonstrations": ("init", "presets"), "size": ("init", "preset"), "few_shot": ("presets",)}
    for name in foreign[study.name]:
        if getattr(study, name) != plain[name]:
            raise SetupError(
                expected=f"no --{name} with {study.name}",
                got=f"--{name} {getattr(study, name)}",
                fix="leave it out",
            )


def require_files(folder: Path, wanted: int) -> None:
    if (found := files(folder)) < wanted:
        raise SetupError(
            expected=f"{wanted} files of demonstrations in {folder}",
            got=str(found),
            fix="collect more, or study fewer with --demonstrations",
        )


def files(folder: Path) -> int:
    """How many episodes and snapshot files there are."""
    from gato_ros.data.episodes.episode import episode_paths
    from gato_ros.data.frames import SUFFIX

    return len(episode_paths(folder)) + len(list(folder.glob(f"*{SUFFIX}")))


def check_init(study: Study) -> None:
    from gato_ros.domains.robot_presets import ROBOT_PRESETS
    from gato_ros.models.weights import weights_config
    from gato_ros.training.starting_weights import different

    if study.init is None:
        raise SetupError(expected="--init with weights to start from", got="none", fix="give a policy's folder or name")
    if different(weights_config(study.init), ROBOT_PRESETS[study.preset]):
        raise SetupError(
            expected=f"weights of {study.preset} in {study.init}", got="another model", fix="choose its --preset"
        )
