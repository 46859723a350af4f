"""The robot's side without PyBullet: it imports and works, and a verb that needs the simulator says what to install."""

import json
import os
import subprocess
import sys

import pytest

from tests.absent_pybullet import absent_pybullet
from tests.data.recordings import write

pytestmark = pytest.mark.robot_side
NODES = "driver guard incident policy recorder teleop view"
VERBS = "contract doctor episodes replay seal sim tokens train record evaluate"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("absent")
    variables = {**os.environ, "PYTHONPATH": absent_pybullet(folder)}

    def started(*arguments):
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=240)

    started.folder = folder
    return started


def test_pybullet_is_absent_there(run):
    assert "No module named 'pybullet'" in run("-c", "import pybullet").stderr


def test_every_node_but_the_simulator_and_every_verb_imports(run):
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1].split(): importlib.import_module(f'gato_ros.nodes.{name}_node')\n"
        "for name in sys.argv[2].split(): importlib.import_module(f'gato_ros.cli.{name}')\n"
    )
    done = run("-c", program, NODES, VERBS)
    assert done.returncode == 0, done.stderr


def test_recordings_are_verified_without_it(run):
    write(run.folder / "recordings")
    done = run("-m", "gato_ros", "episodes", "verify", "recordings")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "verb", ["sim", "record", "collect --episodes 1 --out no", "evaluate --policy expert --episodes 1 --json no.json"]
)
def test_a_verb_that_needs_it_says_so_in_one_line(run, verb):
    done = run("-m", "gato_ros", *verb.split())
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done.stderr
    assert "expected the package pybullet for the simulator" in done.stderr and "gato_ros[sim]" in done.stderr


def test_the_doctor_calls_it_optional(run):
    done = run("-m", "gato_ros", "doctor", "--imports-only", "--json", "found.json")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = [
        one for one in json.loads((run.folder / "found.json").read_text())["findings"] if one["what"] == "pybullet"
    ]
    assert row["state"] == "optional" and "only the simulator needs it" in row["fix"]
