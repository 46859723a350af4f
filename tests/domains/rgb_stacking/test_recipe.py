"""The recipes, as values: every stage finds what it reads, and no test object gets into `generalization`."""

from dataclasses import replace

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.domains.recipes import recipe as any_recipe
from gato_ros.domains.rgb_stacking.recipe import RECIPES, recipe
from gato_ros.domains.rgb_stacking.stage import CardStage, CollectStage, EvaluateStage, TrainStage, reads, stated
from gato_ros.domains.rgb_stacking.tasks_recipe import TASKS as OF_RECIPE
from gato_ros.sim.randomisation import LEVELS, PERTURBATIONS
from gato_ros.sim.task import OBJECT_SETS, TASKS

FIRST_CLOSED_LOOP_SEED, FIRST_EVALUATION_SEED = 800_000, 900_000


def paths(stage):
    """What a stage reads, as folders."""
    if isinstance(stage, TrainStage):
        return [*stage.data, *([stage.init] if stage.init else [])]
    if isinstance(stage, CardStage):
        return [stage.policy, *stage.trainings, *stage.evaluations]
    return [stage.policy] if stage.policy else []


@pytest.mark.parametrize("name", RECIPES)
def test_every_stage_reads_what_an_earlier_one_makes_and_makes_its_own(name):
    stages = recipe(name)
    assert len({stage.name for stage in stages}) == len({stage.folder for stage in stages}) == len(stages)
    for place, stage in enumerate(stages):
        for path in paths(stage):
            assert any(f"{path}/".startswith(f"{earlier.folder}/") for earlier in stages[:place]), (stage.name, path)
        needed = {
            other.name
            for other in stages[:place]
            if any(f"{path}/".startswith(f"{other.folder}/") for path in paths(stage))
        }
        assert {other.name for other in stages if reads(stated(stage), other.folder)} == needed


@pytest.mark.parametrize("name", RECIPES)
def test_names_are_known_and_seeds_do_not_meet(name):
    seeds = {}
    for stage in recipe(name):
        if isinstance(stage, CollectStage):
            assert stage.objects in OBJECT_SETS and stage.seed + stage.episodes <= FIRST_CLOSED_LOOP_SEED
            new = set(range(stage.seed, stage.seed + stage.episodes))
            assert not new & seeds.setdefault(stage.objects, set())
            seeds[stage.objects] |= new
        if isinstance(stage, TrainStage):
            assert set(stage.closed_loop_set.split(",")) <= set(OBJECT_SETS)
        if isinstance(stage, EvaluateStage):
            assert stage.objects in (*OBJECT_SETS, "triplets") and stage.seed >= FIRST_EVALUATION_SEED
            assert stage.perturbation in (None, "all", *PERTURBATIONS) and stage.level in LEVELS


@pytest.mark.parametrize("name", RECIPES)
def test_generalization_learns_from_no_test_object(name):
    stages = recipe(name)
    last = max(
        i
        for i, stage in enumerate(stages)
        if isinstance(stage, TrainStage) and stage.folder.startswith("generalization/")
    )
    behind, pending = set(), [stages[last]]
    while pending:
        stage = pending.pop()
        behind.add(stage)
        pending += [other for other in stages if other not in behind and reads(stated(stage), other.folder)]
    assert {stage.objects for stage in behind if isinstance(stage, CollectStage)} == {"train"}
    assert {stage.closed_loop_set for stage in behind if isinstance(stage, TrainStage)} == {"train"}


def test_an_unknown_recipe_is_refused():
    with pytest.raises(SetupError, match="did you mean 'mastery'"):
        recipe("mastry")


def test_another_model_changes_the_trainings_and_nothing_else():
    for plain, larger in zip(recipe("mastery"), recipe("mastery", "sawyer_medium"), strict=True):
        assert larger == (replace(plain, preset="sawyer_medium") if isinstance(plain, TrainStage) else plain)


@pytest.mark.parametrize("preset", ["sawyer_state", "gato_79m", "sawyer_huge"])
def test_a_model_that_no_robot_could_clone_is_refused(preset):
    with pytest.raises(SetupError, match="single-step preset for a robot"):
        recipe("mastery", preset)


def test_every_task_is_collected_driven_and_measured_by_text():
    stages = any_recipe("tasks")
    assert set(OF_RECIPE) == set(TASKS) and len(OF_RECIPE) == len(TASKS)
    assert {stage.embodiment for stage in stages} == {"sawyer_rgb_stacking_told"}
    collected, runs, measured = (
        [stage for stage in stages if isinstance(stage, kind)] for kind in (CollectStage, TrainStage, EvaluateStage)
    )
    folders = [stage.folder for stage in collected]
    assert len(set(folders)) == len(folders) and set(runs[-1].data) == set(folders)
    assert [(run.init, run.shipped_start, run.observe) for run in runs] == [
        (None, "sawyer_mastery", ("task/text",)),
        ("runs/base/last", None, ("task/text",)),
    ]
    for task in TASKS:
        kinds = [(stage.kind, stage.policy) for stage in collected if stage.task == task]
        assert kinds == [("snapshots", None), ("episodes", None), ("episodes", "runs/base/last")]
        seeds = [(stage.seed, stage.seed + stage.episodes) for stage in collected if stage.task == task]
        assert all(end <= start for (_, end), (start, _) in zip(sorted(seeds), sorted(seeds)[1:]))
    assert {stage.task for stage in measured} == set(TASKS) and {stage.seed for stage in measured} == {900_000}
    assert set(stages[-1].evaluations) == {stage.folder for stage in measured}


def test_a_policy_with_a_memory_learns_from_all_that_the_other_one_did():
    stages, before = any_recipe("tasks_streaming"), any_recipe("tasks")
    assert stages[: len(before)] == before
    more = stages[len(before) :]
    whole = [stage for stage in more if isinstance(stage, CollectStage)]
    assert {(stage.task, stage.image_share) for stage in whole} == {(task, 1.0) for task in TASKS}
    (run,) = (stage for stage in more if isinstance(stage, TrainStage))
    (last,) = (stage for stage in before if isinstance(stage, TrainStage) and stage.init)
    assert run.data == tuple(stage.folder for stage in whole) and run.init == f"{last.folder}/last"
    assert run.single_steps == last.data and not set(run.data) & set(run.single_steps)
    ways = {(stage.task, stage.text_s, stage.prompt) for stage in more if isinstance(stage, EvaluateStage)}
    prompts = {stage.task: stage.folder for stage in whole}
    wanted = {(task, *way) for task in TASKS for way in ((None, None), (1.0, None), (0.0, prompts[task]))}
    assert ways == wanted and more[-1].trainings == (run.folder,)
    assert all(reads(stated(stage), prompts[stage.task]) for stage in more if getattr(stage, "prompt", None))
