"""Programs of others that look for faults in LeRobot datasets look at ours: lerobot-doctor and lerobot-lint."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.data.exports.selection import select
from tests.data.recordings import OPERATED, write

PYTHON = Path(os.environ.get("LEROBOT_PYTHON", ".venv-peer-lerobot-reader/bin/python")).absolute()
pytestmark = pytest.mark.skipif(
    not (PYTHON.parent / "lerobot-doctor").exists(),
    reason=f"no lerobot-doctor beside {PYTHON}: `make export-readers` installs it, LEROBOT_PYTHON names another",
)


OF_JOINTS = {"DEAD_JOINT", "DISCONTINUITY", "JITTER", "ACTION_STATE_DIVERGENCE", "ACTION_RANGE_MISMATCH"}
"""Checks of lerobot-lint that judge motion. Its others judge loading, time, lengths and tasks."""


def moved(step: int) -> ArmAction:
    """An arm that moves smoothly, as one does: the doctors know jerks from motion."""
    return ArmAction(0.02 * np.sin(0.1 * step + np.arange(4)), 0.085 * (step % 60 > 30))


def run(program, *arguments, home):
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "HF_LEROBOT_HOME": str(home)}
    command = [PYTHON.parent / program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, env=variables)


@pytest.fixture(scope="module", params=["mp4", "png"])
def dataset(request, tmp_path_factory):
    """Three episodes where LeRobot looks for the dataset `local/set`."""
    pytest.importorskip("pyarrow", reason="the extra `lerobot` is not installed")
    from gato_ros.data.exports.lerobot import export_lerobot

    folder = tmp_path_factory.mktemp("home")
    paths = [write(folder / "in", name, range(40 + 5 * i), OPERATED, action=moved) for i, name in enumerate("abc")]
    (folder / "local").mkdir()
    export_lerobot(select(paths), folder / "local/set", request.param)
    return folder


def test_lerobot_doctor_finds_no_error(dataset):
    done = run("lerobot-doctor", dataset / "local/set", "--json", home=dataset)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    counts = json.loads(done.stdout)["summary"]
    assert counts["FAIL"] == 0 and counts["PASS"] > 0, done.stdout[-3000:]


def test_lerobot_lint_loads_all_and_blames_no_more_than_joints(dataset):
    """It takes value i of the state for the joint that action i commands. Ours are twists, the state is random."""
    done = run("lelint", "check", "local/set", "--no-video", "--json", dataset / "found.json", home=dataset)
    assert (dataset / "found.json").exists(), done.stdout[-3000:] + done.stderr[-1000:]
    found = json.loads((dataset / "found.json").read_text())
    errors = {one["check"].removesuffix("_CRASHED") for one in found["findings"] if one["severity"] == "error"}
    assert errors <= OF_JOINTS, errors
