"""The real commands, as a user runs them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.data.episode import EpisodeWriter
from gato_ros.embodiments import load_embodiment


def gato_ros(*arguments, cwd, **variables):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*variables.pop("first", []), os.getcwd()]), **variables}
    return subprocess.run([sys.executable, "-m", "gato_ros", *map(str, arguments)], cwd=cwd, env=environment,
                          capture_output=True, text=True, timeout=240)


def record(folder, name, steps=3):
    with EpisodeWriter(folder, name, load_embodiment(), {"seed": 5, "object_set": "cubes"}) as writer:
        for step in range(steps):
            observation = Observation({"gripper/opening": np.array([0.01 * step], np.float32)}, step / 20)
            writer.add(step, observation, Action(np.zeros(4), 0.0), Action(np.zeros(4), 0.0))
        return writer.close({"success": True, "objects": ["s0", "s0", "s0"]})


def test_whole_episodes_are_listed(tmp_path):
    record(tmp_path / "data", "one"), record(tmp_path / "data", "two", steps=4)
    done = gato_ros("episodes", "data", "--json", "result.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["episodes"], result["successes"], result["steps"], result["with_problems"]) == (2, 2, 7, 0)
    assert result["rows"][0]["objects"] == ["s0", "s0", "s0"] and result["rows"][0]["seed"] == 5
    assert "2 episodes" in done.stdout


def test_a_damaged_episode_is_named_and_the_exit_code_says_so(tmp_path):
    record(tmp_path / "data", "one")
    bad = record(tmp_path / "data", "two")
    bad.write_bytes(bad.read_bytes()[:-100])
    done = gato_ros("episodes", "data", "--json", "result.json", cwd=tmp_path)
    assert done.returncode == 1
    rows = {row["file"]: row["problems"] for row in json.loads((tmp_path / "result.json").read_text())["rows"]}
    assert rows["one.mcap"] == [] and "truncated" in rows["two.mcap"][0]


@pytest.mark.parametrize("folder", ["absent", "."])
def test_no_episodes_is_one_line_and_exit_2(tmp_path, folder):
    done = gato_ros("episodes", folder, cwd=tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "expected" in done.stderr


@pytest.mark.ros
def test_doctor_finds_the_packages_the_wire_and_the_machine(tmp_path):
    done = gato_ros("doctor", "--json", "result.json", cwd=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert done.returncode == (0 if result["ok"] else 1)
    states = {finding["what"]: finding["state"] for finding in result["findings"]}
    assert states["jax"] == states["pybullet"] == states["ros-rclpy"] == states["ROS 2 publish and subscribe"] == "ok"
    assert any(what.startswith("weights") for what in states) and "processor cores" in states
    assert states["published vocabulary"] == "ok"


def broken_module(folder, name, body):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(body)
    return str(folder)


@pytest.mark.parametrize(("body", "said"), [
    ("raise ImportError('libgomp.so.1: cannot open shared object file')", "sudo apt install libgomp1"),
    ("raise ModuleNotFoundError('no such thing')", "make venv"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended the process"),
])
def test_doctor_tells_how_to_get_what_is_missing(tmp_path, body, said):
    first = broken_module(tmp_path / "shadow", "pinocchio", body)
    done = gato_ros("doctor", "--imports-only", cwd=tmp_path, first=[first])
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("missing: ")]
    assert line.startswith("missing: pin ") and said in line
