"""Which nodes make the loop, with what names and parameters: read by the launch file and by `sim`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments.loading import DEFAULT
from gato_ros.nodes.runtime.parameter_file import check_parameter_file, resolve, values_in_file
from gato_ros.nodes.runtime.parameters import (
    ConsoleParameters,
    DriverParameters,
    GuardParameters,
    IncidentParameters,
    ManagerParameters,
    PolicyParameters,
    RecorderParameters,
    SimParameters,
    TeleopParameters,
    ViewParameters,
)

SOURCE = Path(__file__).resolve().parents[3]
"""The source tree, where this is one."""
NAMESPACE = "sawyer"
"""Of the contract that is taken where none is named."""
MANAGER = "lifecycle_manager"
PARAMETERS = {
    "guard_node": GuardParameters,
    "policy_node": PolicyParameters,
    "sim_node": SimParameters,
    "incident_node": IncidentParameters,
    "teleop_node": TeleopParameters,
    "recorder_node": RecorderParameters,
    "driver_node": DriverParameters,
    "view_node": ViewParameters,
    "console_node": ConsoleParameters,
    MANAGER: ManagerParameters,
}
"""Node name -> its parameters. The name is also the executable's and, under gato_ros.nodes, the module's."""
BESIDE = ("incident_node", "teleop_node", "recorder_node", "view_node", "console_node")
"""Nodes that the loop does without: it goes on when they end."""
ON_REQUEST = ("teleop_node", "recorder_node", "driver_node", "view_node", "console_node", MANAGER)
"""Nodes that nobody gets who does not ask for them."""
SALIENCY, CONSOLE_HZ = "saliency_rate_hz", 1.0
"""The page can show what a policy looks at, which policy_node prepares while it starts: only for those who may ask."""
MANAGED = ("guard_node", "policy_node")
"""Nodes with a life cycle, in the order of bringing up."""


@dataclass(frozen=True)
class NodePlan:
    """One node to start."""

    name: str
    """Node name, executable name and module name."""
    namespace: str
    """One per robot. Always given: without it ROS lets a file override what a launch file says."""
    parameter_file: Path
    """YAML read first."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Set after the file; these win."""
    needed: bool = True
    """False: the loop does without it."""
    remaps: Mapping[str, str] = field(default_factory=dict)
    """Topic in the code -> topic on the wire."""
    package: str = "gato_ros.nodes"
    """Where the module is."""

    def command(self) -> list[str]:
        """The command line that starts this node in a process of its own."""
        settings = [part for name, value in self.parameters.items() for part in ("-p", f"{name}:={json.dumps(value)}")]
        remaps = [part for name, other in self.remaps.items() for part in ("-r", f"{name}:={other}")]
        return [
            sys.executable,
            "-m",
            f"{self.package}.{self.name}",
            "--ros-args",
            "-r",
            f"__node:={self.name}",
            "-r",
            f"__ns:=/{self.namespace}",
            *remaps,
            "--params-file",
            str(self.parameter_file),
            *settings,
        ]


def default_parameter_file() -> Path:
    """launch/params/loop.yaml of the source tree, or of the installed package's share folder."""
    # A workspace's prefixes first, then the environment's that a wheel was installed into.
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]
    for folder in (SOURCE / "launch", *(Path(prefix) / "share" / "gato_ros" / "launch" for prefix in prefixes)):
        if (path := folder / "params" / "loop.yaml").exists():
            return path
    raise SetupError(
        expected="launch/params/loop.yaml beside the package or in its share folder",
        got="no such file",
        fix="name a file with --parameters",
    )


def loop_plan(
    settings: Mapping[str, Mapping[str, object]],
    parameter_file: Path | None = None,
    namespace: str = NAMESPACE,
    without: Sequence[str] = (),
    also: Sequence[str] = (),
    remaps: Mapping[str, str] | None = None,
) -> tuple[NodePlan, ...]:
    """The nodes of the loop.

    Args:
        settings: node name -> parameters that win over the file.
        without: names of nodes to leave out.
        also: which of ON_REQUEST to take in; with a lifecycle manager the managed nodes wait for it.
        remaps: topics under another name, for every node.

    Raises:
        SetupError: an unknown node or parameter, or a bad value, in the settings or in the file.
    """
    for name in [*settings, *also]:
        if name not in PARAMETERS:
            raise unknown_name("a node of this version", name, PARAMETERS)
    path = default_parameter_file() if parameter_file is None else parameter_file
    started = [name for name in PARAMETERS if name not in without and (name not in ON_REQUEST or name in also)]
    check_parameter_file(path, PARAMETERS, namespace, started)
    if MANAGER in also:
        managed = [name for name in MANAGED if name not in without]
        settings = {
            MANAGER: {"managed": ",".join(managed)},
            **settings,
            **{name: {**settings.get(name, {}), "autostart": False} for name in managed},
        }
    if "console_node" in also and not _rate_in_file(path, namespace):
        settings = {**settings, "policy_node": {SALIENCY: CONSOLE_HZ, **settings.get("policy_node", {})}}
    for name, given in settings.items():
        resolve(PARAMETERS[name], given, name)
        if name in started and "embodiment" in given:
            _check_contract(path, name, namespace, given["embodiment"])
    return tuple(
        NodePlan(name, namespace, path, dict(settings.get(name, {})), name not in BESIDE, dict(remaps or {}))
        for name in started
    )


def _rate_in_file(path: Path, namespace: str) -> float:
    """How often the file has the policy say what it looks at [Hz]."""
    return float(values_in_file(path, "policy_node", namespace).get(SALIENCY, (0.0, ""))[0])


def _check_contract(path: Path, node: str, namespace: str, given: object) -> None:
    """SetupError where the file names a contract of its own that would lose against `given`, and its limits with it."""
    in_file, where = values_in_file(path, node, namespace).get("embodiment", (given, ""))
    if in_file not in (given, DEFAULT):
        raise SetupError(
            expected=f"one embodiment of {node}",
            got=f"{in_file} in {path}, {where}, and {given} on the command line, which would win",
            fix=f"give {in_file} there too, or take it out of the file",
        )
