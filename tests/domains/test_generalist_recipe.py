"""The recipe of the generalist, as values: every stage finds what it reads, and no part of the mixture goes without."""

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.domains.generalist.recipe import FOLDER, GeneralistSizes, Part, stages_of
from gato_ros.domains.generalist.recipe import RECIPES as GENERAL
from gato_ros.domains.generalist.stage import GatherStage, MixStage, ScoreStage, part_of
from gato_ros.domains.recipes import recipe
from gato_ros.domains.registry import load_domain, tasks_of
from gato_ros.domains.rgb_stacking.stage import reads, stated
from gato_ros.evaluation.policy_build.ledger import digest
from gato_ros.evaluation.training_run.mixture import read_mixture

NEEDS_NO_DATA = {"text"}
"""Domains that read what a machine has."""


@pytest.mark.parametrize("name", GENERAL)
def test_every_stage_reads_what_an_earlier_one_makes(name):
    stages = recipe(name)
    assert len({stage.name for stage in stages}) == len({stage.folder for stage in stages}) == len(stages)
    for place, stage in enumerate(stages):
        made = {earlier.folder for earlier in stages[:place]}
        inputs = [*getattr(stage, "data", ()), *getattr(stage, "trainings", ()), *getattr(stage, "evaluations", ())]
        inputs += [path for path in (getattr(stage, "policy", None), getattr(stage, "init", None)) if path]
        assert all(path in made or path.removesuffix("/last") in made for path in inputs), stage.name
        for other in stages[place:]:
            assert not reads(stated(stage), other.folder), (stage.name, other.name)


@pytest.mark.parametrize("name", GENERAL)
def test_every_part_of_the_mixture_has_its_demonstrations(name):
    (first, *_) = (stage for stage in recipe(name) if isinstance(stage, MixStage))
    parts = read_mixture(FOLDER / first.mixture).parts
    found = {part_of(folder) for folder in first.data}
    assert {part.name for part in parts if part.domain not in NEEDS_NO_DATA} == found
    domains = {part_of(stage.folder): stage.domain for stage in recipe(name) if isinstance(stage, GatherStage)}
    assert domains == {part.name: part.domain for part in parts if part.name in domains}


@pytest.mark.parametrize("name", GENERAL)
def test_weights_of_the_rounds_name_parts(name):
    first, *rounds = (stage for stage in recipe(name) if isinstance(stage, MixStage))
    parts = {part.name for part in read_mixture(FOLDER / first.mixture).parts}
    assert first.weights == () and rounds
    for stage in rounds:
        weights = {part: float(weight) for part, weight in (pair.split("=") for pair in stage.weights)}
        assert weights and set(weights) <= parts and min(weights.values()) > 0


@pytest.mark.parametrize("name", GENERAL)
def test_tasks_are_known_and_seeds_do_not_meet(name):
    seeds = {}
    for stage in recipe(name):
        if isinstance(stage, GatherStage):
            if stage.domain != "rgb_stacking" and stage.tasks:
                assert tasks_of(load_domain(stage.domain), stage.tasks)
            new = range(stage.seed, stage.seed + stage.episodes)
            before = seeds.setdefault((stage.domain, stage.objects, stage.tasks), [])
            assert new.stop <= 800_000 and all(new.stop <= one.start or one.stop <= new.start for one in before)
            before.append(new)
        if isinstance(stage, ScoreStage):
            assert stage.seed >= 900_000 and tasks_of(load_domain(stage.domain), stage.tasks)


def test_another_mixture_is_another_training():
    parts = (Part("rooms", "babyai", "go_to_obj", 1), Part("stacking", "rgb_stacking", "red_on_blue", 1))
    first, second = (
        next(stage for stage in stages_of(GeneralistSizes(parts, mixture=name)) if isinstance(stage, MixStage))
        for name in ("mixture.yaml", "smoke.yaml")
    )
    assert digest(first) != digest(second)


def test_a_generalists_recipe_takes_no_preset():
    with pytest.raises(SetupError, match="its mixture names the model"):
        recipe("generalist", "sawyer_small")
    with pytest.raises(SetupError, match="did you mean 'generalist'"):
        recipe("generalits")
