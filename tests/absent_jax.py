"""A folder for PYTHONPATH in which Python, and what it starts, finds no JAX: where a server has the policy."""

from __future__ import annotations

import os
from pathlib import Path

PROGRAM = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("jax", "jaxlib", "flax", "optax", "orbax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""


def absent_jax(folder: Path) -> str:
    """PYTHONPATH with this package and without JAX; Python reads `sitecustomize` when it starts."""
    (folder / "sitecustomize.py").write_text(PROGRAM)
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([str(folder), str(Path(__file__).parents[1]), *filter(None, before)])
