"""What one episode over ROS left behind, and the figures made from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from gato_ros.core.guard.verdict import Command, Verdict

JERK_GRID_S = 0.02
"""Two ticks of the guard: shorter differences would measure when it was woken."""


@dataclass
class EpisodeRecord:
    """Filled while an episode runs; stamps in nanoseconds on one machine's clock."""

    seed: int
    """Seed of the start."""
    observed_ns: dict[int, int] = field(default_factory=dict)
    """Proposal stamp -> stamp of the oldest camera frame it came from."""
    commanded_ns: dict[int, int] = field(default_factory=dict)
    """Proposal stamp -> stamp of the first arm command that followed it."""
    commands: list[tuple[int, np.ndarray]] = field(default_factory=list)
    """When the guard made each arm command, and the joint velocities in it [rad/s]."""
    verdicts: Counter = field(default_factory=Counter)
    """Guard ticks by level."""
    reasons: Counter = field(default_factory=Counter)
    """Guard ticks by reason."""
    frames: list[dict[str, np.ndarray]] = field(default_factory=list)
    """Camera frames that went over the wire: camera -> uint8 [height width 3]."""
    ended_ns: int = 0
    """Stamp of the end of the episode."""
    stacked: bool = False
    """Whether the task's success was held for long enough."""
    objects: tuple[str, ...] = ()
    """Names of the red, green and blue object."""

    @property
    def started_ns(self) -> int | None:
        """Stamp of the first proposal that moved the robot."""
        return min(self.commanded_ns, default=None)

    def take_step(self, at_ns: int, command: Command, verdict: Verdict) -> None:
        """What the guard did at `at_ns`: counted from the first command that moved the robot."""
        self.commands.append((at_ns, command.joint_velocity))
        if self.started_ns is not None and at_ns >= self.started_ns:
            self.verdicts[verdict.level.value] += 1
            self.reasons.update(verdict.reasons)

    def proposals_ns(self) -> np.ndarray:
        """Sorted stamps of the proposals from the start to the end."""
        start = self.started_ns
        return np.array(
            sorted(stamp for stamp in self.observed_ns if start is not None and start <= stamp <= self.ended_ns),
            np.int64,
        )

    def missed_ticks(self, period_s: float) -> int:
        """Control ticks without a proposal between the start and the end."""
        stamps = self.proposals_ns()
        if len(stamps) == 0:
            return 0
        between = np.maximum(np.round(np.diff(stamps) * 1e-9 / period_s).astype(int) - 1, 0)
        after = max(0, int((self.ended_ns - stamps[-1]) * 1e-9 / period_s))
        return int(between.sum()) + after

    def latencies_ms(self) -> np.ndarray:
        """Camera stamp to command stamp of every proposal that was followed [ms]."""
        return np.array(
            [
                (command - self.observed_ns[stamp]) * 1e-6
                for stamp, command in self.commanded_ns.items()
                if stamp in self.observed_ns
            ]
        )

    def joint_jerk(self) -> np.ndarray:
        """Magnitudes of the jerk that was commanded between the start and the end [rad/s^3], all joints in a row."""
        inside = [
            one for one in self.commands if self.started_ns is not None and self.started_ns <= one[0] <= self.ended_ns
        ]
        return commanded_jerk(np.array([stamp for stamp, _ in inside]), np.array([value for _, value in inside]))

    def row(self, period_s: float) -> dict:
        """The episode's line in the report."""
        stamps, missed, latencies = self.proposals_ns(), self.missed_ticks(period_s), self.latencies_ms()
        span_s = (stamps[-1] - stamps[0]) * 1e-9 if len(stamps) > 1 else 0.0
        return {
            "seed": self.seed,
            "objects": list(self.objects),
            "stacked": self.stacked,
            "steps": len(stamps) + missed,
            "missed_ticks": missed,
            "control_rate_hz": round((len(stamps) - 1) / span_s, 3) if span_s else None,
            "camera_to_command_ms": percentiles(latencies),
            "verdicts": dict(self.verdicts),
            "reasons": dict(self.reasons),
        }


def commanded_jerk(stamps_ns: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Magnitudes [rad/s^3] of the second difference of joint velocities [n joints] [rad/s], on a grid of JERK_GRID_S.

    The guard steps once more when a proposal comes, so that its commands are not evenly spaced.
    """
    times = (stamps_ns - stamps_ns[0]) * 1e-9 if len(stamps_ns) else np.zeros(0)
    grid = np.arange(0.0, times[-1] if len(times) else 0.0, JERK_GRID_S)
    if len(grid) < 3:
        return np.zeros(0)
    even = np.stack([np.interp(grid, times, column) for column in velocity.T], 1)
    return np.abs(np.diff(even, n=2, axis=0)).ravel() / JERK_GRID_S**2


def jerk_figures(magnitudes: np.ndarray) -> dict[str, float | None]:
    """Root mean square and 99th percentile [rad/s^3], or None where nothing was measured."""
    if len(magnitudes) == 0:
        return {"rms": None, "p99": None}
    figures = {"rms": np.sqrt(np.mean(magnitudes**2)), "p99": np.percentile(magnitudes, 99)}
    return {name: round(float(value), 2) for name, value in figures.items()}


def percentiles(values_ms: np.ndarray) -> dict[str, float | None]:
    """p50 and p99, or None where nothing was measured."""
    if len(values_ms) == 0:
        return {"p50": None, "p99": None}
    return {"p50": round(float(np.percentile(values_ms, 50)), 2), "p99": round(float(np.percentile(values_ms, 99)), 2)}
