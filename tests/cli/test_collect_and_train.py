"""`collect` and `train` as a user runs them: real processes, real files."""

import json
import subprocess
import sys

import pytest

from gato_ros.cli import main
from gato_ros.data.episodes.episode import read_episode
from gato_ros.data.frame_cache import frame_parts

STEPS = 20
"""As in the recipe `smoke`, and with its batch: the step is compiled once for both."""


def gato(*arguments, timeout=240):
    return subprocess.run(
        [sys.executable, "-m", "gato_ros", *map(str, arguments)], capture_output=True, text=True, timeout=timeout
    )


def refusal(capsys, *arguments):
    """What a verb says when it refuses: run in this process, as its end is tested and not its start."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demonstrations")
    first = gato(
        "collect",
        "--out",
        folder,
        "--episodes",
        3,
        "--seed",
        40,
        "--workers",
        1,
        "--image-share",
        0.1,
        "--keep-failures",
    )
    assert first.returncode == 0, first.stderr
    return folder


def test_collect_resumes(demonstrations):
    assert len(list(demonstrations.glob("*.mcap"))) == 3
    out = demonstrations / "again.json"
    again = gato(
        "collect",
        "--out",
        demonstrations,
        "--episodes",
        3,
        "--seed",
        40,
        "--workers",
        1,
        "--image-share",
        0.1,
        "--keep-failures",
        "--json",
        out,
    )
    assert again.returncode == 0 and json.loads(out.read_text())["skipped"] == 3


def test_an_episode_holds_labels_apart_from_what_was_executed(demonstrations):
    episode = read_episode(sorted(demonstrations.glob("*.mcap"))[0])
    assert episode.actions.shape == episode.executed.shape and len(episode.actions) > 50
    assert len(episode.image_steps) >= 5
    assert episode.metadata["seed"] == 40 and episode.metadata["object_set"] == "cubes"


def test_snapshots_then_training_then_evaluation(demonstrations, tmp_path, played_here):
    shots, run = tmp_path / "shots", tmp_path / "run"
    assert (
        gato(
            "collect", "--out", shots, "--kind", "snapshots", "--episodes", 120, "--per-scene", 1, "--workers", 2
        ).returncode
        == 0
    )
    assert len(frame_parts(shots)) == 2
    arguments = (
        "train",
        "--data",
        shots,
        demonstrations,
        "--out",
        run,
        "--preset",
        "debug_one_pass",
        "--training.steps",
        STEPS,
        "--training.batch",
        8,
        "--json",
        tmp_path / "train.json",
    )
    done = gato(*arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "train.json").read_text())["steps"] == STEPS
    rates = tmp_path / "rates.json"
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "--policy", str(run / "last"), "--set", "cubes", "--episodes", "1", "--json", str(rates)])
    assert end.value.code == 0
    assert json.loads(rates.read_text())["sets"]["cubes"]["episodes"] == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--objects", "cubs"), "did you mean 'cubes'"),
        (("--seed", "899999", "--episodes", "2"), "kept for evaluation|for evaluation"),
        (("--image-share", "0"), "image-share"),
        (("--workers", "0"), "workers"),
        (("--policy", "nowhere"), "no such folder"),
        (("--policy", "expert", "--kind", "snapshots"), "--kind episodes"),
        (("--expert-share", "1"), "--expert-share"),
        (("--task", "red_on_gren"), "did you mean 'red_on_green'"),
    ],
)
def test_collect_refuses_bad_input_and_writes_nothing(tmp_path, capsys, arguments, words):
    line = refusal(capsys, "collect", "--out", tmp_path / "data", *arguments)
    assert len(line.strip().splitlines()) == 1
    assert any(word in line for word in words.split("|"))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("--preset", "gato_1_18"), "did you mean 'gato_1_18b'"),
        (("--preset", "gato_79m"), "--image-share 1"),
        (("--sequence.steps", "9"), "--training.*"),
        (("--training.batch", "0"), "batch"),
        (("--init", "nowhere"), "weights"),
    ],
)
def test_train_refuses_bad_input_and_writes_nothing(demonstrations, tmp_path, capsys, arguments, word):
    assert word in refusal(capsys, "train", "--data", demonstrations, "--out", tmp_path / "run", *arguments)
    assert not (tmp_path / "run").exists()


def test_train_says_where_demonstrations_are_missing(tmp_path):
    done = gato("train", "--data", tmp_path / "none", "--out", tmp_path / "run")
    assert done.returncode == 2 and "collect" in done.stderr
