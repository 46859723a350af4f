"""Whatever an environment variable breaks, the doctor's table comes, and says what to unset."""

import json
from pathlib import Path

import pytest

from gato_ros.nodes.preflight.machine import guarded, weights
from tests.cli.test_doctor import gato_ros

ROOT = Path(__file__).resolve().parents[2]
# Together, for a doctor takes a while: none of them may keep the others' rows from coming.
TOGETHER = {
    # variable: its value, and the row that is red then; None: its library copes, or perhaps does
    "JAX_PLATFORMS": ("cuda", "weights sawyer_mastery"),
    "RMW_IMPLEMENTATION": ("nonsense", "ROS 2 publish and subscribe"),
    "MPLBACKEND": ("nonsense", "matplotlib"),
    "OMP_NUM_THREADS": ("x", None),
    "LD_LIBRARY_PATH": ("/nowhere", None),
    "FASTRTPS_DEFAULT_PROFILES_FILE": ("/nowhere", None),
    "ROS_DOMAIN_ID": ("300", None),
    "HOME": ("/proc", None),
}


def look(folder, *arguments, **variables) -> tuple[dict[str, dict], object]:
    """The rows by what was looked at, of a doctor that came to its table's end."""
    done = gato_ros("doctor", *arguments, "--json", "found.json", cwd=folder, COLUMNS="250", **variables)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said, said
    found = {row["what"]: row for row in json.loads((folder / "found.json").read_text())["findings"]}
    assert all("\n" not in row["found"] for row in found.values()) and all(what[:20] in said for what in found)
    return found, done


@pytest.mark.ros
def test_a_broken_environment_is_rows_of_the_table(tmp_path):
    found, _ = look(tmp_path, **{name: value for name, (value, _) in TOGETHER.items()})
    assert found["Python"]["state"] == found["numpy"]["state"] == "ok" and "memory free" in found
    for name, (_, row) in TOGETHER.items():
        if row:
            assert found[row]["state"] == "missing" and name in found[row]["fix"], (name, found[row])


def test_another_numpy_in_front_is_rows_that_name_the_variable(tmp_path, monkeypatch):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise RuntimeError('numpy of another Python')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    (row,) = weights()
    assert row.state == "missing" and "numpy of another Python" in row.found and "PYTHONPATH=" in row.fix


def test_a_flag_that_ends_jaxs_process_is_a_row(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--nonsense")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (row,) = weights()
    assert row.state == "missing" and "--nonsense" in row.found and "unset XLA_FLAGS=--nonsense" in row.fix


@pytest.mark.ros
def test_a_middleware_that_is_none_is_a_row_of_the_robots_table(tmp_path):
    found, _ = look(tmp_path, "--robot", RMW_IMPLEMENTATION="nonsense")
    assert found["ROS 2"]["level"] == "red" and "unset RMW_IMPLEMENTATION=nonsense" in found["ROS 2"]["fix"]


def test_a_check_that_fails_is_a_row_and_the_rows_before_it_stay():
    def check():
        yield from guarded("first", list)
        raise AssertionError("of\nseveral lines")

    (row,) = guarded("second", check)
    assert (row.what, row.state, row.found) == ("second", "missing", "AssertionError: of several lines")


def test_a_verb_without_a_device_says_one_line(tmp_path):
    done = gato_ros("presets", cwd=tmp_path, JAX_PLATFORMS="cuda")
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert "expected a device that JAX can compute on" in done.stderr and "unset JAX_PLATFORMS" in done.stderr
