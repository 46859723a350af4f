"""What this machine has of what gato_ros needs, and how to get the rest. No package may have to be whole for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec

from gato_ros.nodes.preflight.environment import MachineFinding, last_words, one_line, suspects
from gato_ros.nodes.preflight.packages import look_at_packages

LEAST_MEMORY_GIB, LEAST_DISK_GIB = 2.0, 2.0
# JAX ends its process where it dislikes a flag.
_WEIGHTS_PROGRAM = """
import json
from dataclasses import asdict
from gato_ros.nodes.preflight.machine import look_at_vocabulary, look_at_weights
for finding in (*look_at_weights(), look_at_vocabulary()):
    print(json.dumps(asdict(finding)), flush=True)
"""


def examine_machine(imports_only: bool = False) -> list[MachineFinding]:
    """A row for each thing that was looked at; with `imports_only` Python and the packages alone."""
    findings = [*guarded("Python", _python), *guarded("imports", look_at_packages)]
    if not imports_only:
        # A package may be what is missing: it is looked for above, used below.
        findings += guarded("ROS 2 publish and subscribe", _wire)
        findings += [*guarded("this machine", _machine), *guarded("weights", weights)]
    return findings


def guarded(what: str, check: Callable[[], MachineFinding | Iterable[MachineFinding]]) -> Iterator[MachineFinding]:
    """The rows of a check; one that fails itself is a row, and the table comes all the same."""
    try:
        found = check()
        yield from [found] if isinstance(found, MachineFinding) else found
    except Exception as error:
        yield MachineFinding(what, "missing", one_line(error), suspects("JAX", "ROS") or "make venv")


def _python() -> MachineFinding:
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if (3, 10) <= sys.version_info[:2] <= (3, 13):
        return MachineFinding("Python", "ok", found)
    return MachineFinding("Python", "missing", found, "make PYTHON=python3.12 venv; 3.11 to 3.13 are tested")


def _wire() -> MachineFinding:
    what = "ROS 2 publish and subscribe"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gato_ros.nodes.preflight.wire_check"], capture_output=True, text=True, timeout=30
        )
    except subprocess.TimeoutExpired:
        return MachineFinding(
            what, "missing", "no answer within 30 s", "is a firewall closing UDP on the loopback interface?"
        )
    if done.returncode == 0 and done.stdout.strip():  # rcl may end it with 0, too
        return MachineFinding(what, "ok", done.stdout.strip().splitlines()[-1])
    fix = suspects("ROS") or "make venv"
    return MachineFinding(what, "missing", last_words(done), f"{fix}; is UDP open on the loopback interface?")


def _machine() -> Iterator[MachineFinding]:
    try:
        import psutil
    except ImportError:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield MachineFinding(
        "processor cores",
        "ok" if cores >= 2 else "optional",
        str(cores),
        "" if cores >= 2 else "the loop at 20 Hz wants two",
    )
    for what, free, least in (
        ("memory free", psutil.virtual_memory().available, LEAST_MEMORY_GIB),
        ("disk free here", psutil.disk_usage(".").free, LEAST_DISK_GIB),
    ):
        enough = free / 2**30 >= least
        yield MachineFinding(
            what, "ok" if enough else "missing", f"{free / 2**30:.1f} GiB", "" if enough else f"{least} GiB are needed"
        )
    if display := os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        yield MachineFinding("display", "ok", display)
    else:
        yield MachineFinding("display", "optional", "none", "only --gui needs one")


def weights() -> Iterator[MachineFinding]:
    """Rows of the shipped policies and the vocabulary, from a process of its own."""
    if find_spec("grpc") and _jax_is_left_out():
        fix = "a server has the policy; for one on this computer: make venv"
        yield MachineFinding("weights", "optional", "no JAX to load them with", fix)
        return
    done = subprocess.run([sys.executable, "-c", _WEIGHTS_PROGRAM], capture_output=True, text=True)
    yield from (MachineFinding(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith('{"what"'))
    if done.returncode:
        yield MachineFinding("weights", "missing", last_words(done), suspects("JAX") or "make venv")


def _jax_is_left_out() -> bool:
    try:
        return find_spec("jax") is None
    except ModuleNotFoundError:
        return True


def look_at_weights() -> Iterator[MachineFinding]:
    """Whether each shipped policy can be loaded, in this process."""
    from gato_ros.core.errors import SetupError
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import robot_for, shipped_policies

    folders = shipped_policies()
    if not folders:
        yield MachineFinding(
            "weights in models/weights", "missing", "none", "clone the repository whole, or `train` a policy"
        )
    for folder in folders:
        what = f"weights {folder.name}"
        try:
            from gato_ros.models.weights import load_weights

            load_weights(folder, load_embodiment(robot_for(str(folder))))
        except ImportError as error:
            yield MachineFinding(what, "missing", one_line(error), suspects("JAX") or "make venv")
        except SetupError as error:
            yield MachineFinding(what, "missing", f"expected {error.expected}; got {error.got}", error.fix)
        except Exception as error:
            yield MachineFinding(what, "missing", one_line(error), suspects("JAX") or "make venv")
        else:
            yield MachineFinding(
                what, "ok", f"{sum(path.stat().st_size for path in folder.iterdir()) / 2**20:.1f} MiB, loads"
            )


def look_at_vocabulary() -> MachineFinding:
    """Whether the published vocabulary can be read, in this process."""
    from gato_ros.core.errors import SetupError
    from gato_ros.models.vocabulary import load_vocabulary

    try:
        return MachineFinding("published vocabulary", "ok", f"{load_vocabulary().pieces} pieces")
    except ImportError as error:
        return MachineFinding("published vocabulary", "optional", str(error), "make venv")
    except SetupError as error:
        return MachineFinding("published vocabulary", "optional", error.got, f"only text needs it: {error.fix}")
