"""Freed memory is taken again without the kernel's help, after `keep_freed_memory`."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from gato_ros.core.processes import keep_freed_memory

print(keep_freed_memory() if sys.argv[1] == "kept" else False)

def faults_of_a_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(100_000_000, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults_of_a_step()
print(faults_of_a_step())
"""


def said(how):
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=120)
    held, faults = done.stdout.split()
    return held == "True", int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_freed_memory_is_taken_again_without_page_faults():
    held, faults = said("kept")
    _, usual = said("usual")
    assert held and faults < 20 < usual, (faults, usual)
