"""The model card: figures from files, and "not measured" where there is no file."""

import json
from dataclasses import replace

import jax
import pytest

from gato_ros.core.files import write_json
from gato_ros.domains.rgb_stacking.stage import CardStage, CollectStage, EvaluateStage, TrainStage
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.policy_build.ledger import Ledger
from gato_ros.evaluation.reports import model_card
from gato_ros.models.gato import init
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import save_weights
from gato_ros.training.config import TrainingConfig
from gato_ros.training.loop import CURVES

DATA = CollectStage("some_episodes", "data/some", "episodes", "train", 40, 0)
RUN = TrainStage("run", "runs/one", ("data/some",), "debug_one_pass", 20, 8, 1e-3)
RATES = EvaluateStage("rates", "evaluation/rates", "runs/one/last", "triplet1", 10, 900_000)
DISTURBED = EvaluateStage("disturbed", "evaluation/disturbed", "runs/one/last", "cubes", 10, 900_000, "all")
CARD = CardStage("card", "product/weights", "runs/one/last", ("runs/one",), (RATES.folder, DISTURBED.folder))


@pytest.fixture(scope="module")
def parameters():
    model = PRESETS["debug_one_pass"]
    return init(jax.random.key(0), model, token_layout(load_embodiment().spec, model))


@pytest.fixture
def out(tmp_path, parameters):
    """Weights and a ledger, and nothing else."""
    extra = {"step": 20, "data": {"elsewhere/data/some": 1234}, "training": TrainingConfig(steps=20, batch=8).__dict__}
    save_weights(tmp_path / "runs/one/last", parameters, PRESETS["debug_one_pass"], load_embodiment(), extra)
    ledger = Ledger(tmp_path)
    for stage, found, result in ((DATA, 38, {"attempted": 0, "files": 38}), (RUN, 0, {}), (RATES, 0, {})):
        with ledger.sitting(stage, found) as figures:
            figures.update(result)
    return tmp_path


def card(out):
    return model_card.write(CARD, out, Ledger(out).entries).read_text()


def row(successes, episodes=10):
    return {"episodes": episodes, "successes": successes, "rate": successes / episodes, "failures": {"not_lifted": 1}}


def test_what_has_no_file_is_not_measured(out):
    text = card(out)
    assert "| runs/one | random weights | 20 x 8 | 0.001 | not measured |" in text
    assert "Curves: not measured." in text and not (out / "product/weights/training.png").exists()
    assert text.count("| all | | not measured |") == 2


def test_data_that_was_found_has_frames_and_no_hours(out):
    text = card(out)
    assert "| data/some | train | 40 episodes attempted | 0 - 39 | expert, with noise | 38 | 1,234 |" in text
    assert "| some_episodes | not measured | 1 |" in text and "Of some_episodes there were files before" in text


def test_rates_are_those_of_the_results(out):
    write_json(
        out / RATES.folder / "result.json", {"seed": 900_000, "perturbation": None, "sets": {"triplet1": row(5)}}
    )
    light = {"level": "medium", "sets": {"cubes": row(3)}, "against_plain": {"sets": {"cubes": {"difference": -0.4}}}}
    write_json(
        out / DISTURBED.folder / "result.json",
        {"seed": 900_000, "perturbation": None, "sets": {"cubes": row(7)}, "perturbations": {"light": light}},
    )
    text = card(out)
    success, disturbed = text.split("## Success in ")[1:]
    assert "| triplet1 | no | 5 of 10 | 50 % | 24 % - 76 % | 900000 | 1 not lifted |" in success
    assert "cubes" not in success  # its plain episodes belong to the disturbed ones
    assert "| plain | cubes | 7 of 10 | 70 % | 40 % - 89 % |  |" in disturbed
    assert "| light, medium | cubes | 3 of 10 | 30 % | 11 % - 60 % | -40 |" in disturbed


def test_curves_are_drawn(out):
    rows = [{"kind": "train", "step": 10, "loss": 6.0}, {"kind": "closed_loop", "step": 20, "rate": 0.5, "episodes": 4}]
    (out / "runs/one" / CURVES).write_text("".join(json.dumps(one) + "\n" for one in rows))
    text = card(out)
    assert "](training.png)" in text and "| 50 % of 4 on train |" in text
    assert (out / "product/weights/training.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "embodiment, measured, said",
    [
        (None, {"error_vx": 0.0039, "error_wz": 0.113, "error_red_x": 2.0}, "vx 3.9 mm/s, wz 113 mrad/s"),
        ("so101_rgb_stacking", {"error_wrist_roll": 0.0358, "error_red_x": 2.0}, "wrist_roll 35.8 mrad"),
        (None, {"error_red_x": 2.0}, "not measured"),
    ],
)
def test_errors_of_the_action_have_their_names_and_units(out, embodiment, measured, said):
    (out / "runs/one" / CURVES).write_text(json.dumps({"kind": "validation", "step": 20, "loss": 4.0, **measured}))
    stage = replace(CARD, embodiment=embodiment)
    text = model_card.write(stage, out, Ledger(out).entries).read_text()
    assert f"| 4 | {said} | 2 " in text


def test_shipped_weights_that_drove_are_named(out):
    stage = replace(DATA, shipped_policy="sawyer_mastery")
    ledger = Ledger(out)
    ledger.forget(DATA.name)
    with ledger.sitting(stage, 0) as figures:
        figures.update({"attempted": 40, "files": 40})
    assert "| data/some | train | 40 episodes attempted | 0 - 39 | sawyer_mastery | 40 | 1,234 |" in card(out)
