"""What is refused before an improvement begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.bounds import check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.evaluation.collection import FIRST_EVALUATION_SEED
from gato_ros.evaluation.improvement.settings import ADVANTAGE_TEMPERATURE, SEEDS_PER_ROUND, Improvement

if TYPE_CHECKING:
    from gato_ros.data.frames import Frames
    from gato_ros.embodiments import Embodiment

TRIPLETS = "triplets"


def checked(wanted: Improvement) -> Improvement:
    """The options with everything in them that was left to a default; SetupError for what cannot be done."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import robot_for
    from gato_ros.sim.engine import require_simulator

    require_simulator()
    check_bounds(wanted)
    object_sets(wanted.set)
    _check_seeds(wanted)
    _check_belongs(wanted)
    name = robot_for(wanted.policy, wanted.embodiment)
    robot = load_embodiment(name)
    keys = _check_policy(wanted.policy, robot)
    if wanted.demonstration_share:
        _check_demonstrations(wanted.data, robot, keys)
    by_default = ADVANTAGE_TEMPERATURE if wanted.weighting == "advantage" else None
    return replace(
        wanted,
        embodiment=name,
        data=tuple(path.resolve() for path in wanted.data) if wanted.demonstration_share else (),
        advantage_temperature=wanted.advantage_temperature or by_default,
    )


def object_sets(names: str) -> tuple[str, ...]:
    """The sets that names with commas between mean; SetupError for one that is none, or that comes twice."""
    from gato_ros.sim.task import OBJECT_SETS, TEST_TRIPLETS

    found: list[str] = []
    for name in names.split(","):
        if name not in (*OBJECT_SETS, TRIPLETS):
            raise unknown_name("an object set", name, (*OBJECT_SETS, TRIPLETS))
        found += TEST_TRIPLETS if name == TRIPLETS else [name]
    if len(set(found)) < len(found):
        raise SetupError(expected="each object set once", got=names, fix="leave the second one out")
    return tuple(found)


def _check_seeds(wanted: Improvement) -> None:
    driven = range(wanted.seed, wanted.seed + SEEDS_PER_ROUND * wanted.rounds)
    measured = range(wanted.evaluation_seed, wanted.evaluation_seed + wanted.evaluation_episodes)
    said = f"--seed {wanted.seed} with {wanted.rounds} rounds of {SEEDS_PER_ROUND}, --evaluation-seed {measured.start}"
    if max(driven.stop, measured.stop) > FIRST_EVALUATION_SEED:
        raise SetupError(
            expected=f"seeds below {FIRST_EVALUATION_SEED}",
            got=said,
            fix="higher ones are for `evaluate`: choose lower",
        )
    if driven.start < measured.stop and measured.start < driven.stop:
        raise SetupError(
            expected="other seeds to drive than to be measured on", got=said, fix="leave both options at their default"
        )


def _check_belongs(wanted: Improvement) -> None:
    if wanted.weighting != "advantage" and wanted.advantage_temperature is not None:
        raise SetupError(
            expected="--weighting advantage with --advantage-temperature",
            got=f"--weighting {wanted.weighting}",
            fix="leave the temperature out",
        )
    if wanted.demonstration_share and not wanted.data:
        raise SetupError(
            expected="--data with the demonstrations that the policy was cloned from",
            got="none",
            fix="name their folders, or --demonstration-share 0 to learn from its own steps alone",
        )


def _check_policy(name: str, robot: Embodiment) -> tuple[str, ...]:
    """What the policy sees; SetupError for one that cannot learn so."""
    from gato_ros.embodiments.privileged import contract_for, reads_privileged
    from gato_ros.evaluation.policy_source import weights_folder
    from gato_ros.models.weights import load_weights, weights_config

    folder = weights_folder(name)
    config = weights_config(folder)
    if config.action_decoding != "one_pass" or config.generalist:
        raise SetupError(
            expected="a policy of single steps to improve",
            got=f"{name}, which decides action by action",
            fix="`presets` says which are single-step ones",
        )
    if reads_privileged(config.observation_keys):
        raise SetupError(
            expected="a policy that sees what a robot sees",
            got=f"{name}, which reads ground truth",
            fix="improve one that sees pictures",
        )
    load_weights(folder, contract_for(robot, config.observation_keys))
    return config.observation_keys


def _check_demonstrations(folders: tuple[Path, ...], robot: Embodiment, keys: tuple[str, ...]) -> None:
    from gato_ros.evaluation.training_run.data import holds_shards
    from gato_ros.evaluation.training_run.data_check import check_data
    from gato_ros.evaluation.training_run.start import check_arm

    for folder in folders:
        if holds_shards(folder):
            raise SetupError(
                expected="demonstrations of a robot",
                got=f"those of another domain in {folder}",
                fix="name other folders",
            )
    check_arm(folders, robot)
    check_data(folders, False, robot, keys)
    training, _, _ = demonstration_frames(folders)
    recorded = (*training.image_keys, *training.vectors)
    if missing := [key for key in keys if key not in recorded]:
        raise SetupError(
            expected=f"demonstrations with {', '.join(missing)}, which the policy sees",
            got=f"some with {', '.join(recorded)}",
            fix="name those that it was cloned from",
        )


def demonstration_frames(folders: tuple[Path, ...]) -> tuple[Frames, Frames, dict[str, int]]:
    """To learn from, held out, and the count by folder, as `train` takes them."""
    from gato_ros.evaluation.training_run.data import training_frames
    from gato_ros.evaluation.training_run.settings import TrainingRun
    from gato_ros.training.mixing import mixing_weights

    return training_frames(TrainingRun(data=folders, out=Path()), mixing_weights(()))
