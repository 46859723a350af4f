"""Whether the packages that gato_ros needs can be imported here, and how to get those that cannot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

from gato_ros.nodes.preflight.environment import MachineFinding, one_line, suspects

NEEDED = {
    "numpy": "numpy",
    "pydantic": "pydantic",
    "yaml": "PyYAML",
    "tyro": "tyro",
    "rich": "rich",
    "psutil": "psutil",
    "jaxtyping": "jaxtyping",
    "gymnasium": "gymnasium",
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
    "pybullet": "pybullet",
    "grpc": "grpcio",
    "sentencepiece": "sentencepiece",
    "google.protobuf": "protobuf",
    "tensorboardX": "tensorboardX",
    "orbax.checkpoint": "orbax-checkpoint",
    "launch.actions": "",
    "trajectory_msgs.msg": "ros-trajectory-msgs",
}
"""Modules that only some uses need; without a package name they come with a full ROS installation."""
OF_LOCAL_POLICIES = ("jax", "flax", "optax")
"""A robot's computer can leave them out where a server has the policy. That it has gRPC says that one does."""
FIXES = {
    "pybullet": "only the simulator needs it: sh requirements/simulator.sh .venv/bin/python",
    "grpc": "only a policy on a server needs it: pip install gato_ros[remote]",
}
SYSTEM_LIBRARIES = {
    "libgomp.so.1": "libgomp1",
    "libquadmath.so.0": "libquadmath0",
    "libstdc++.so.6": "libstdc++6",
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libX11.so.6": "libx11-6",
}
"""Shared library -> Debian and Ubuntu package."""
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


def is_left_out(module: str, error: str) -> bool:
    """Whether an import failed because the module itself is not there, and not one that it needs."""
    return f"No module named '{module}'" in error


def look_at_packages() -> Iterator[MachineFinding]:
    """A row for each package; one whose import ends the process is a row, too."""
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
    served = not rows["grpc"]["error"]
    for module, package in wanted.items():
        error = rows[module]["error"]
        left_out = served and module in OF_LOCAL_POLICIES and is_left_out(module, error)
        state = "optional" if left_out or module in OPTIONAL else "missing"
        if not error:
            yield MachineFinding(package or module, "ok", rows[module]["version"])
        elif library := re.search(r"(lib[\w.+-]+\.so[\w.]*): cannot open", error):
            debian = SYSTEM_LIBRARIES.get(library[1])
            yield MachineFinding(
                package or module,
                state,
                f"needs the system library {library[1]}",
                f"sudo apt install {debian}" if debian else f"install the package that holds {library[1]}",
            )
        else:
            fix = FIXES.get(module, "make venv") if package else "comes with a ROS 2 installation"
            if left_out:
                fix = "only a policy on this computer needs it: make venv"
            if suspicious := suspects("JAX", "ROS"):
                fix = f"{fix}, or {suspicious}" if "No module" in error else f"{suspicious}; {fix}"
            yield MachineFinding(package or module, state, one_line(error), fix)
