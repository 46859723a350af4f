"""False alarms of `doctor --robot`: the whole loop is started anew and examined, and everything has to be green.

Simulator, guard and policy are processes in a ROS domain of their own; each start has another seed. The doctor is the
verb itself, started at the same time as the nodes: it has to wait until they are there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gato_ros.core.bounds import Count, check_bounds
from gato_ros.core.errors import SetupError

FIRST_SEED = 900_000
PATIENCE_S = 90.0
"""The policy may have to compile."""


@dataclass(frozen=True)
class Options:
    """How often."""

    starts: Count = 20
    """How many clean starts."""
    policy: str = ""
    """A folder with weights, or the name of shipped ones; default: the one that `sim` takes."""
    json: Path | None = Path("out/doctor/starts.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Start and examine; ok when no row of any start was anything but green."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import DEFAULT, driving_weights
    from gato_ros.evaluation.progress import counted
    from gato_ros.nodes.runtime.ros_domain import own_domain

    check_bounds(options)
    folder = driving_weights(options.policy or DEFAULT, load_embodiment())
    rows, alarms = 0, []
    with own_domain(), counted("clean starts", options.starts) as advance:
        for number in range(options.starts):
            found = _start(folder, FIRST_SEED + number)
            rows += len(found["findings"])
            alarms += [{"start": number, **row} for row in found["findings"] if row["level"] != "green"]
            advance(f"{len(alarms)} alarms")
    red = Counter(row["level"] for row in alarms)["red"]
    starts = len({row["start"] for row in alarms})
    print(
        f"{options.starts} clean starts, {rows} rows judged: {red} red and {len(alarms) - red} yellow, in {starts} "
        "starts"
    )
    return {
        "ok": not alarms,
        "starts": options.starts,
        "rows": rows,
        "starts_with_alarms": starts,
        "alarms": alarms,
        "policy": folder.name,
    }


def _start(policy: Path, seed: int) -> dict:
    from gato_ros.nodes.runtime.node_specs import NAMESPACE, loop_plan
    from gato_ros.nodes.runtime.process_group import Children

    plans = loop_plan({"policy_node": {"policy": str(policy)}, "sim_node": {"seed": seed}})
    with tempfile.TemporaryDirectory(prefix="gato_ros_doctor_") as place, Children(plans) as children:
        path = Path(place) / "found.json"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "gato_ros",
                "doctor",
                "--robot",
                "--namespace",
                NAMESPACE,
                "--patience",
                str(PATIENCE_S),
                "--json",
                str(path),
            ],
            capture_output=True,
            text=True,
        )
        children.check()
        if done.returncode > 1:
            raise SetupError(expected="a doctor that looks", got=done.stderr.strip(), fix="see its message")
        return json.loads(path.read_text())
