"""`train --init` fine-tunes by the paper's numbers, unless an option says otherwise; recipes go on as they did."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import jax
import numpy as np
import pytest

from gato_ros.cli import main, study, train
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.frames import SUFFIX, make_frames, save_frames
from gato_ros.domains.rgb_stacking.recipe import recipe
from gato_ros.domains.rgb_stacking.stage import TrainStage
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.policy_build import stages
from gato_ros.evaluation.studies import cell as study_cell
from gato_ros.evaluation.studies import study as studies
from gato_ros.evaluation.studies.checks import check_init
from gato_ros.evaluation.training_run import training
from gato_ros.evaluation.training_run.settings import SequenceOptions, chosen
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import save_weights
from gato_ros.training import loop
from gato_ros.training.config import FINE_TUNING, FINE_TUNING_DROPOUT, TrainingConfig
from gato_ros.training.optimiser import learning_rates
from gato_ros.training.sequence_config import sequence_config

INIT = ["--init", "sawyer_mastery"]
USUAL = TrainingConfig()


def parsed(*more):
    return train.parse(["--data", "somewhere", "--out", "nowhere", *more], prog="train").training


@pytest.mark.parametrize(
    "more, expected",
    [
        ([], {}),
        (INIT, {"learning_rate": 1e-5, "warmup_steps": 0, "final_share": 1.0, "batch": 64, "steps": 10_000}),
        ([*INIT, "--training.batch", "8"], {"learning_rate": 1e-5, "warmup_steps": 0, "final_share": 1.0, "batch": 8}),
        ([*INIT, "--training.steps", "20000"], {"steps": 20_000, "learning_rate": 1e-5}),
        ([*INIT, "--training.warmup-steps", "300"], {"warmup_steps": 300, "learning_rate": 1e-5, "final_share": 1.0}),
        # The default of a run from nothing, as an option: with the schedule that belongs to it.
        (
            [*INIT, "--training.learning-rate", "1e-3"],
            {"learning_rate": 1e-3, "warmup_steps": 300, "final_share": 0.01},
        ),
        ([*INIT, "--training.learning-rate", "3e-5", "--training.final-share", "1"], {"final_share": 1.0}),
    ],
)
def test_fine_tuning_is_the_default_and_an_option_wins(more, expected):
    config = parsed(*more)
    assert {key: getattr(config, key) for key in expected} == expected
    untouched = asdict(replace(config, **{key: getattr(USUAL, key) for key in FINE_TUNING}))
    assert untouched == asdict(USUAL)


def test_fine_tuning_keeps_its_rate_from_first_to_last_step():
    for config in (parsed(*INIT), chosen(SequenceOptions(), "sawyer_streaming", from_weights=True)):
        rates = [float(learning_rates(config)(step)) for step in (0, 1, 299, config.steps // 2, config.steps)]
        np.testing.assert_allclose(rates, 1e-5, rtol=1e-6)


def test_fine_tuning_of_sequences_is_the_same():
    tuned, usual = (chosen(SequenceOptions(), "sawyer_streaming", from_weights) for from_weights in (True, False))
    assert usual == sequence_config("sawyer_streaming")
    assert tuned == replace(usual, **FINE_TUNING)
    given = chosen(SequenceOptions(batch=3, learning_rate=1e-3), "sawyer_streaming", from_weights=True)
    assert given == replace(usual, batch=3, learning_rate=1e-3, steps=10_000)


@pytest.mark.parametrize("bad", ["1", "-0.1", "nan"])
def test_a_dropout_that_is_none_is_refused(bad, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--dropout", bad])
    assert exit_.value.code == 2 and "--dropout in [0, 1)" in capsys.readouterr().err


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Three files of frames, and random weights of the debug preset."""
    folder, robot, model = tmp_path_factory.mktemp("toy"), load_embodiment(), PRESETS["debug_one_pass"].deployed()
    values = {
        key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
        for key, channel in robot.observations.items()
    }
    row = (Observation(values, 0.0, {}), ArmAction(np.full(4, 0.01), 0.0))
    (folder / "data").mkdir()
    for number in range(3):
        file = folder / "data" / f"cubes-snapshots-{number:06d}{SUFFIX}"
        save_frames(file, make_frames(robot.image_keys, [row] * 4))
    shapes = parameter_shapes(model, token_layout(robot.spec, model))
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
    save_weights(folder / "weights", params, model, robot)
    save_weights(folder / "tuned", params, replace(model, dropout=FINE_TUNING_DROPOUT), robot)
    return folder


@pytest.fixture
def tuned(toy):
    """Weights of the debug preset as fine-tuning leaves them."""
    return toy / "tuned"


@pytest.fixture
def run(toy, tmp_path, monkeypatch):
    """A function (weights, options) -> what the run would record; the loop itself has tests of its own."""
    seen = []

    def looped(objective, contract, supervision, data, folder, schedule, report, closed_loop, initial, mesh, **more):
        assert initial is not None
        seen.append(loop.run_record(objective.config, objective.model, data))
        return {}

    monkeypatch.setattr(loop, "train", looped)

    def do(weights, *more):
        arguments = ["--data", toy / "data", "--out", tmp_path / "run", "--preset", "debug_one_pass", "--init", weights]
        with pytest.raises(SystemExit) as exit_:
            main(["train", *map(str, (*arguments, *more))])
        assert exit_.value.code == 0
        return seen.pop()

    return do


def test_what_fine_tuning_chose_is_printed_and_recorded(run, toy, capsys):
    record = run(toy / "weights")
    said = f"train: from {toy}/weights: 10000 steps of 64, learning rate 1e-05 throughout, dropout 0.1\n"
    assert said in capsys.readouterr().out
    assert record["model"]["dropout"] == 0.1 and record["training"]["learning_rate"] == 1e-5


def test_weights_that_were_fine_tuned_are_a_start_and_options_win(run, tuned, capsys):
    record = run(tuned, "--training.learning-rate", "1e-3", "--dropout", "0")
    said = "learning rate 0.001 after 300 steps of warm-up, then down to 0.01 of it, dropout 0\n"
    assert said in capsys.readouterr().out
    assert record["model"]["dropout"] == 0 and record["training"]["warmup_steps"] == 300


@pytest.fixture
def train_options(monkeypatch):
    """What a program asks of a training."""
    seen = []
    monkeypatch.setattr(training, "train_policy", lambda run: seen.append(run) or {})
    return seen


def test_the_recipe_s_continued_runs_keep_their_numbers(train_options):
    continued = [stage for stage in recipe("mastery") if isinstance(stage, TrainStage) and stage.init]
    assert len(continued) > 1
    for stage in continued:
        stages._train(stage, Path("out"))
        given = train_options.pop()
        assert given.training == TrainingConfig(steps=stage.steps, batch=64, learning_rate=1e-3)
        assert given.init is not None and given.dropout == 0 and given.training.warmup_steps == 300


def test_a_study_s_cells_learn_alike(train_options, tmp_path):
    options = study.Options("few_shot", tmp_path, init=Path("sawyer_mastery"))
    for cell in studies.study_cells(options):
        study_cell.train_cell(cell, options)
        given = train_options.pop()
        assert given.training == TrainingConfig(steps=6000) and given.dropout == 0
        record = json.loads((tmp_path / cell.name / study_cell.CELL).read_text())
        training = {key for key in record if key.startswith("training.")}
        assert training == {f"training.{key}" for key in asdict(USUAL)} and "dropout" not in record


def test_few_shot_takes_weights_that_were_fine_tuned(tuned, tmp_path):
    options = study.Options("few_shot", tmp_path / "out", init=tuned, preset="debug_one_pass")
    check_init(options)
    with pytest.raises(SetupError, match="weights of sawyer_tiny"):
        check_init(replace(options, preset="sawyer_tiny"))
