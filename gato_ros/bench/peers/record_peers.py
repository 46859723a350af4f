"""Our episodes beside LeRobot's under the same kills: a process that records is killed (SIGKILL) at the same moments.

Both get the same frames at the same pace and write an episode after another, as their documentation does. Counted are
the frames that they had taken and that cannot be read afterwards, in the episode that was under way and in those that
were finished before, and the milliseconds of a call. LeRobot lives in an environment of its own, which `make
record-peers` makes.
"""

from __future__ import annotations

import json as json_module
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.bounds import Count, Episodes, Seed, check_bounds
from gato_ros.evaluation.option_checks import Program

PROGRAM = Path(__file__).with_name("record_peers_program.py")
ROOT = Path(__file__).resolve().parents[3]
READ_LIMIT_S = 300.0
OURS, PEER = "gato_ros", "lerobot"


@dataclass(frozen=True)
class Options:
    """How often, and where the peer is."""

    peer_python: Program = ROOT / ".venv-peer-lerobot-recorder/bin/python"
    """Python of an environment with the whole of LeRobot; `make record-peers` makes one."""
    kills: Count = 20
    """Of each side."""
    episodes: Episodes = 4
    """That a process would record if it were let; kills come anywhere among them."""
    steps: Count = 60
    """Frames of an episode."""
    fps: Count = 20
    seed: Seed = 0
    json: Path | None = Path("out/record/peers.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Kill both sides in turn; a peer that does not run says why in its row."""
    from gato_ros.evaluation.progress import counted

    check_bounds(options)
    rng, pythons = np.random.default_rng(options.seed), {OURS: Path(sys.executable), PEER: options.peer_python}
    trials: dict[str, list[Trial]] = {side: [] for side in pythons}
    problems: dict[str, str] = {}
    with counted("kills", options.kills) as advance:
        for number in range(options.kills):
            after_s = float(rng.uniform(0.0, options.episodes * options.steps / options.fps))
            for side, python in pythons.items():
                if side in problems:
                    continue
                try:
                    trials[side].append(trial(side, python, options, after_s, number))
                except (PeerFailed, OSError) as failure:
                    problems[side] = str(failure)
            advance(f"{after_s:.1f} s")
    sides = {side: row(trials[side], problems.get(side)) for side in pythons}
    for name, found in sides.items():
        print(f"{name:9} {found['problem'] or _summary(found)}")
    return {
        "sides": sides,
        "steps": options.steps,
        "episodes": options.episodes,
        "fps": options.fps,
        "ok": not problems.get(OURS) and sides[OURS]["frames_lost_worst"] <= 1,
    }


def _summary(found: dict[str, Any]) -> str:
    return (
        f"{found['kills']} kills: {found['frames_lost_worst']} frames lost at worst, {found['frames_lost']} of "
        f"{found['frames_taken']} in all, {found['finished_episodes_lost']} of {found['finished_episodes']} "
        f"finished episodes lost, {found['folders_unreadable']} folders unreadable; p50 / p99 of a step "
        f"{found['ms_per_step_p50']:.2f} / {found['ms_per_step_p99']:.2f} ms, an episode's end "
        f"{found['ms_per_episode_end']:.0f} ms"
    )


class PeerFailed(Exception):
    """A side does not run; the text says why."""


@dataclass(frozen=True)
class Trial:
    """One process, killed once."""

    taken: dict[int, int]
    """Episode -> frames whose call had returned."""
    finished: tuple[int, ...]
    """Episodes whose end had returned."""
    found: dict[int, int] | None
    """Episode -> frames that can be read afterwards; None: nothing can, the folder does not open."""
    step_ms: tuple[float, ...]
    end_ms: tuple[float, ...]

    @property
    def lost(self) -> int:
        """Frames taken that are not there."""
        return sum(max(0, count - (self.found or {}).get(episode, 0)) for episode, count in self.taken.items())


def trial(side: str, python: Path, options: Options, after_s: float, seed: int) -> Trial:
    """Start, kill `after_s` after the first frame could be taken, read back."""
    with tempfile.TemporaryDirectory(prefix="gato_ros_peer_") as place:
        root = str(Path(place) / "recordings")
        given = {
            "side": side,
            "do": "write",
            "root": root,
            "steps": options.steps,
            "episodes": options.episodes,
            "fps": options.fps,
            "seed": seed,
        }
        with open(Path(place) / "errors", "w+") as errors:
            writer = subprocess.Popen(
                _command(python, given), stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment(side)
            )
            if writer.stdout.readline() != "ready\n":
                writer.wait()
                errors.seek(0)
                raise PeerFailed(f"does not run: {(errors.read().strip().splitlines() or ['it said nothing'])[-1]}")
            time.sleep(after_s)
            writer.kill()
            lines = [line.split() for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
            writer.wait()
        steps, ends = ([line for line in lines if line[0] == word] for word in ("step", "end"))
        taken: dict[int, int] = {}
        for line in steps:
            taken[int(line[1])] = taken.get(int(line[1]), 0) + 1
        return Trial(
            taken,
            tuple(int(line[1]) for line in ends),
            _read(side, python, given),
            tuple(float(line[3]) for line in steps),
            tuple(float(line[2]) for line in ends),
        )


def _read(side: str, python: Path, given: dict[str, Any]) -> dict[int, int] | None:
    done = subprocess.run(
        _command(python, {**given, "do": "read"}),
        capture_output=True,
        text=True,
        env=_environment(side),
        timeout=READ_LIMIT_S,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("found ")]
    return {int(key): count for key, count in json_module.loads(said[-1][6:]).items()} if said else None


def _command(python: Path, given: dict[str, Any]) -> list[str]:
    # Not resolved: the environment's python is a link, and behind it lies one without its packages.
    return [str(python.absolute()), str(PROGRAM), json_module.dumps(given)]


def _environment(side: str) -> dict[str, str]:
    """Nothing of our own environment crosses into the peer's, and it asks no server for a data set of that name."""
    if side == OURS:
        return {**os.environ, "PYTHONPATH": str(ROOT)}
    own = ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
    return {**{name: value for name, value in os.environ.items() if name not in own}, "HF_HUB_OFFLINE": "1"}


def row(trials: list[Trial], problem: str | None) -> dict[str, Any]:
    """What the kills of one side cost."""
    if problem or not trials:
        return {"problem": problem or "not run"}
    step_ms = [time_ms for one in trials for time_ms in one.step_ms] or [float("nan")]
    end_ms = [time_ms for one in trials for time_ms in one.end_ms]
    return {
        "problem": None,
        "kills": len(trials),
        "frames_taken": sum(sum(one.taken.values()) for one in trials),
        "frames_lost": sum(one.lost for one in trials),
        "frames_lost_worst": max(one.lost for one in trials),
        "finished_episodes": sum(len(one.finished) for one in trials),
        "finished_episodes_lost": sum(
            (one.found or {}).get(episode, 0) < one.taken[episode] for one in trials for episode in one.finished
        ),
        "folders_unreadable": sum(one.found is None for one in trials if one.taken),
        "ms_per_step_p50": float(np.percentile(step_ms, 50)),
        "ms_per_step_p99": float(np.percentile(step_ms, 99)),
        "ms_per_episode_end": float(np.median(end_ms)) if end_ms else 0.0,
    }
