"""Data of others as a user meets it: every verb says the same, and one bad file does not stop the rest."""

import json

import numpy as np
import pytest

from gato_ros.cli import main, train
from gato_ros.evaluation.training_run.data import training_frames, training_recordings
from gato_ros.evaluation.training_run.data_check import check_data
from tests.data.others import all_kinds
from tests.data.recordings import FACTS, ROBOT, write


def answer(tmp_path, *arguments, code=0):
    path = tmp_path / "answer.json"
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--json", str(path)])
    assert ended.value.code == code
    return json.loads(path.read_text()) if code != 2 else None


@pytest.fixture
def mixed(tmp_path):
    """Two episodes among files of others."""
    folder = tmp_path / "data"
    write(folder, "a", facts={**FACTS, "image_share": 1})
    write(folder, "b", range(6), facts={**FACTS, "image_share": 1})
    return folder, all_kinds(folder)


def test_every_verb_leaves_files_of_others_out_with_a_line(mixed, tmp_path, capsys):
    folder, kinds = mixed
    export = ("export", "--format", "hdf5", "--out", tmp_path / "x.hdf5")
    for verb in (("ls",), ("verify",), ("stats",), ("view", "--out", tmp_path / "view"), export):
        if verb[0] == "export":
            pytest.importorskip("h5py", reason="the extra `hdf5` is not installed")
        assert answer(tmp_path, "episodes", verb[0], folder, *verb[1:])["episodes"] == 2
        shown = capsys.readouterr()
        said = " ".join((shown.out + shown.err).split())
        for name, word in kinds.items():
            assert f"{name}.mcap" in said and word in said, (verb, name)
        assert "Traceback" not in said and "JSONDecodeError" not in said
    del kinds["o8"]  # a folder named alone is a folder of episodes
    for name, word in kinds.items():
        place = folder / f"{name}.mcap"
        for verb in ("verify", "stats"):
            answer(tmp_path, "episodes", verb, place, code=2)
            lines = capsys.readouterr().err.strip().splitlines()
            assert len(lines) == 1 and word in lines[0], (verb, name)


def test_training_leaves_files_of_others_out_with_a_line(mixed, capsys):
    folder, kinds = mixed
    for failures in (False, True):
        check_data((folder,), failures, ROBOT, ROBOT.observation_keys)
        training, validation, _ = training_recordings((folder,), None, 0.0, 20, {"expert": 1.0}, failures)
        assert len(training) + len(validation) == 2
        options = train.Options((folder,), folder / "out", failures=failures)
        training, validation, _ = training_frames(options, {"expert": 1.0})
        assert len(training) + len(validation) == 18
        said = capsys.readouterr().out
        assert all(f"{name}.mcap" in said and word in said for name, word in kinds.items())


def test_bad_values_get_the_same_answer_from_train_and_exports(tmp_path, capsys):
    folder = tmp_path / "data"

    def spoil(step, values):
        if step == 3:
            values["gripper/grasp"][0] = np.nan

    write(folder, "good")
    path = write(folder, "bad", change=spoil)
    said = "gripper/grasp: not finite at 1 step: 3"
    answer(tmp_path, "train", "--episodes", folder, "--out", tmp_path / "run", code=2)
    error = capsys.readouterr().err
    assert said in error and str(path) in error and "episodes trash" in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()
    assert said in answer(tmp_path, "episodes", "verify", folder, code=1)["rows"][0]["problems"][0]
    for form, package in (("hdf5", "h5py"), ("lerobot", "pyarrow"), ("rlds", "tensorflow_datasets")):
        pytest.importorskip(package, reason=f"the extra `{form}` is not installed")
        export = ("episodes", "export", folder, "--format", form, "--no-images", "--out", tmp_path / form)
        assert said in answer(tmp_path, *export)["left_out"][str(path)]
        answer(tmp_path, "episodes", "export", path, "--format", form, "--out", tmp_path / f"{form}2", code=2)
        assert said in capsys.readouterr().err and not (tmp_path / f"{form}2").exists()


def test_a_slow_recording_trains_nothing_and_is_exported_at_its_own_rate(tmp_path, capsys):
    h5py = pytest.importorskip("h5py", reason="the extra `hdf5` is not installed")
    path = write(tmp_path / "data", stamp_s=lambda step: step / 10)
    answer(tmp_path, "train", "--episodes", path.parent, "--out", tmp_path / "run", code=2)
    assert "recorded at 10 Hz, sawyer_rgb_stacking says 20 Hz" in capsys.readouterr().err
    answer(tmp_path, "episodes", "export", path, "--format", "hdf5", "--out", tmp_path / "x.hdf5")
    with h5py.File(tmp_path / "x.hdf5") as file:
        assert json.loads(file["data"].attrs["gato_ros"])["rate_hz"] == 10


def test_verify_says_what_each_problem_forbids(tmp_path):
    path = write(tmp_path / "data", steps=[0, 1, 2, 4, 5], stamp_s=lambda step: step / 10)
    (row,) = answer(tmp_path, "episodes", "verify", path, code=1)["rows"]
    assert [one["text"] for one in row["found"]] == row["problems"]
    assert {one["kind"]: one["forbids"] for one in row["found"]} == {"dropped": ["export"], "rate": ["training"]}
