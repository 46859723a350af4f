"""The recipes of all policies by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Union

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.generalist.recipe import RECIPES as GENERAL
from gato_ros.domains.generalist.recipe import GeneralistStage, stages_of
from gato_ros.domains.rgb_stacking.arm_recipe import ARM_RECIPES, arm
from gato_ros.domains.rgb_stacking.recipe import RECIPES as STACKING
from gato_ros.domains.rgb_stacking.recipe import known_preset
from gato_ros.domains.rgb_stacking.recipe import recipe as of_stacking
from gato_ros.domains.rgb_stacking.refine_recipe import REFINE_RECIPES, refine, refine_arm
from gato_ros.domains.rgb_stacking.stage import Stage as StackingStage
from gato_ros.domains.rgb_stacking.tasks_recipe import TASKS_RECIPES

Stage = Union[StackingStage, GeneralistStage]


def recipe(name: str, preset: str | None = None, embodiment: str | None = None) -> tuple[Stage, ...]:
    """The stages of a recipe in their order, with another model on request; SetupError for a name that is unknown.

    Args:
        embodiment: contract of the robot, for the recipes of ARM_RECIPES; with `refine` another arm than the Sawyer.
    """
    if embodiment is not None and name == "refine":
        _refuse_preset(name, preset, "the weights that it starts from name")
        return refine_arm(embodiment)
    if (name in ARM_RECIPES) != (embodiment is not None):
        raise SetupError(
            expected="--recipe arm with --embodiment, and no other recipe but refine with it",
            got=f"--recipe {name}" + (f" --embodiment {embodiment}" if embodiment else ""),
            fix="name the contract of the arm, as in --recipe arm --embodiment ur5e_rgb_stacking",
        )
    if embodiment is not None:
        sizes = ARM_RECIPES[name]
        return arm(embodiment, replace(sizes, preset=known_preset(preset)) if preset else sizes)
    if name in STACKING:
        return of_stacking(name, preset)
    if name in TASKS_RECIPES:
        build, of_tasks = TASKS_RECIPES[name]
        return build(replace(of_tasks, preset=known_preset(preset)) if preset else of_tasks)
    if name not in REFINE_RECIPES and name not in GENERAL:
        raise unknown_name("a recipe", name, (*STACKING, *REFINE_RECIPES, *TASKS_RECIPES, *ARM_RECIPES, *GENERAL))
    refined = name in REFINE_RECIPES
    _refuse_preset(name, preset, "the weights that it starts from name" if refined else "its mixture names")
    return refine(REFINE_RECIPES[name]) if refined else stages_of(GENERAL[name])


def _refuse_preset(name: str, preset: str | None, by: str) -> None:
    if preset is not None:
        raise SetupError(
            expected=f"no --preset with the recipe {name}", got=preset, fix=f"{by} the model: leave it out"
        )
