import json

import numpy as np
import pytest

from gato_ros.cli import main
from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.data.episode import EpisodeWriter
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.tokenizer import tokenize, tokenize_actions


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def test_presets_verb(tmp_path):
    assert call("presets", "--json", tmp_path / "p.json") == 0
    presets = json.loads((tmp_path / "p.json").read_text())["presets"]
    assert set(presets) == set(PRESETS)
    row = presets["gato_1_18b"]
    assert (row["layers"], row["width"], row["heads"], row["context"]) == (24, 2048, 16, 1024)
    assert row["parameters"] == pytest.approx(1.18e9, rel=0.015)
    assert presets["sawyer_small"]["context"] == 39


@pytest.mark.parametrize(("preset", "parts"), [("debug", 60), ("debug_one_pass", 39)])
def test_bench_step(tmp_path, preset, parts):
    assert call("bench", "step", "--preset", preset, "--steps", 3, "--json", tmp_path / "b.json") == 0
    row = json.loads((tmp_path / "b.json").read_text())["presets"][preset]
    for side in ("streaming_ms", "full_recompute_ms"):
        assert 0 < row[side]["p50"] <= row[side]["p99"]
    assert row["ratio"] == pytest.approx(row["full_recompute_ms"]["p50"] / row["streaming_ms"]["p50"])
    assert row["steps"] == 3 and row["context_tokens"] == parts


def test_bench_refuses_what_does_not_fit(tmp_path, monkeypatch, capsys):
    from gato_ros.cli import bench_step

    monkeypatch.setattr(bench_step, "BYTES_PER_PARAMETER", 1 << 30)
    assert call("bench", "step", "--preset", "debug", "--json", tmp_path / "b.json") == 2
    assert "free memory" in capsys.readouterr().err and not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("arguments", [("bench", "step", "--preset", "gato_79"), ("bench", "step", "--steps", "1"),
                                       ("tokens", "nowhere.mcap"), ("presets", "--embodiment", "sawyer")])
def test_bad_input_is_one_line(arguments, capsys):
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gato_ros {arguments[0]}: expected") and error.count("\n") == 1


@pytest.fixture
def episode(tmp_path, embodiment, observations):
    """Three steps; only step 1 has images."""
    values = observations(embodiment.observation_keys, (3,), seed=11)
    writer = EpisodeWriter(tmp_path, "one", embodiment, {})
    for i in range(3):
        frame = {key: value[i] for key, value in values.items() if i == 1 or key not in embodiment.image_keys}
        action = Action(np.array([0.01, -0.02, 0.03, 0.5]), 0.085)
        writer.add(i, Observation(frame, 0.05 * (i + 1)), action, action)
    return writer.close({"success": True}), values


def test_tokens_verb_shows_what_the_model_sees(episode, tmp_path, embodiment, capsys):
    path, values = episode
    assert call("tokens", path, "--step", 1, "--json", tmp_path / "t.json") == 0
    rows = json.loads((tmp_path / "t.json").read_text())["tokens"]
    layout = token_layout(embodiment, PRESETS["sawyer_small"])
    assert [row["index"] for row in rows] == list(range(layout.step_tokens))
    ids = tokenize(layout, {key: value[1] for key, value in values.items()}).ids
    assert [row["id"] for row in rows[layout.patches:layout.observation_tokens]] == ids.tolist()
    assert rows[layout.observation_tokens]["id"] == 33024
    action = tokenize_actions(layout, np.array([0.01, -0.02, 0.03, 0.5, 0.085], np.float32))
    assert [row["id"] for row in rows[-5:]] == action.tolist()
    assert rows[0]["raw"] is not None and "gripper/opening" in capsys.readouterr().out


def test_tokens_verb_says_that_images_are_missing(episode, capsys):
    assert call("tokens", episode[0], "--step", -1) == 0
    assert "without images" in capsys.readouterr().out


def test_tokens_verb_refuses_a_step_beyond_the_end(episode, capsys):
    assert call("tokens", episode[0], "--step", 3) == 2
    assert "[0, 3)" in capsys.readouterr().err
