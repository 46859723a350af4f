"""Studies of a generalist at toy sizes: few-shot fine-tuning, and scores by size."""

import contextlib
import json
from dataclasses import replace

import matplotlib.image
import pytest

from gato_ros.cli import study
from gato_ros.core.errors import SetupError
from gato_ros.data.demonstrations.reading import read_demonstrations
from gato_ros.domains import domain_file, registry
from gato_ros.domains.generalist.recipe import FOLDER, FULL
from gato_ros.domains.generalist.seen import learns
from gato_ros.evaluation.foreign import collection, evaluation
from gato_ros.evaluation.generality import adaptation, scaling
from gato_ros.evaluation.generality.plan import plan_of
from gato_ros.evaluation.generality.plots import plot_adaptation
from gato_ros.evaluation.generality.settings import Adaptation, Scaling
from gato_ros.evaluation.generality.stage import AdaptStage, starts_of
from gato_ros.evaluation.training_run.mixture import read_mixture
from gato_ros.models.presets import PRESETS
from tests.domains.conftest import Here

POLE = "tests/domains/pole.py"
SMALL = {"layers": 1, "width": 16, "heads": 1, "head_size": 16, "feed_forward": 32, "context_tokens": 20}
TOY = {"steps": 2, "batch": 2, "episodes": 2, "workers": 1}


@pytest.fixture(scope="module", autouse=True)
def small_and_here(request):
    """A tiny model, files from the root of the repository, and no other process."""
    pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")

    @contextlib.contextmanager
    def pool(workers, *options):
        yield Here()

    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(request.config.rootpath)
        patched.setitem(PRESETS, "tiny_generalist", replace(PRESETS["gato_generalist"], **SMALL))
        for known in ("_paths", "_loaded"):
            patched.setattr(domain_file, known, {})
        for module in (collection, evaluation):
            patched.setattr(module, "worker_pool", pool)
        yield


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """From nothing, and the weights that it leaves."""
    out = tmp_path_factory.mktemp("first")
    options = Adaptation(POLE, "short", out, preset="tiny_generalist", demonstrations=(2,), **TOY)
    return options, adaptation.study_adaptation(options)


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """From those weights and from nothing, interrupted once."""
    out, weights = tmp_path_factory.mktemp("second"), str(first[0].out / "short_from_nothing_0002" / "run" / "last")
    words = [POLE, "--task", "short", "--out", str(out), "--init", weights, "--demonstrations", "2", "3"]
    toy = [word for name, value in TOY.items() for word in (f"--{name}", str(value))]
    options = study.parse(["adaptation", "--domain", *words, *toy, "--no-from-nothing"])
    trained = []

    def work(run, plan):
        if len(trained) == 1:
            trained.append(None)
            raise KeyboardInterrupt
        trained.append(plan)
        return train(run, plan)

    from gato_ros.evaluation.training_run import generalist

    train = generalist.train_mixture
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generalist, "train_mixture", work)
        with pytest.raises(KeyboardInterrupt):
            study.run(options)
        assert len(json.loads((out / "study.json").read_text())["cells"]) == 1
        result = study.run(options)
    assert [plan.parts[0].limit for plan in trained if plan] == [2, 3], "no cell was trained twice"
    return options, result


def test_a_task_is_learned_from_nothing(first):
    options, result = first
    (row,) = result["cells"]
    assert (row["start"], row["demonstrations"], row["episodes"]) == ("from nothing", 2, 2)
    assert row["expert"] == 30 and row["frames"] == 60 and len(row["weights_sha256"]) == 64
    assert row["interval95"][0] <= row["percent_of_expert"] <= row["interval95"][1]
    assert json.loads((options.out / "study.json").read_text()) == result
    shown = read_demonstrations([options.out / "demonstrations" / "short"])
    assert len(shown) == 2 and all(one.outcome == 30 for one in shown)


def test_the_same_command_does_nothing_again(first, monkeypatch):
    options, result = first
    monkeypatch.setattr(adaptation, "_adapt", None)
    assert adaptation.study_adaptation(options) == result
    with pytest.raises(SetupError, match="steps = 2 in short_from_nothing_0002; got steps = 3"):
        adaptation.study_adaptation(replace(options, steps=3))
    with pytest.raises(SetupError, match="--init with weights, or --from-nothing"):
        adaptation.study_adaptation(replace(options, from_nothing=False))


def test_a_stopped_study_goes_on_from_the_weights(first, second):
    options, result = second
    assert [row["demonstrations"] for row in result["cells"]] == [2, 3]
    assert {row["start"] for row in result["cells"]} == {"run"}
    assert result["starts"][0]["weights_sha256"] == first[1]["cells"][0]["weights_sha256"]
    assert result["learned_by_recipe"] == {"short": False}
    assert matplotlib.image.imread(options.out / "study.png").std() > 0.05


def test_scores_of_several_sizes_are_one_table(first, second, tmp_path):
    weights = (str(first[0].out / "short_from_nothing_0002" / "run"), str(second[0].out / "short_run_0003" / "run"))
    options = Scaling(tuple(f"{one}/last" for one in weights), tmp_path, (POLE,), "all", 1, workers=1)
    result = scaling.study_scaling(options)
    assert [row["weights"] for row in result["cells"]] == ["run", "run_"]
    for row in result["cells"]:
        assert 0 < row["outside_table"] < row["parameters"] and row["tasks_with_a_scale"] == 2
        assert row["domain"] == "pole" and row["mean_percent_of_expert"] < 100
    assert matplotlib.image.imread(tmp_path / "study.png").std() > 0.05
    with pytest.raises(SetupError, match="different weights with --init"):
        scaling.study_scaling(replace(options, init=options.init[:1] * 2))


def test_weights_are_labelled_by_the_folder_above(tmp_path):
    for number, place in enumerate(("base/last", "large/last", "other/large")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "params.safetensors").write_bytes(bytes(number))
        (tmp_path / place / "config.json").write_text("{}")
    found = starts_of(str(tmp_path / place) for place in ("base/last", "large/last", "other/large"))
    assert [one.label for one in found] == ["base", "large", "large_"]


@pytest.mark.parametrize(
    ("name", "task", "learned"),
    [
        ("babyai", "go_to_local", True),
        ("babyai", "pickup_dist", False),
        ("babyai", "find_obj_s5", False),
        ("meta_world", "reach", True),
        ("rgb_stacking", "triplet3", True),
        ("rgb_stacking", "blue_on_green", True),
        ("rgb_stacking", "green_on_red", False),
        ("rgb_stacking", "panda/cubes", False),
    ],
)
def test_what_the_recipe_learns_is_known(name, task, learned):
    assert learns(registry.load_domain(name), task) == learned


def test_what_is_held_out_is_in_no_part_of_the_mixture():
    for part in read_mixture(FOLDER / FULL.mixture).parts:
        assert not set(part.tasks) & set(getattr(registry.load_domain(part.domain), "more_tasks", ()))


@pytest.mark.parametrize(
    ("name", "task", "read"),
    [
        ("babyai", "pickup_dist", {"view/cells", "mission/text"}),
        ("rgb_stacking", "panda/cubes", {"panda/pinch/pose", "task/text", "gripper/grasp"}),
        (POLE, "long", {"observation"}),
    ],
)
def test_a_cell_has_the_numbers_of_the_mixture(name, task, read, tmp_path):
    domain = registry.load_domain(name)
    options = Adaptation(name, task, tmp_path, steps=100)
    stage = AdaptStage("a", "a", domain.name, task, "", None, None, 10, 100, 8, 1e-3, 1, 900_000, None)
    (part,) = plan_of(options, domain, stage, None, tmp_path).parts
    assert read <= set(part.observe) <= set(domain.contract(task).spec.observations) and part.limit == 10
    assert (
        part.sequences.batch == 8
        and part.sequences.legal_only
        and part.contracts()[0].spec == domain.contract(task).spec
    )
    assert part.sequences.past_hidden_share == (0.3 if name == "babyai" else 0.0)


def test_studies_refuse_what_they_cannot_do(tmp_path):
    wrong = [
        ({"domain": "scenes"}, "a domain with actions; got scenes"),
        ({"task": "shrt"}, "did you mean 'short'"),
        ({"init": ("nobody",)}, "a policy"),
        ({"preset": "sawyer_small"}, "a preset of a generalist"),
        ({"demonstrations": (1,)}, "--demonstrations"),
    ]
    for changes, words in wrong:
        options = Adaptation(**{"domain": POLE, "task": "short", "out": tmp_path / "out", **changes})
        with pytest.raises(SetupError, match=words):
            adaptation.study_adaptation(options)
    assert not (tmp_path / "out").exists()


def test_tasks_have_panels_of_their_own(tmp_path):
    rows = [
        {"task": task, "start": start, "demonstrations": count, "percent_of_expert": 50.0, "interval95": [40.0, 70.0]}
        for task in ("a", "b", "c", "d")
        for start in ("weights", "from nothing")
        for count in (10, 100)
    ]
    starts = [{"start": "weights"}, {"start": "from nothing"}]
    plot_adaptation({"cells": rows, "starts": starts}, tmp_path / "plot.png")
    picture = matplotlib.image.imread(tmp_path / "plot.png")
    assert picture.shape[:2] == (1240, 1400) and picture[..., :3].std() > 0.05
