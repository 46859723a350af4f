import json
import time
from functools import partial

import numpy as np
import pytest

from gato_ros.bench import free_memory
from gato_ros.bench.ladder import ladder, largest_at
from gato_ros.bench.step import Options, _interleaved
from gato_ros.bench.step_sides import Side
from gato_ros.cli import main
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.domains.robot_presets import ROBOT_PRESETS
from gato_ros.models.analysis.flops import core_parameters
from gato_ros.models.analysis.roofline import measured_rates
from gato_ros.models.layout import token_layout
from gato_ros.models.tokenizer import tokenize, tokenize_actions


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def test_presets_verb(tmp_path):
    assert call("presets", "--json", tmp_path / "p.json") == 0
    presets = json.loads((tmp_path / "p.json").read_text())["presets"]
    assert set(presets) == set(ROBOT_PRESETS)
    row = presets["gato_1_18b"]
    assert (row["layers"], row["width"], row["heads"], row["context"]) == (24, 2048, 16, 1024)
    assert row["parameters"] == pytest.approx(1.18e9, rel=0.015)
    assert presets["sawyer_small"]["context"] == 39


@pytest.mark.parametrize(
    ("preset", "context", "precisions", "sides"),
    [
        (
            "debug",
            60,
            ("mixed", "bfloat16_weights"),
            {"streaming/mixed", "streaming/bfloat16_weights", "one_pass/bfloat16_weights", "full_recompute/float32"},
        ),
        ("debug_one_pass", 39, ("float32", "mixed"), {"one_pass/float32", "full_recompute/float32"}),
    ],
)
def test_bench_step(tmp_path, monkeypatch, preset, context, precisions, sides):
    monkeypatch.setattr("gato_ros.models.analysis.roofline.measured_rates", partial(measured_rates, 64, 1))
    assert (
        call(
            "bench",
            "step",
            "--preset",
            preset,
            "--steps",
            3,
            "--json",
            tmp_path / "b.json",
            "--precisions",
            *precisions,
        )
        == 0
    )
    row = json.loads((tmp_path / "b.json").read_text())["presets"][preset]
    assert set(row["sides"]) == sides and row["steps"] == 3 and row["context_tokens"] == context
    for side in row["sides"].values():
        assert 0 < side["p50"] <= side["p99"] and side["least_ms"] > 0
        assert side["share_of_roofline"] == pytest.approx(side["least_ms"] / side["p50"])
        assert side["least_ms"] == pytest.approx(sum(phase["least_ms"] for phase in side["arithmetic"]))
    assert row["ratio"] == pytest.approx(row["full_recompute_ms"]["p50"] / row["streaming_ms"]["p50"])
    assert set(row.get("one_pass_is_faster_by", {})) == ({"bfloat16_weights"} if preset == "debug" else set())


def test_the_ladder_finds_the_largest_core_in_time():
    rungs = ladder()
    sizes = [core_parameters(config) / 1e6 for config in rungs.values()]
    assert sizes == sorted(sizes) and sizes[0] < 3 and sizes[-1] > 30 and any(19 <= size < 20 for size in sizes)
    row = lambda core, **sides: {
        "core_parameters": core,
        "sides": {name: {"p50": p99 - 1, "p99": p99} for name, p99 in sides.items()},
    }
    rows = {
        "small": row(2, **{"streaming/float32": 20.0}),
        "large": row(9, **{"streaming/float32": 60.0}),
        "middle": row(5, **{"streaming/float32": 55.0, "streaming/mixed": 49.0, "one_pass/float32": 5.0}),
    }
    assert largest_at(50.0, rows) == {
        "rung": "middle",
        "core_parameters": 5,
        "precision": "mixed",
        "p50": 48.0,
        "p99": 49.0,
    }
    assert largest_at(10.0, rows) is None


def test_a_precision_that_does_not_fit_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(free_memory, "free_memory", lambda: 1e9)
    fitting, left_out = free_memory.fitting_precisions(120_000_000, ("float32", "int8", "mixed", "bfloat16"))
    assert fitting == ["float32", "int8"] and set(left_out) == {"mixed", "bfloat16"}
    assert "GiB needed, 0.9 GiB free" in left_out["mixed"]


def test_bench_train(tmp_path, monkeypatch):
    monkeypatch.setattr("gato_ros.models.analysis.roofline.measured_rates", partial(measured_rates, 64, 1))
    assert (
        call(
            "bench",
            "train",
            "--preset",
            "debug",
            "--compute",
            "float32",
            "--batch",
            2,
            "--repetitions",
            2,
            "--json",
            tmp_path / "b.json",
        )
        == 0
    )
    row = json.loads((tmp_path / "b.json").read_text())["presets"]["debug/float32"]
    assert row["loss"] == "sequence" and row["control_steps"] == 60 // 24
    assert row["tokens_per_s"] == pytest.approx(24 * row["frames_per_s"])
    assert row["mfu"] == pytest.approx(row["operations_per_step"] / row["step_s"] / row["peak_operations_per_s"])


def test_bench_refuses_what_does_not_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gato_ros.models.analysis.roofline.measured_rates", partial(measured_rates, 64, 1))
    monkeypatch.setattr(free_memory, "BYTES_PER_PARAMETER", 1 << 30)
    assert call("bench", "step", "--preset", "debug", "--json", tmp_path / "b.json") == 2
    assert "free memory" in capsys.readouterr().err and not (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench", "step", "--preset", "gato_79"),
        ("bench", "step", "--steps", "1"),
        ("tokens", "nowhere.mcap"),
        ("presets", "--embodiment", "sawyer"),
    ],
)
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
        action = ArmAction(np.array([0.01, -0.02, 0.03, 0.5]), 0.085)
        writer.add(i, Observation(frame, 0.05 * (i + 1)), action, action)
    return writer.close({"success": True}), values


def test_tokens_verb_shows_what_the_model_sees(episode, tmp_path, embodiment, capsys):
    path, values = episode
    assert call("tokens", path, "--step", 1, "--json", tmp_path / "t.json") == 0
    rows = json.loads((tmp_path / "t.json").read_text())["tokens"]
    layout = token_layout(embodiment.spec, ROBOT_PRESETS["sawyer_small"])
    assert [row["index"] for row in rows] == list(range(layout.step_tokens))
    ids = tokenize(layout, {key: value[1] for key, value in values.items()}).ids
    assert [row["id"] for row in rows[layout.patches : layout.observation_tokens]] == ids.tolist()
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


def test_a_slow_side_does_not_hold_up_the_others():
    sides = {"slow": Side(lambda _: time.sleep(0.2), 0.0, []), "quick": Side(lambda _: None, 0.0, [])}
    times = _interleaved(sides, Options(steps=5, seconds=0.2))
    assert (len(times["slow"]), len(times["quick"])) == (1, 5) and times["slow"][0] >= 200
