"""What this machine has, what is missing, and how to get it; with --robot, whether a running robot is ready to move.

Exit code 1 when something needed is missing; with --robot, when anything is not green.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from gato_ros.core.bounds import NotNegative, Within

NEEDED = {
    "numpy": "numpy",
    "pydantic": "pydantic",
    "yaml": "PyYAML",
    "tyro": "tyro",
    "rich": "rich",
    "psutil": "psutil",
    "jaxtyping": "jaxtyping",
    "gymnasium": "gymnasium",
    "pybullet": "pybullet",
    "pinocchio": "pin",
    "jax": "jax",
    "flax": "flax",
    "optax": "optax",
    "safetensors": "safetensors",
    "mcap": "mcap",
    "rosbags": "rosbags",
    "jinja2": "Jinja2",
    "matplotlib": "matplotlib",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "cv2": "opencv-python-headless",
    "rclpy": "ros-rclpy",
    "sensor_msgs.msg": "ros-sensor-msgs",
    "geometry_msgs.msg": "ros-geometry-msgs",
    "std_msgs.msg": "ros-std-msgs",
    "std_srvs.srv": "ros-std-srvs",
    "diagnostic_msgs.msg": "ros-diagnostic-msgs",
    "rosgraph_msgs.msg": "ros-rosgraph-msgs",
}
"""Module -> the package on the Python index that brings it."""
OPTIONAL = {
    "sentencepiece": "sentencepiece",
    "google.protobuf": "protobuf",
    "tensorboardX": "tensorboardX",
    "orbax.checkpoint": "orbax-checkpoint",
    "cv_bridge": "",
    "launch.actions": "",
    "trajectory_msgs.msg": "ros-trajectory-msgs",
}
"""Modules that only some uses need; without a package name they come with a full ROS installation."""
SYSTEM_LIBRARIES = {
    "libgomp.so.1": "libgomp1",
    "libquadmath.so.0": "libquadmath0",
    "libstdc++.so.6": "libstdc++6",
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libX11.so.6": "libx11-6",
}
"""Shared library -> Debian and Ubuntu package."""
LEAST_MEMORY_GIB, LEAST_DISK_GIB = 2.0, 2.0

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

# In one process of its own, so that a library that crashes at import is a finding and not our end.
_IMPORT_PROGRAM = """
import importlib, json, sys
from importlib.metadata import PackageNotFoundError, version
for module, package in json.loads(sys.argv[1]).items():
    print(json.dumps({"module": module}), flush=True)
    error = found = ""
    try:
        importlib.import_module(module)
        try:
            found = version(package or module)
        except PackageNotFoundError:  # an apt ROS names its packages otherwise
            found = "there"
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    print(json.dumps({"module": module, "error": error, "version": found}), flush=True)
"""


_NODE_PROGRAM = """
import rclpy
rclpy.init()
rclpy.create_node("doctor_check").destroy_node()
print("a node")
"""
# JAX ends its process where it dislikes a flag.
_WEIGHTS_PROGRAM = """
import json
from dataclasses import asdict
from gato_ros.cli.doctor import _vocabulary, look_at_weights
for finding in (*look_at_weights(), _vocabulary()):
    print(json.dumps(asdict(finding)), flush=True)
"""


@dataclass(frozen=True)
class Options:
    """How much to look at."""

    imports_only: bool = False
    """Only whether every package can be imported; silent about what is well."""
    json: Path | None = None
    """Write the findings here as JSON."""
    robot: bool = False
    """Look at a running robot and its nodes instead: topics, stamps, joints, cameras, guard, policy."""
    namespace: str = ""
    """With --robot: the robot's namespace; nothing: the contract's."""
    embodiment: str = "sawyer_rgb_stacking"
    """With --robot: name or path of its contract."""
    policy: str = ""
    """With --robot: weights to check against the contract, and to time where no policy_node has been timed yet.
    Default: those that policy_node runs, where they are on this machine."""
    without: tuple[str, ...] = ()
    """With --robot: what does not run on purpose: robot, guard, policy."""
    seconds: Annotated[float, Within(1, 60, as_interval=True)] = 4.0
    """With --robot: how long to listen [s]."""
    patience: NotNegative = 10.0
    """With --robot: wait so long for nodes to be found before that [s]."""
    recordings: Path = Path("recordings")
    """With --robot: the folder whose disk has to have room."""
    nudge_gripper: bool = False
    """With --robot: open or close the gripper by a quarter of its stroke and back, through the guard as a person's
    wish; the guard has to be armed."""
    accept_yellow: bool = False
    """With --robot: exit code 0 when nothing is red."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: Literal["ok", "missing", "optional"]
    """`optional`: not here, and only some uses need it."""
    found: str
    fix: str = ""


def run(options: Options) -> dict:
    """Look, print a table, and tell in `ok` whether all that is needed is here."""
    if options.robot:
        from gato_ros.cli.doctor_robot import examine

        return examine(options)
    findings = [*_guarded("Python", _python), *_guarded("imports", _imports)]
    if not options.imports_only:
        # rich may be what is missing: it is looked for above, used below.
        findings += _guarded("ROS 2 publish and subscribe", _wire)
        findings += [*_guarded("this machine", _machine), *_guarded("weights", _weights)]
    missing = [finding for finding in findings if finding.state == "missing"]
    if options.imports_only:
        for finding in missing:
            print(f"missing: {finding.what} ({finding.found}); {finding.fix}", file=sys.stderr)
    else:
        _print(findings)
    return {"ok": not missing, "findings": [asdict(finding) for finding in findings]}


def _guarded(what: str, check: Callable[[], Finding | Iterable[Finding]]) -> Iterator[Finding]:
    """The rows of a check; one that fails itself is a row, and the table comes all the same."""
    try:
        found = check()
        yield from [found] if isinstance(found, Finding) else found
    except Exception as error:
        yield Finding(what, "missing", one_line(error), suspects("JAX", "ROS") or "make venv")


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


def _python() -> Finding:
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if (3, 10) <= sys.version_info[:2] <= (3, 11):
        return Finding("Python", "ok", found)
    return Finding("Python", "missing", found, "make PYTHON=python3.11 venv; PyBullet has wheels up to 3.11 only")


def _imports() -> Iterator[Finding]:
    wanted = {**NEEDED, **OPTIONAL}
    rows: dict[str, dict] = {}
    # A library that crashes ends the process: look at the others in another one.
    while remaining := {module: package for module, package in wanted.items() if module not in rows}:
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT_PROGRAM, json.dumps(remaining)], capture_output=True, text=True
        )
        # What a library prints at import is not ours; rows are.
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"module"')]
        rows.update({row["module"]: row for row in lines if "error" in row})
        if done.returncode:
            last = lines[-1]["module"] if lines else next(iter(remaining))
            rows.setdefault(last, {"error": f"the import ended the process with code {done.returncode}", "version": ""})
    for module, package in wanted.items():
        state = "optional" if module in OPTIONAL else "missing"
        error = rows[module]["error"]
        if not error:
            yield Finding(package or module, "ok", rows[module]["version"])
        elif library := re.search(r"(lib[\w.+-]+\.so[\w.]*): cannot open", error):
            debian = SYSTEM_LIBRARIES.get(library[1])
            yield Finding(
                package or module,
                state,
                f"needs the system library {library[1]}",
                f"sudo apt install {debian}" if debian else f"install the package that holds {library[1]}",
            )
        else:
            fix = "make venv" if package else "comes with a ROS 2 installation"
            if suspicious := suspects("JAX", "ROS"):
                fix = f"{fix}, or {suspicious}" if "No module" in error else f"{suspicious}; {fix}"
            yield Finding(package or module, state, one_line(error), fix)


def _wire() -> Finding:
    what = "ROS 2 publish and subscribe"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gato_ros.nodes.preflight.wire_check"], capture_output=True, text=True, timeout=30
        )
    except subprocess.TimeoutExpired:
        return Finding(what, "missing", "no answer within 30 s", "is a firewall closing UDP on the loopback interface?")
    if done.returncode == 0 and done.stdout.strip():  # rcl may end it with 0, too
        return Finding(what, "ok", done.stdout.strip().splitlines()[-1])
    fix = suspects("ROS") or "make venv"
    return Finding(what, "missing", _last_words(done), f"{fix}; is UDP open on the loopback interface?")


def _last_words(done: subprocess.CompletedProcess) -> str:
    """What a process that failed said last, in one line."""
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(("---", "For simpl"))]
    return one_line(lines[-1]) if lines else f"it ended with exit code {done.returncode} and said nothing"


def ros_fault() -> str:
    """Why no ROS node can be made here, in one line, or nothing; rcl ends its process where it dislikes a setting."""
    done = subprocess.run([sys.executable, "-c", _NODE_PROGRAM], capture_output=True, text=True, timeout=60)
    return _last_words(done) if done.returncode or "a node" not in done.stdout else ""


def _machine() -> Iterator[Finding]:
    try:
        import psutil
    except ImportError:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding(
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
        yield Finding(
            what, "ok" if enough else "missing", f"{free / 2**30:.1f} GiB", "" if enough else f"{least} GiB are needed"
        )
    if display := os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        yield Finding("display", "ok", display)
    else:
        yield Finding("display", "optional", "none", "only --gui needs one")


def _weights() -> Iterator[Finding]:
    done = subprocess.run([sys.executable, "-c", _WEIGHTS_PROGRAM], capture_output=True, text=True)
    yield from (Finding(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith('{"what"'))
    if done.returncode:
        yield Finding("weights", "missing", _last_words(done), suspects("JAX") or "make venv")


def look_at_weights() -> Iterator[Finding]:
    """Whether each shipped policy can be loaded, in this process."""
    from gato_ros.core.errors import SetupError
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import shipped_policies

    folders = shipped_policies()
    if not folders:
        yield Finding("weights in models/weights", "missing", "none", "clone the repository whole, or `train` a policy")
    for folder in folders:
        what = f"weights {folder.name}"
        try:
            from gato_ros.models.weights import load_weights

            load_weights(folder, load_embodiment())
        except ImportError as error:
            yield Finding(what, "missing", one_line(error), suspects("JAX") or "make venv")
        except SetupError as error:
            yield Finding(what, "missing", f"expected {error.expected}; got {error.got}", error.fix)
        except Exception as error:
            yield Finding(what, "missing", one_line(error), suspects("JAX") or "make venv")
        else:
            yield Finding(what, "ok", f"{sum(path.stat().st_size for path in folder.iterdir()) / 2**20:.1f} MiB, loads")


def _vocabulary() -> Finding:
    from gato_ros.core.errors import SetupError
    from gato_ros.models.vocabulary import load_vocabulary

    try:
        return Finding("published vocabulary", "ok", f"{load_vocabulary().pieces} pieces")
    except ImportError as error:
        return Finding("published vocabulary", "optional", str(error), "make venv")
    except SetupError as error:
        return Finding("published vocabulary", "optional", error.got, f"only text needs it: {error.fix}")


def _print(findings: list[Finding]) -> None:
    try:
        from rich.table import Table

        from gato_ros.evaluation.console import make_console
    except ImportError:
        for finding in findings:
            print(f"{finding.state:9} {finding.what}: {finding.found} {finding.fix}")
        return
    colour = {"ok": "green", "missing": "red", "optional": "yellow"}
    table = Table("", "what", "found", "how to get it", show_edge=False)
    for finding in findings:
        table.add_row(f"[{colour[finding.state]}]{finding.state}[/]", finding.what, finding.found, finding.fix)
    make_console().print(table)
