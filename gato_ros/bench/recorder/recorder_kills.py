"""The recorder killed again and again at random moments, and what is left of each recording."""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import rclpy
from rclpy.signals import SignalHandlerOptions

from gato_ros.bench.recorder.recorder_process import RecorderProcess
from gato_ros.bench.recorder.sample_robot import NAME, read_log, rows_of
from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.episodes.recovery import partial_paths, recover_partial, set_aside
from gato_ros.nodes.runtime.node_specs import NAMESPACE, NodePlan, default_parameter_file
from gato_ros.nodes.runtime.process_group import Children
from gato_ros.nodes.runtime.ros_domain import claim_domain
from gato_ros.nodes.runtime.transport import stay_on_this_machine

PERIOD_NS = 50_000_000


@dataclass(frozen=True)
class Kill:
    """What one kill cost."""

    after_s: float
    """From the answer to ~/start."""
    steps_over: int
    """Control steps that were over before the kill: the next frame had been published."""
    steps_kept: int
    """Of those, the ones in the recovered episode."""
    lost: int
    """Of those, the ones after the last that is in the episode: what the kill cost."""
    unreadable: str = ""
    """Why the recovered episode cannot be read; empty: it can, or there was no step to keep."""

    @property
    def missed(self) -> int:
        """Not in the episode either, and not because of the kill: they came too soon, or not at all."""
        return self.steps_over - self.steps_kept - self.lost


@dataclass(frozen=True)
class Fingerprint:
    """An episode as it was when it was made."""

    size: int
    mtime_ns: int
    sha256: str

    @staticmethod
    def of(path: Path) -> Fingerprint:
        about = path.stat()
        return Fingerprint(about.st_size, about.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())


def kill_trials(folder: str, kills: int, seed: int, longest_s: float) -> list[dict]:
    """Runs in a process of its own, in a ROS domain of its own: the kills, then one row that says what was touched."""
    number, claim = claim_domain()
    os.environ["ROS_DOMAIN_ID"] = str(number)
    stay_on_this_machine(os.environ)
    with claim, tempfile.NamedTemporaryFile(suffix=".frames") as log:
        robot = NodePlan(
            NAME,
            NAMESPACE,
            default_parameter_file(),
            {"log": log.name, "guard": True},
            package="gato_ros.bench.recorder",
        )
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        try:
            with Children([robot]) as children, RecorderProcess(Path(folder), NAMESPACE) as recorder:
                made: dict[Path, Fingerprint] = {}
                rows = []
                for kill in _kills(
                    recorder, Path(folder), Path(log.name), kills, np.random.default_rng(seed), longest_s, made
                ):
                    children.check()
                    rows.append({**asdict(kill), "missed": kill.missed})
                touched = sum(not path.exists() or Fingerprint.of(path) != before for path, before in made.items())
                return [*rows, {"earlier": len(made), "touched": touched}]
        finally:
            rclpy.try_shutdown()


def _kills(
    recorder: RecorderProcess,
    folder: Path,
    log: Path,
    kills: int,
    rng: np.random.Generator,
    longest_s: float,
    made: dict[Path, Fingerprint],
) -> Iterator[Kill]:
    for _ in range(kills):
        recorder.start()
        recorder.call("start")
        started_ns = time.monotonic_ns()
        time.sleep(rng.uniform(0.0, longest_s))
        killed_ns = time.monotonic_ns()
        recorder.end(signal.SIGKILL)
        left = partial_paths(folder)
        if len(left) != 1:
            # Killed before the writing thread had begun the file: nothing was promised yet.
            yield _judge(read_log(log), started_ns, killed_ns, None, "" if not left else f"{len(left)} partial files")
            continue
        try:
            path = recover_partial(left[0])
        except SetupError:
            set_aside(left[0])
            yield _judge(read_log(log), started_ns, killed_ns, None, "")
            continue
        made[path] = Fingerprint.of(path)
        try:
            yield _judge(read_log(log), started_ns, killed_ns, read_episode(path).stamps_s, "")
        except SetupError as error:
            yield _judge(read_log(log), started_ns, killed_ns, None, error.got)
    assert set(made) <= set(episode_paths(folder))


def _judge(log: np.ndarray, started_ns: int, killed_ns: int, stamps_s: np.ndarray | None, unreadable: str) -> Kill:
    """Compare the frames that went out with those in the recovered episode.

    The frame on the way while ~/start was answered may or may not be the first; where it is there, it counts.
    """
    kept = np.zeros(0, log.dtype) if stamps_s is None else rows_of(log, stamps_s)
    first_ns = int(kept["published_ns"][0]) if len(kept) else started_ns + PERIOD_NS
    out = log[(log["published_ns"] >= first_ns) & (log["published_ns"] < killed_ns)]
    over = out[:-1]
    last = kept["frame"][-1] if len(kept) else -1
    return Kill(
        round((killed_ns - started_ns) * 1e-9, 4),
        len(over),
        int(np.isin(over["frame"], kept["frame"]).sum()),
        int((over["frame"] > last).sum()),
        unreadable,
    )
