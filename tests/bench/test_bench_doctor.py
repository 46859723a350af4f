"""One clean start of the simulated loop, with the shipped policy, examined by the real verb."""

import json
import os
import subprocess
import sys

import pytest

BUSY = (": rate", ": stamps", "sensors together", "time for an action", "policy_node", "guard_node")
"""Rows that on a machine with too much to do tell the truth."""


@pytest.mark.ros
@pytest.mark.slow
def test_a_clean_start_is_green(tmp_path):
    command = ["bench", "doctor", "--starts", "1", "--json", "found.json"]
    done = subprocess.run(
        [sys.executable, "-m", "gato_ros", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=400,
    )
    found = json.loads((tmp_path / "found.json").read_text())
    assert done.returncode == (0 if not found["alarms"] else 1) and found["starts"] == 1
    assert found["rows"] - len(found["alarms"]) > 8, found["alarms"]
    assert [row for row in found["alarms"] if not row["what"].endswith(BUSY)] == []
