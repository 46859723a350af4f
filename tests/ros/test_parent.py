"""Nodes of a launcher that leaves its children behind."""

import os
import signal
import subprocess
import sys

import pytest

from gato_ros.nodes.runtime.die_with_parent import ENVIRONMENT

NODE = """
import os, signal, sys, time
from gato_ros.nodes.runtime.die_with_parent import ENVIRONMENT, end_with_parent_if_requested
def terminated(number, frame):
    print("terminated", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, terminated)
end_with_parent_if_requested()
print("up", flush=True)
time.sleep(3.0 if os.environ[ENVIRONMENT] == "0" else 60.0)
print("left behind", flush=True)
"""
LAUNCHER = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(60)"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal at a parent's death is Linux's")
@pytest.mark.parametrize(
    ("number", "requested", "last"),
    [(signal.SIGTERM, "1", "terminated"), (signal.SIGKILL, "1", "terminated"), (signal.SIGKILL, "0", "left behind")],
)
def test_a_node_gets_sigterm_when_its_launcher_dies(number, requested, last):
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, NODE],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, ENVIRONMENT: requested},
    )
    assert launcher.stdout.readline() == "up\n"
    launcher.send_signal(number)
    launcher.wait()
    assert launcher.stdout.read().split("\n")[-2] == last  # until the node has closed it


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal at a parent's death is Linux's")
def test_a_node_whose_launcher_is_gone_ends_at_once():
    # As a node finds it that took long to import: the process that started it is another one by now.
    node = subprocess.run(
        [sys.executable, "-c", NODE],
        capture_output=True,
        text=True,
        timeout=30.0,
        env={**os.environ, ENVIRONMENT: str(os.getppid())},
    )
    assert (node.stdout, node.returncode) == ("terminated\n", 0)
