"""What a recorder costs the control loop: the whole loop in turn without and with one, in one run.

Measured is the time from a camera's stamp to the command that answers it, as `sim` reports it: the simulator, the
policy and the guard each send to one more listener, and the recorder takes its share of the machine.
"""

from __future__ import annotations

import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from gato_ros.core.bounds import LARGEST_COUNT, Count, Seed, Within, check_bounds

BOUND_MS = 1.0


@dataclass(frozen=True)
class Options:
    """How long, and with which policy."""

    blocks: Count = 5
    """So many times without, and as many with."""
    steps: Annotated[int, Within(20, LARGEST_COUNT)] = 300
    """Control ticks in each block."""
    policy: str = "hold"
    """Directory of weights, the name of shipped ones, or `hold`: its own time hides nothing."""
    seed: Seed = 0
    """Of the first block's start."""
    json: Path | None = Path("out/record/cost.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Measure; ok when the 99th percentile is at most BOUND_MS higher with a recorder, and no tick more is missed."""
    check_bounds(options)
    latencies, missed, recorded = measure(options)
    p50, p99 = ({name: float(np.percentile(found, share)) for name, found in latencies.items()} for share in (50, 99))
    without = np.array_split(latencies["without"], 2)
    result = {
        "ticks": {name: len(found) for name, found in latencies.items()},
        "camera_to_command_ms": {name: {"p50": p50[name], "p99": p99[name]} for name in latencies},
        "added_p50_ms": p50["with"] - p50["without"],
        "added_p99_ms": p99["with"] - p99["without"],
        "p99_differs_without_any_recorder_ms": float(abs(np.subtract(*(np.percentile(half, 99) for half in without)))),
        "missed_ticks": missed,
        "recorded_steps": recorded,
    }
    result["ok"] = result["added_p99_ms"] <= BOUND_MS and missed["with"] <= missed["without"]
    for name in latencies:
        print(
            f"{name:7} a recorder: {result['ticks'][name]} ticks, p50 {p50[name]:.2f} ms, p99 {p99[name]:.2f} ms, "
            f"{missed[name]} missed"
        )
    print(
        f"added: p50 {result['added_p50_ms']:.2f} ms, p99 {result['added_p99_ms']:.2f} ms (two halves without one "
        f"differ by {result['p99_differs_without_any_recorder_ms']:.2f} ms)"
    )
    return result


def measure(options: Options) -> tuple[dict[str, np.ndarray], dict[str, int], int]:
    """Latencies [ms] and missed ticks, `without` and `with` a recorder, and the steps that it wrote."""
    from gato_ros.bench.recorder.recorder_process import RecorderProcess
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import driving_weights
    from gato_ros.evaluation.progress import counted
    from gato_ros.nodes.runtime.episode_runner import EpisodeRunner
    from gato_ros.nodes.runtime.node_specs import NAMESPACE, loop_plan
    from gato_ros.nodes.runtime.process_group import Children
    from gato_ros.nodes.runtime.ros_domain import own_domain

    robot = load_embodiment()
    policy = options.policy if options.policy == "hold" else str(driving_weights(options.policy, robot))
    plans = loop_plan({"policy_node": {"policy": policy, "propose_at_start": False}}, without=("incident_node",))
    latencies: dict[str, list] = {"without": [], "with": []}
    missed, recorded = {"without": 0, "with": 0}, 0
    with (
        tempfile.TemporaryDirectory(prefix="gato_ros_cost_") as place,
        own_domain(),
        Children(plans) as children,
        EpisodeRunner(robot, NAMESPACE, children.check) as runner,
        RecorderProcess(Path(place), NAMESPACE) as recorder,
        counted("blocks", 2 * options.blocks) as advance,
    ):
        runner.wait_until_up()
        for block in range(2 * options.blocks):
            name = "with" if block % 2 else "without"
            if name == "with":
                recorder.start()
                recorder.call("start")
            record = runner.run(options.seed + block // 2, options.steps, lambda step: None)
            if name == "with":
                recorder.call("stop_success")
                recorded += _steps(recorder.finished(1))
                recorder.end(signal.SIGINT)
            latencies[name].append(record.latencies_ms())
            missed[name] += record.missed_ticks(1.0 / robot.control_rate_hz)
            advance(name)
    return {name: np.concatenate(parts) for name, parts in latencies.items()}, missed, recorded


def _steps(path: Path) -> int:
    from gato_ros.data.episodes.summary import summarise

    return summarise(path).steps
