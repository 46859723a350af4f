"""What a library says when it fails on this machine, and which environment variable may have broken it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

VARIABLES = {
    "JAX": ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "XLA_FLAGS", "OMP_NUM_THREADS"),
    "ROS": (
        "RMW_IMPLEMENTATION",
        "ROS_DOMAIN_ID",
        "FASTRTPS_DEFAULT_PROFILES_FILE",
        "FASTDDS_DEFAULT_PROFILES_FILE",
        "CYCLONEDDS_URI",
    ),
    "any": ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "MPLBACKEND"),
}
"""Environment variables by which a library that is well can be broken."""
LONGEST_LINE = 300

_NODE_PROGRAM = """
import rclpy
rclpy.init()
rclpy.create_node("doctor_check").destroy_node()
print("a node")
"""


@dataclass(frozen=True)
class MachineFinding:
    """One thing that was looked at."""

    what: str
    state: Literal["ok", "missing", "optional"]
    """`optional`: not here, and only some uses need it."""
    found: str
    fix: str = ""


def one_line(error: BaseException | str) -> str:
    """An error in one line that a table can hold."""
    text = " ".join(str(error).split())
    name = "" if isinstance(error, str) else type(error).__name__
    return f"{name}{': ' if name and text else ''}{text}"[:LONGEST_LINE]


def suspects(*kinds: str) -> str:
    """What to try where a library fails that somebody's environment may have broken; nothing where it is plain."""
    there = [
        f"{name}={os.environ[name][:60]}" for kind in (*kinds, "any") for name in VARIABLES[kind] if name in os.environ
    ]
    return f"unset {' or '.join(there)}" if there else ""


def last_words(done: subprocess.CompletedProcess) -> str:
    """What a process that failed said last, in one line."""
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(("---", "For simpl"))]
    return one_line(lines[-1]) if lines else f"it ended with exit code {done.returncode} and said nothing"


def ros_fault() -> str:
    """Why no ROS node can be made here, in one line, or nothing; rcl ends its process where it dislikes a setting."""
    done = subprocess.run([sys.executable, "-c", _NODE_PROGRAM], capture_output=True, text=True, timeout=60)
    return last_words(done) if done.returncode or "a node" not in done.stdout else ""
