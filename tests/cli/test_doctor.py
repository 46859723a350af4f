"""The real commands, as a user runs them."""

import json
import os
import subprocess
import sys

import pytest

from tests.absent_jax import absent_jax


def gato_ros(*arguments, cwd, **variables):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*variables.pop("first", []), os.getcwd()]), **variables}
    return subprocess.run(
        [sys.executable, "-m", "gato_ros", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.ros
def test_doctor_finds_the_packages_the_wire_and_the_machine(tmp_path):
    done = gato_ros("doctor", "--json", "result.json", cwd=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert done.returncode == (0 if result["ok"] else 1)
    states = {finding["what"]: finding["state"] for finding in result["findings"]}
    assert states["jax"] == states["pybullet"] == states["ros-rclpy"] == states["ROS 2 publish and subscribe"] == "ok"
    assert any(what.startswith("weights") for what in states) and "processor cores" in states
    assert states["published vocabulary"] == "ok"


def test_a_robot_whose_policy_is_on_a_server_needs_no_jax(tmp_path):
    pytest.importorskip("grpc")
    done = gato_ros("doctor", "--json", "found.json", cwd=tmp_path, PYTHONPATH=absent_jax(tmp_path))
    found = {row["what"]: row for row in json.loads((tmp_path / "found.json").read_text())["findings"]}
    for what in ("jax", "flax", "optax", "weights"):
        assert found[what]["state"] == "optional" and "make venv" in found[what]["fix"], found[what]
    assert found["numpy"]["state"] == "ok" and done.returncode == 0, done.stderr


def broken_module(folder, name, body):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(body)
    return str(folder)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ImportError('libgomp.so.1: cannot open shared object file')", "sudo apt install libgomp1"),
        ("raise ModuleNotFoundError('no such thing')", "make venv"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended the process"),
    ],
)
def test_doctor_tells_how_to_get_what_is_missing(tmp_path, body, said):
    first = broken_module(tmp_path / "shadow", "pinocchio", body)
    done = gato_ros("doctor", "--imports-only", cwd=tmp_path, first=[first])
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("missing: ")]
    assert line.startswith("missing: pin ") and said in line
