"""What a policy server adds from a camera's picture to the command: the policy here and on a server, in turn.

The real policy_node and guard_node, before a robot that stands still and shows two cameras of 128x128. The server is on
this machine: no network is measured.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from gato_ros.bench.camera.blocks import halves_differ_ms, line, summary
from gato_ros.core.bounds import LARGEST_COUNT, Count, Within, check_bounds
from gato_ros.core.errors import SetupError

BOUND_P50_MS, BOUND_P99_MS, RATE_SHARE = 2.0, 5.0, 0.98
"""The bars: what is added at the median and at the 99th percentile [ms], and how much of the control rate is kept."""
SETTLE_STEPS = 20
"""Control ticks before those that count: a node's first ones load code."""
FOLLOWED = 0.5
"""A loop whose guard follows a smaller share of the proposals is not the one that is measured."""


@dataclass(frozen=True)
class Options:
    """How long, and with which policy."""

    blocks: Count = 5
    """So many times with the policy here, and as many with the server."""
    steps: Annotated[int, Within(20, LARGEST_COUNT)] = 300
    """Control ticks in each block."""
    policy: str = ""
    """Weights, a folder or a shipped name. Default: a policy that reads the whole observation and takes no time."""
    json: Path | None = Path("out/remote/cost.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Measure; ok when the server adds at most BOUND_P50_MS and BOUND_P99_MS, and the loop keeps its rate."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import driving_weights
    from gato_ros.remote.grpc_package import require_grpc

    check_bounds(options)
    require_grpc()
    robot = load_embodiment()
    policy = str(driving_weights(options.policy, robot)) if options.policy else "hold"
    result: dict = {"policy": options.policy or "observing", "load_average": os.getloadavg()[0]}
    blocks = measure(options, policy)
    for name, rows in blocks.items():
        result[name] = summary(rows)
        print(line(f"{name:6}", result[name]))
    here, server = result["here"], result["server"]
    result["added_p50_ms"] = server["p50_ms"] - here["p50_ms"]
    result["added_p99_ms"] = server["p99_ms"] - here["p99_ms"]
    result["p99_differs_between_halves_here_ms"] = halves_differ_ms(blocks["here"])
    result["load_average_after"] = os.getloadavg()[0]
    result["ok"] = (
        result["added_p50_ms"] <= BOUND_P50_MS
        and result["added_p99_ms"] <= BOUND_P99_MS
        and server["rate_hz"] >= RATE_SHARE * robot.control_rate_hz
    )
    print(
        f"added by the server: p50 {result['added_p50_ms']:.2f} ms, p99 {result['added_p99_ms']:.2f} ms; the bars are "
        f"{BOUND_P50_MS:g} and {BOUND_P99_MS:g} ms (two halves without one differ by "
        f"{result['p99_differs_between_halves_here_ms']:.2f} ms at p99)"
    )
    return result


@contextlib.contextmanager
def running_server(policy: str) -> Iterator[str]:
    """A server of those weights, or of the policy without any; its address.

    Raises:
        SetupError: it does not come up.
    """
    module = ["gato_ros.bench.remote.observing_policy"]
    weights = ["gato_ros", "serve", "--policy", policy, "--address", "127.0.0.1:0"]
    command = [sys.executable, "-m", *(module if policy == "hold" else weights)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if " on " not in line:
                raise SetupError(
                    expected="a policy server that comes up", got=line.strip() or "none", fix="see what it said"
                )
            yield f"grpc://{line.split(' on ')[1].split(',')[0].strip()}"
        finally:
            process.kill()


def measure(options: Options, policy: str) -> dict[str, list[dict]]:
    """`here` and `server` -> their blocks: latencies [ms], missed ticks, proposals and seconds."""
    from gato_ros.evaluation.progress import counted

    found: dict[str, list[dict]] = {"here": [], "server": []}
    with running_server(policy) as address, counted("blocks", len(found) * options.blocks) as advance:
        for _ in range(options.blocks):
            for name, wanted in (("here", policy), ("server", address)):
                found[name].append(_block(wanted, options))
                advance(name)
    return found


def _block(policy: str, options: Options) -> dict:
    from gato_ros.bench.camera.runner import CameraRunner
    from gato_ros.embodiments import load_embodiment
    from gato_ros.nodes.runtime.node_specs import NAMESPACE, NodePlan, default_parameter_file
    from gato_ros.nodes.runtime.process_group import Children
    from gato_ros.nodes.runtime.ros_domain import own_domain

    file, mine = default_parameter_file(), {"policy": policy, "propose_at_start": False}
    plans = (
        NodePlan("sample_robot", NAMESPACE, file, {"operator": False}, package="gato_ros.bench.recorder"),
        NodePlan("policy_node", NAMESPACE, file, mine, package="gato_ros.bench.remote"),
        NodePlan("guard_node", NAMESPACE, file),
    )
    period_s = 1.0 / load_embodiment().control_rate_hz
    with own_domain(), Children(plans) as children, CameraRunner(NAMESPACE, children.check) as runner:
        runner.wait_until_up()
        runner.start()
        runner.take(SETTLE_STEPS)
        began_s = time.monotonic()
        record = runner.take(options.steps)
        seconds = time.monotonic() - began_s
    latencies = record.latencies_ms()
    if len(latencies) < FOLLOWED * options.steps:
        raise SetupError(
            expected="a loop that answers most pictures",
            got=f"commands to {len(latencies)} of {options.steps} proposals",
            fix="relieve the machine: the guard stops where pictures or proposals come late",
        )
    return {
        "latencies": latencies,
        "missed": record.missed_ticks(period_s),
        "proposals": len(record.observed_ns),
        "seconds": seconds,
    }
