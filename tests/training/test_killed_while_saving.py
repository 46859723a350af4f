"""A training that is killed at any moment of saving goes on from the last whole checkpoint."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("saving_program.py")
ROOT = PROGRAM.parents[2]


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, PROGRAM, folder, *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.fault("F3")
def test_whatever_moment_it_is_killed_the_last_whole_checkpoint_is_there(tmp_path, fault_kills):
    """Every start goes on from what the kill before left; a state that is mixed or lost fails the start."""
    rng, last = random.Random(0), 0
    for _ in range(max(1, min(fault_kills // 2, 100))):
        saving = start(tmp_path)
        # The first line is what was found: nothing that was reported as saved may be missing.
        assert int(saving.stdout.readline()) >= last
        for _ in range(rng.randrange(1, 4)):
            last = int(saving.stdout.readline())
        time.sleep(rng.uniform(0.0, 0.2))  # a save takes about that long
        saving.send_signal(signal.SIGKILL)
        last = max([last, *map(int, saving.stdout.read().split())])
        saving.wait()
    checking = start(tmp_path, "check")
    assert int(checking.communicate(timeout=120)[0].split()[0]) >= last > 0
    assert checking.returncode == 0
