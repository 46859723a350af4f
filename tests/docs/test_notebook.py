"""Every code cell of the notebook runs, one after another in one place, as Jupyter would run it."""

import json
import os
import subprocess
import sys

from tests.docs.pages import ROOT

NOTEBOOK = ROOT / "examples/tokens.ipynb"


def test_notebook_runs(tmp_path):
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    program = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    (tmp_path / "cells.py").write_text(program)
    ended = subprocess.run(
        [sys.executable, "cells.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "24 patches of 32 px, and 9 ids" in ended.stdout
    assert ended.stdout.count(" nat\n") == 6
    assert "stacked: True" in ended.stdout
