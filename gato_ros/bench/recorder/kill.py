"""The recorder killed (SIGKILL) at random moments; how many control steps each kill cost, and what became of the files.

A control step lasts from one camera frame to the next. A kill cost it if it was over before the kill, and comes after
the last step of the episode that recovery makes of what is left. Steps that are missing in the middle count apart:
frames that came too soon after the one before, or never, as on a machine that is too busy for the robot or the wire.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from gato_ros.core.bounds import Episodes, Processes, Seed, Within, check_bounds


@dataclass(frozen=True)
class Options:
    """How often, and how many at a time."""

    kills: Episodes = 500
    """How many in all."""
    workers: Processes = 1
    """Recorders side by side, each with a robot in a ROS domain of its own; too many for the machine cost steps."""
    longest_s: Annotated[float, Within(0, 60, open_below=True, as_interval=True)] = 2.0
    """A kill comes within so long after the recording began [s]."""
    seed: Seed = 0
    """Of the moments."""
    json: Path | None = Path("out/record/kill.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Kill and judge; ok when no kill cost more than one step, all files can be read and no earlier one was touched."""
    from gato_ros.bench.recorder.recorder_kills import kill_trials
    from gato_ros.evaluation.progress import counted
    from gato_ros.evaluation.worker_pool import worker_pool

    check_bounds(options)
    rows: list[dict] = []
    with (
        tempfile.TemporaryDirectory(prefix="gato_ros_kills_") as place,
        worker_pool(options.workers) as pool,
        counted("kills", options.kills) as advance,
    ):
        jobs = []
        for worker in range(options.workers):
            share = len(range(worker, options.kills, options.workers))
            jobs += (
                [
                    pool.submit(
                        kill_trials, str(Path(place) / str(worker)), share, options.seed + worker, options.longest_s
                    )
                ]
                if share
                else []
            )
        for job in jobs:
            for row in job.result():
                rows.append(row)
                if "lost" in row:
                    advance(f"worst {max(one.get('lost', 0) for one in rows)}")
    kills, folders = [row for row in rows if "lost" in row], [row for row in rows if "touched" in row]
    result = {
        "kills": len(kills),
        "worst_steps_lost": max(row["lost"] for row in kills),
        "unreadable": sum(bool(row["unreadable"]) for row in kills),
        "earlier_touched": sum(row["touched"] for row in folders),
        "steps_lost": {str(lost): count for lost, count in sorted(Counter(row["lost"] for row in kills).items())},
        "steps_kept": sum(row["steps_kept"] for row in kills),
        "steps_missed": sum(row["missed"] for row in kills),
        "episodes": sum(row["earlier"] for row in folders),
        "workers": options.workers,
        "longest_s": options.longest_s,
        "costly": [row for row in kills if row["lost"] > 1 or row["unreadable"]],
    }
    result["ok"] = result["worst_steps_lost"] <= 1 and not result["unreadable"] and not result["earlier_touched"]
    print(
        f"{result['kills']} kills: at most {result['worst_steps_lost']} control steps lost "
        f"({result['steps_lost']}), {result['unreadable']} unreadable, {result['earlier_touched']} of "
        f"{result['episodes']} earlier episodes touched; {result['steps_missed']} steps missing for other reasons, "
        f"{result['steps_kept']} kept"
    )
    return result
