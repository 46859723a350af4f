"""A disk that runs full: an OSError at once, nothing half-written, and never a signal."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.recordings import OPERATED, write

NEEDS = {"hdf5": "h5py", "lerobot_mp4": "pyarrow", "lerobot_png": "pyarrow", "rlds": "array_record"}
NEEDS["shard"] = NEEDS["rlds"]
NEEDS["rlds_streamed"] = NEEDS["rlds"]
LIMITS = (0, 700, 2500, 6000, 9000, 12000)
"""Bytes that a file may have: some end a writer in its first block, some in its last."""
FEWER = (LIMITS[0], LIMITS[3])
"""For what draws a plot each time."""


@pytest.mark.parametrize("kind", ["frames", "html", "mp4", *NEEDS])
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, kind):
    if kind in NEEDS and importlib.util.find_spec(NEEDS[kind]) is None:
        pytest.skip(f"{NEEDS[kind]} is not installed")
    path, out = write(tmp_path, "one", range(10), OPERATED), tmp_path / "out"
    out.mkdir()
    limits = FEWER if kind in ("html", "mp4") else LIMITS
    done = subprocess.run(
        [sys.executable, "-m", "tests.data.full_disk_program", kind, path, out, *map(str, limits)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    results = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("result ")]
    refused = [int(limit) for limit, said, *left in results if said == "refused" and not left]
    assert refused and refused == list(limits[: len(refused)])
    assert len(results) == len(refused) or results[len(refused)][1] == "written"
