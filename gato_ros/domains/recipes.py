"""The recipes of all policies by name."""

from __future__ import annotations

from typing import Union

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.generalist.recipe import RECIPES as GENERAL
from gato_ros.domains.generalist.recipe import GeneralistStage, stages_of
from gato_ros.domains.rgb_stacking.recipe import RECIPES as STACKING
from gato_ros.domains.rgb_stacking.recipe import recipe as of_stacking
from gato_ros.domains.rgb_stacking.stage import Stage as StackingStage

Stage = Union[StackingStage, GeneralistStage]


def recipe(name: str, preset: str | None = None) -> tuple[Stage, ...]:
    """The stages of a recipe in their order, with another model on request; SetupError for a name that is unknown."""
    if name in STACKING:
        return of_stacking(name, preset)
    if name not in GENERAL:
        raise unknown_name("a recipe", name, (*STACKING, *GENERAL))
    if preset is not None:
        raise SetupError(
            expected=f"no --preset with the recipe {name}", got=preset, fix="its mixture names the model: leave it out"
        )
    return stages_of(GENERAL[name])
