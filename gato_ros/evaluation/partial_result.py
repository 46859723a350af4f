"""The episodes of an evaluation that is not finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gato_ros.evaluation.episode import Job
from gato_ros.evaluation.outcomes import EpisodeOutcome, outcome_from_row
from gato_ros.evaluation.partial_rows import PartialRows

_SCHEMA = 1
_Key = tuple[Any, Any, str, int]


class PartialResult(PartialRows[_Key, EpisodeOutcome]):
    """Those of the robot's own domain, by perturbation, part of the prompt, object set and seed."""

    def __init__(self, path: Path | None, identity: dict[str, Any]):
        """As `PartialRows`."""
        super().__init__(path, {"schema": _SCHEMA, **identity}, _parsed)

    def get(self, job: Job) -> EpisodeOutcome | None:
        """The outcome of a job that is done."""
        return self.known.get(_key(job))

    def add(self, job: Job, outcome: EpisodeOutcome) -> None:
        """Keep one more outcome."""
        prompted = {"prompt_part": job.prompt_part} if job.prompt_part else {}
        row = {"perturbation": job.perturbation, "set": job.object_set, **prompted, **outcome.row()}
        self.keep(_key(job), outcome, row)


def _key(job: Job) -> _Key:
    return job.perturbation, job.prompt_part, job.object_set, job.seed


def _parsed(row: dict[str, Any]) -> tuple[_Key, EpisodeOutcome]:
    return (row["perturbation"], row.get("prompt_part"), row["set"], row["seed"]), outcome_from_row(row)
