"""Whether PyBullet is here. A robot's computer does without: what needs it says so before work begins."""

from __future__ import annotations

from importlib.util import find_spec

from gato_ros.core.errors import SetupError

PACKAGE = "pybullet"


def installed(package: str) -> bool:
    """Whether a package is there; it is not imported."""
    try:
        return find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def require_simulator() -> None:
    """SetupError where PyBullet is missing. It is not imported here: that prints a banner."""
    if not installed(PACKAGE):
        raise SetupError(
            expected="the package pybullet for the simulator",
            got="a Python without",
            fix="pip install 'gato_ros[sim]', or in a checkout: sh requirements/simulator.sh .venv/bin/python",
        )
