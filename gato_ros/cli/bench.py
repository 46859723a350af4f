"""Speed of simulator, control step, start and training; costs of recorder and page; false alarms of the doctor."""

from __future__ import annotations

import sys
from typing import Any

import tyro

from gato_ros.cli import options_of, require_installed

MODULES = {
    "sim": "gato_ros.bench.sim",
    "start": "gato_ros.bench.start",
    "step": "gato_ros.bench.step",
    "weights": "gato_ros.bench.weights",
    "train": "gato_ros.bench.train",
    "entropy": "gato_ros.bench.entropy",
    "guard": "gato_ros.bench.guard_step",
    "peers": "gato_ros.bench.peers.step_peers",
    "guard-peers": "gato_ros.bench.peers.guard_peers",
    "record-kill": "gato_ros.bench.recorder.kill",
    "record-cost": "gato_ros.bench.recorder.cost",
    "record-parity": "gato_ros.bench.recorder.parity",
    "record-peers": "gato_ros.bench.peers.record_peers",
    "console-cost": "gato_ros.bench.console.cost",
    "console-kill": "gato_ros.bench.console.kill",
    "camera-cost": "gato_ros.bench.camera.cost",
    "doctor": "gato_ros.bench.doctor",
    "memory": "gato_ros.bench.memory",
    "cluster": "gato_ros.bench.cluster.kills",
    "remote": "gato_ros.bench.remote.cost",
    "shards": "gato_ros.bench.shards.bench",
    "corrupt": "gato_ros.bench.corrupt",
}
"""Benchmark -> its module; an installed package leaves the peers out."""

Options = options_of(MODULES)


def parse(args: list[str], **more: Any) -> Any:
    """The options of a command line; SetupError for a benchmark that is not installed."""
    if args and args[0] in MODULES:
        require_installed(f"bench {args[0]}", MODULES[args[0]])
    return tyro.cli(Options, args=args, **more)


def run(options: Any) -> dict:
    """Run the benchmark that the options belong to."""
    return sys.modules[type(options).__module__].run(options)
