"""Renews the checksum of weights whose config.json was edited on purpose, and their reference decisions."""

from __future__ import annotations

from pathlib import Path

from gato_ros.embodiments.loading import DEFAULT


def renew_checksum(folder: Path, golden: bool = False, embodiment: str = DEFAULT) -> None:
    """Compute the checksum of the weights in `folder` again, or of shipped ones by name.

    Args:
        golden: also record this machine's decisions, as those that every machine has to make.
        embodiment: contract of the weights, for `golden`.

    Raises:
        SetupError: a record that is not complete, or parameters that it does not name.
    """
    from gato_ros.models import weights

    weights.renew_checksum(folder)
    if golden:
        weights.renew_checksum(folder, _decisions(folder, embodiment))


def _decisions(folder: Path, embodiment: str) -> list[dict]:
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.serving.reference_decisions import CONTRACT, golden_decisions
    from gato_ros.models.weights import weights_config

    config = weights_config(folder)
    robot = contract_for(load_embodiment(embodiment), config.observation_keys)
    decisions = golden_decisions(GatoPolicy.from_directory(folder, robot, precision="float32"))
    return [{**one, CONTRACT: robot.name} if config.generalist else one for one in decisions]
