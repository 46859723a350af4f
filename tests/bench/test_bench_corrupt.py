"""A sample of `make corrupt-weights`, and that the bench would see a file that gets through."""

import json

import pytest

from gato_ros.bench import corrupt as bench_corrupt
from gato_ros.cli import main
from gato_ros.models import weights


def damaged(path, *arguments):
    with pytest.raises(SystemExit) as exit_:
        main(["bench", "corrupt", "--preset", "debug_one_pass", "--json", str(path), *arguments])
    return exit_.value.code, json.loads(path.read_text())


@pytest.mark.fault("F1")
def test_no_flipped_bit_and_no_cut_file_is_accepted(tmp_path):
    code, result = damaged(tmp_path / "c.json", "--flips", "60", "--truncations", "20")
    assert code == 0, result["examples"]
    assert {key: result[key] for key in ("flips", "truncations", "accepted", "unclear")} == {
        "flips": 60,
        "truncations": 20,
        "accepted": 0,
        "unclear": 0,
    }
    assert {"policy/config.json", "policy/params.safetensors", "checkpoint/manifest.json"} <= set(
        result["damaged_per_file"]
    )


def test_a_reader_that_checks_less_is_caught(tmp_path, monkeypatch):
    unchecked = lambda folder: weights._checked(folder, weights._parsed(folder))
    monkeypatch.setattr(weights, "_read_record", unchecked)
    code, result = damaged(tmp_path / "c.json", "--flips", "40", "--truncations", "0")
    assert code == 1 and result["accepted"] + result["unclear"] > 0 and "config.json" in result["examples"][0]


def test_an_error_that_names_no_folder_is_not_clear(tmp_path):
    def load():
        raise ValueError("bad")

    assert bench_corrupt._verdict(bench_corrupt._Target(tmp_path, (), load)) == ("unclear", "ValueError: bad")
