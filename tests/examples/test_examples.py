"""Every example runs, from a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = {
    "domain_of_your_own": ("out", "20"),
    "fine_tune": ("out", "2", "2", "--training.batch", "4"),
    "look_at_tokens": (),
    "policy_of_your_own": (),
    "watch_a_policy": ("film.mp4", "20"),
}
SAYS = {
    "domain_of_your_own": "the pole stayed up for",
    "fine_tune": "stacked",
    "look_at_tokens": "24 image patches",
    "policy_of_your_own": "stacked: False",
    "watch_a_policy": "after 20 steps",
}
DOMAINS = {"lunar_lander"}
"""No programs: verbs are given them. `tests/domains/test_domain_file.py` does."""


def test_every_example_is_run_here():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == {*ARGUMENTS, *DOMAINS}


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_example_runs(name, tmp_path):
    path = ROOT / "examples" / f"{name}.py"
    assert len(path.read_text().splitlines()) <= 40
    done = subprocess.run(
        [sys.executable, str(path), *ARGUMENTS[name]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert SAYS[name] in done.stdout + done.stderr
    if name == "watch_a_policy":
        assert (tmp_path / "film.mp4").stat().st_size > 1000
