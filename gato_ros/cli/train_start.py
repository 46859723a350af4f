"""What a training starts with in each domain: contract, model, and what is known beside the actions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gato_ros.core.contract import Contract
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.registry import STACKING, load_domain, task_of
from gato_ros.models.config import GatoConfig
from gato_ros.training.supervision import Supervision

if TYPE_CHECKING:
    from pathlib import Path

    from gato_ros.cli.train import Options
    from gato_ros.embodiments import Embodiment

OWN = (
    "data out task preset training limit init dropout closed_loop_every closed_loop_episodes closed_loop_seed mesh "
    "coordinator processes process"
)
"""The options that a foreign domain has."""


@dataclass(frozen=True)
class Start:
    """Of one training."""

    contract: Contract
    model: GatoConfig
    supervision: Supervision


def start(options: Options) -> Start:
    """What the options ask for, and the data looked at; SetupError for what does not fit together."""
    return _stacking(options) if options.domain == STACKING else _foreign(options)


def _foreign(options: Options) -> Start:
    from gato_ros.evaluation.foreign.options import only

    only(options, tuple(OWN.split()))
    domain = load_domain(options.domain)
    task = task_of(domain, options.task)
    preset = next(iter(domain.presets)) if options.preset == type(options).preset else options.preset
    if preset not in domain.presets:
        raise unknown_name(f"a preset of {domain.name}", preset, domain.presets)
    return Start(domain.contract(task), domain.presets[preset], domain.supervision(task))


def _stacking(options: Options) -> Start:
    from gato_ros.cli.train_check import check_data
    from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
    from gato_ros.domains.rgb_stacking.training_model import training_model
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for

    if options.task is not None:
        raise SetupError(
            expected="--task with another --domain",
            got=options.task,
            fix="leave it out: the data says what the task is",
        )
    robot = load_embodiment(options.embodiment)
    _check_arm(options.data, robot)
    model = training_model(options.preset, robot, options.observe)
    check_data(options.data, options.failures, robot, model.observation_keys)
    return Start(contract_for(robot, model.observation_keys), model, StackingSupervision())


def closed_loop(options: Options, directory: Path) -> dict[str, float]:
    """Success of saved weights of a foreign domain; `rate` is its score, which tells the best weights."""
    from gato_ros.evaluation.foreign.evaluation import score

    task = task_of(load_domain(options.domain), options.task)
    row = score(options.domain, task, str(directory), options.closed_loop_episodes, options.closed_loop_seed)
    return {"rate": row["score"], "success": row["rate"], "episodes": row["episodes"], "mean_steps": row["mean_steps"]}


def with_defaults(options: Options) -> Options:
    """The options with the domain's own numbers of training in place of those of stacking."""
    return replace(options, training=replace(options.training, **load_domain(options.domain).training))


def _check_arm(folders: tuple[Path, ...], robot: Embodiment) -> None:
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
