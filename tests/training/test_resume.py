"""The same data under another path goes on; other data or options are refused with the way out."""

import os
from dataclasses import replace

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.models.presets import PRESETS
from gato_ros.training.checkpoint import _check_run, run_record
from gato_ros.training.config import TrainingConfig

MODEL = PRESETS["debug_one_pass"]


def record(folder="data/a", frames=3, digest="same", **config):
    return run_record(TrainingConfig(**config), MODEL, {str(folder): frames}, digest)


@pytest.mark.parametrize("spelling", ["data/a", "./data/../data/a", "data/a/", "/elsewhere/moved", "link"])
def test_same_content_goes_on_under_any_path(tmp_path, spelling):
    _check_run(tmp_path / "checkpoint", record(), record(spelling))


@pytest.mark.parametrize(
    "before, now", [("data/a", "ABSOLUTE"), ("ABSOLUTE", "./data/a/"), ("data/a", "/moved/data/a")]
)
def test_a_run_without_digest_goes_by_the_folders(tmp_path, monkeypatch, before, now):
    monkeypatch.chdir(tmp_path)
    spelled = [os.path.join(tmp_path, "data/a") if one == "ABSOLUTE" else one for one in (before, now)]
    old = record(spelled[0], digest=None)
    _check_run(tmp_path / "checkpoint", old, record(spelled[1]))
    with pytest.raises(SetupError, match="different data"):
        _check_run(tmp_path / "checkpoint", old, record("data/b"))


@pytest.mark.parametrize(
    "now, what",
    [
        (record(digest="other"), "content of data/a"),
        (record("data/b", digest="other"), "data.data/b"),
        (record(steps=30_000), "training.steps"),
        (run_record(TrainingConfig(), replace(MODEL, dropout=0.5), {"data/a": 3}, "same"), "model.dropout"),
    ],
)
def test_every_refusal_names_the_way_out(tmp_path, now, what):
    with pytest.raises(SetupError) as refused:
        _check_run(tmp_path / "run" / "checkpoint", record(), now)
    assert what in refused.value.got and f"--init {tmp_path / 'run' / 'last'}" in refused.value.fix
