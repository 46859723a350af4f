"""A contract as the text of a YAML file, which reads as the same contract."""

from __future__ import annotations

from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.yaml_file import yaml_of


def yaml_text(robot: Embodiment) -> str:
    """Everything that the contract states, `extends` resolved, in the newest schema. Comments are lost."""
    return yaml_of(robot.model_dump(mode="json", by_alias=True, exclude_unset=True))
