"""Weights of one robot as the start of another one's training (`train --init`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.models.config import GatoConfig
    from gato_ros.models.layout import TokenLayout
    from gato_ros.training.starting_weights import StepNames


def weights_of_another_arm(folder: Path, model: GatoConfig, robot: Embodiment, seed: int) -> Any:
    """The parameters in `folder` as a start for `robot`, where they were made for another contract; None: for this one.

    What an eye, a layer and a table have learned is taken as it is. Cameras stand for each other in their order, other
    observations by their source, actions by their names; what the other robot has not starts at random, and text that
    it knew nothing of at zero. Prints which.

    Raises:
        SetupError: the contract that they were made for is not at hand or has changed, or they are of another model.
    """
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.layout import token_layout
    from gato_ros.models.weights import contract_names, load_weights, weights_config
    from gato_ros.training.starting_weights import different, moved

    names, config = contract_names(folder), weights_config(folder)
    if robot.name in names or config.generalist:
        return None
    other = load_embodiment(names[0].partition("+")[0])  # a control's contract is the robot's and the ground truth
    if other.name == robot.name.partition("+")[0]:
        return None
    weights = load_weights(folder, contract_for(other, config.observation_keys))
    may_differ = {"observation_keys": model.observation_keys}
    if weights.config.vocabulary is None and weights.config.text_rows <= model.text_rows:
        may_differ |= {"vocabulary": model.vocabulary, "text_rows": model.text_rows}
    if keys := different(replace(weights.config, **may_differ), model):
        raise SetupError(
            expected=f"--init with weights of the model to train in {folder}",
            got=f"another {', '.join(keys)}",
            fix="choose the --preset of those weights",
        )
    had, has = (
        _names(one, token_layout(contract_for(one, form.observation_keys).spec, form))
        for one, form in ((other, weights.config), (robot, model))
    )
    for what, new, old in (
        ("observations", has.observations, had.observations),
        ("actions", has.actions, had.actions),
    ):
        at_random = [name for name in new if name not in old]
        print(f"train: from {other.name}: {what} {_listed(name for name in new if name in old)}", end="")
        print(f"; at random: {_listed(at_random)}" if at_random else "", flush=True)
    return moved(model.deployed(), seed, weights, had, has)


def _names(robot: Embodiment, layout: TokenLayout) -> StepNames:
    from gato_ros.data.exports.value_names import action_names
    from gato_ros.embodiments.channels import source_of
    from gato_ros.training.starting_weights import StepNames

    names, cameras = [], 0
    for item in layout.items:
        if item.kind == "image":
            cameras += 1
            names.append(f"camera {cameras}")
        else:
            channel = robot.observations.get(item.key)
            names.append(source_of(channel) or item.key if channel else item.key)
    return StepNames(layout, tuple(names), action_names(robot))


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"
