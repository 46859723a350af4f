"""Where PyBullet is missing, tests that need the simulator are skipped with that reason. Imported by conftest.py.

A test counts as one that needs it when what it failed with says so, in the words of gato_ros.sim.engine. Tests of the
robot's side (mark `robot_side`) do without: for them the same words are a failure.
"""

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.sim.engine import require_simulator

REASON = "needs the simulator, and PyBullet is not installed (sh requirements/simulator.sh)"
WORDS = ("expected the package pybullet for the simulator", "No module named 'pybullet")


def is_missing() -> bool:
    """Whether PyBullet is not here."""
    try:
        require_simulator()
    except SetupError:
        return True
    return False


MISSING = is_missing()


def need_simulator() -> None:
    """Skip the test that calls this where there is no simulator: it would wait for a node that cannot start."""
    if MISSING:
        pytest.skip(REASON)


def pytest_report_header():
    return f"no simulator: a test that {REASON} is skipped" if MISSING else None


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    report = (yield).get_result()
    if MISSING and report.failed and said(report):
        report.outcome, report.longrepr = "skipped", (str(collector.path), 0, f"Skipped: {REASON}")


def skip_without_simulator(item, report) -> None:
    """Turn a failure for want of PyBullet into a skip."""
    if MISSING and report.failed and said(report) and not item.get_closest_marker("robot_side"):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"Skipped: {REASON}")


def said(report) -> bool:
    """Whether the failure, or the output shown with it, names PyBullet as what is missing."""
    text = "\n".join([report.longreprtext, *(body for _, body in report.sections)])
    return any(words in text for words in WORDS)
