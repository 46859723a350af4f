"""What a training starts with in each domain: contract, model, and what is known beside the actions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gato_ros.core.contract import Contract
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.registry import STACKING, WRITTEN, load_domain, task_of
from gato_ros.models.config import GatoConfig
from gato_ros.training.supervision import Supervision

if TYPE_CHECKING:
    from pathlib import Path

    from gato_ros.embodiments import Embodiment
    from gato_ros.evaluation.training_run.settings import MixtureRun, TrainingRun

OWN = (
    "data out task preset training sequence limit init dropout closed_loop_every closed_loop_episodes "
    "closed_loop_seed mesh coordinator processes process compute attention rematerialise profile checkpoint_every "
    "stream_above_gb"
)
"""The options that a foreign domain has."""


@dataclass(frozen=True)
class Start:
    """Of one training."""

    contract: Contract
    preset: str
    model: GatoConfig
    supervision: Supervision


def start(run: TrainingRun) -> Start:
    """What the options ask for, and the data looked at; SetupError for what does not fit together."""
    return _stacking(run) if run.domain == STACKING else _foreign(run)


def _foreign(run: TrainingRun) -> Start:
    from gato_ros.evaluation.foreign.options import only

    only(run, tuple(OWN.split()))
    if run.domain in WRITTEN:
        raise SetupError(
            expected=f"--mixture FILE.yaml with a part of {run.domain}",
            got=f"--domain {run.domain}",
            fix="see docs/how-to/generalist.md",
        )
    domain = load_domain(run.domain)
    task = task_of(domain, run.task)
    preset = next(iter(domain.presets)) if run.preset == type(run).preset else run.preset
    if preset not in domain.presets:
        raise unknown_name(f"a preset of {domain.name}", preset, domain.presets)
    return Start(domain.contract(task), preset, domain.presets[preset], domain.supervision(task))


def _stacking(run: TrainingRun) -> Start:
    from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
    from gato_ros.domains.rgb_stacking.training_model import training_model
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.evaluation.training_run.data_check import check_data

    if run.task is not None:
        raise SetupError(
            expected="--task with another --domain",
            got=run.task,
            fix="leave it out: the data says what the task is",
        )
    data = {folder.resolve() for folder in run.data}
    if twice := [str(folder) for folder in run.single_steps if folder.resolve() in data]:
        raise SetupError(
            expected="each folder in --data or in --single-steps",
            got=f"{', '.join(twice)} in both",
            fix="episodes with pictures at every step belong to --data, snapshots to --single-steps",
        )
    robot, folders = load_embodiment(run.embodiment), (*run.data, *run.single_steps)
    check_arm(folders, robot)
    model = training_model(run.preset, robot, run.observe)
    check_data(folders, run.failures, robot, model.observation_keys)
    return Start(contract_for(robot, model.observation_keys), run.preset, model, StackingSupervision.of(robot))


def with_defaults(run: TrainingRun) -> TrainingRun:
    """The options with the domain's own numbers of training in place of those of stacking."""
    return replace(run, training=replace(run.training, **load_domain(run.domain).training))


def computed_in(model: GatoConfig, chosen: TrainingRun | MixtureRun) -> GatoConfig:
    """The model as it trains: in another precision or with another kernel than it deploys with, where one is chosen."""
    options = {key: getattr(chosen, key) for key in ("compute", "attention", "rematerialise")}
    return replace(model, **{key: value for key, value in options.items() if value is not None})


def check_arm(folders: tuple[Path, ...], robot: Embodiment) -> None:
    """SetupError for episodes of another arm: a preset that sees no joints and no pose would not notice."""
    from gato_ros.data.episodes.episode import episode_paths
    from gato_ros.data.episodes.statistics import contract_of
    from gato_ros.data.episodes.summary import summarise

    for folder in folders:
        names = {str(summarise(path).metadata.get("embodiment")) for path in episode_paths(folder)}
        for name in sorted(names):
            other = contract_of(name)
            if other and other.arm.joints != robot.arm.joints:
                raise SetupError(
                    expected=f"episodes of {robot.name} in {folder}",
                    got=f"some of {name}",
                    fix=f"train with --embodiment {name}, or on other data",
                )
