"""The model card of a generalist: every figure is one of a file, and nothing is written as measured that was not."""

import json
from dataclasses import replace

import pytest

from gato_ros.domains.baselines.baseline import FOLDER
from gato_ros.domains.generalist.recipe import RECIPES, stages_of
from gato_ros.domains.rgb_stacking.stage import stated
from gato_ros.evaluation.reports.generalist_card import write

STAGES = stages_of(RECIPES["generalist_smoke"])
WEIGHTS = {
    "embodiment": {"name": "babyai_go_to_obj"},
    "others": [{"name": "sawyer_rgb_stacking_told"}],
    "parameters": {"count": 5_229_536, "sha256": "0123456789abcdef0123"},
    "model": {"layers": 4, "width": 128, "heads": 4, "context_tokens": 384},
}


@pytest.fixture
def out(tmp_path):
    card = STAGES[-1]
    last = tmp_path / card.policy
    last.mkdir(parents=True)
    (last / "config.json").write_text(json.dumps(WEIGHTS))
    (last / "params.safetensors").write_bytes(b"weights")
    return tmp_path


def entries(result):
    return {
        stage.name: {
            "kind": type(stage).__name__,
            "seconds": 1800.0,
            "options": stated(stage),
            "result": result,
            "machine": {"cores": 2, "cpu": "a processor"},
        }
        for stage in STAGES[:-1]
    }


def test_what_was_measured_is_on_the_card(out):
    (folder,) = STAGES[-1].evaluations
    (out / folder).mkdir(parents=True)
    (out / folder / "result.json").write_text((FOLDER / "babyai_random.json").read_text())
    (out / "base").mkdir(exist_ok=True)
    rows = [{"kind": "validation", "step": step, "rooms/move_accuracy": 0.1 * step} for step in (1, 2)]
    (out / "base" / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = write(STAGES[-1], out, entries({"files": 7, "loss": 1.25}))
    text = path.read_text()
    assert text.startswith("# gato_generalist\n") and "5,229,536 parameters" in text
    assert "babyai_go_to_obj, sawyer_rgb_stacking_told" in text and "4.5 h in all stages" in text
    assert (
        "| boss_level | 100 |" in text
        and "| base | random weights | 4 | 0.0006 | the mixture's | 0.50 | 1.250 |" in text
    )
    assert "| red_on_blue (cubes) | 2 scenes x 2 snapshots | 300000 | nobody | 7 |" in text
    assert "| dagger_1 | balanced/last | 4 | 0.0006 | rooms=0.5 | 0.50 | 1.250 |" in text
    assert "(training.png)" in text and (path.parent / "training.png").read_bytes().startswith(b"\x89PNG")
    assert (path.parent / "params.safetensors").read_bytes() == b"weights"
    assert "| not measured |" not in text


def test_what_was_not_measured_says_so(out):
    text = write(STAGES[-1], out, entries(None)).read_text()
    assert "Not measured." in text and "Curves: not measured." in text
    assert "| base | random weights | 4 | 0.0006 | the mixture's | 0.50 | not measured |" in text


def test_dialogues_are_on_the_card_as_they_came(out):
    card = replace(STAGES[-1], dialogues="evaluation/dialogues")
    turns = [
        {"question": "what is red on?", "said": "the table", "right": "the table"},
        {"question": "count the objects.", "said": "", "right": "two"},
        {"question": "and on top?", "said": "a|b", "right": "blue"},
    ]
    (out / card.dialogues).mkdir(parents=True)
    (out / card.dialogues / "result.json").write_text(json.dumps({"dialogues": [{"seed": 900_000, "turns": turns}]}))
    text = write(card, out, entries(None)).read_text()
    assert "about each of 1 pictures" in text and "| 900000 | what is red on? | the table | the same |" in text
    assert "|  | count the objects. | (nothing) | two |" in text and "a\\|b" in text
    assert "## Dialogues" not in write(STAGES[-1], out, entries(None)).read_text()
