"""A folder for PYTHONPATH in which Python, and what it starts, finds no PyBullet: as on a robot's computer."""

from __future__ import annotations

import os
from pathlib import Path

PROGRAM = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pybullet", "pybullet_data", "pybullet_utils"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""


def absent_pybullet(folder: Path) -> str:
    """PYTHONPATH with this package and without PyBullet; Python reads `sitecustomize` when it starts."""
    (folder / "sitecustomize.py").write_text(PROGRAM)
    return os.pathsep.join([str(folder), str(Path(__file__).parents[1])])
