"""Two evaluations side by side: which episodes did both, one or none of them stack."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.core.statistics import PairedCounts
from gato_ros.evaluation.episode import PLAIN, PROMPTS, condition
from gato_ros.evaluation.outcomes import EpisodeOutcome, outcome_from_row, pair_up

Outcomes = Mapping[str, Iterable[EpisodeOutcome]]
"""Object set -> episodes."""


@dataclass(frozen=True)
class EvaluationResult:
    """A file that `evaluate --json` wrote."""

    path: Path
    policy: str
    about: dict[str, Any]
    """What else was recorded of the run: digests and versions."""
    conditions: dict[str, dict[str, list[EpisodeOutcome]]]
    """Condition, such as "plain" or "light high" -> object set -> episodes."""
    measured: dict[str, Any] | None = None
    """Of a run over ROS 2: times, and what the guard did; there is none of that in process."""


OVER_ROS = "over ROS 2"
"""The condition of episodes that the `sim` verb ran in real time."""
MEASURED = ("control_rate_hz", "ticks", "missed_ticks", "camera_to_command_ms", "guard_verdicts", "guard_reasons")
ABOUT = ("weights_sha256", "contract_digest", "package_version", "task", "text_s")


def read_result(path: Path) -> EvaluationResult:
    """The evaluation in `path`, or the report.json of the `sim` verb; SetupError if it is none, or has no episodes."""
    try:
        record = json.loads(path.read_text())
        if "episode_rows" in record:
            return _read_report(path, record)
        level = (record["perturbation"] or {}).get("level", "")
        name = (record["perturbation"] or {}).get("name")
        conditions = {condition(name, level, str(record.get("world", PLAIN))): _outcomes(record["sets"])}
        for name, block in record.get("perturbations", {}).items():
            conditions[condition(name, block["level"])] = _outcomes(block["sets"])
        for part, block in record.get("prompts", {}).items():
            conditions[PROMPTS[part]] = _outcomes(block["sets"])
        if not any(rows for sets in conditions.values() for rows in sets.values()):
            raise ValueError("no episodes")
        about = {key: record.get(key) for key in ABOUT}
        return EvaluationResult(path, str(record["policy"]), about, conditions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        got = f"no key {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
        raise SetupError(
            expected=f"a result of `evaluate --json` with its episodes in {path}",
            got=got,
            fix="check the path, or evaluate again with this version",
        ) from None


def _read_report(path: Path, record: dict[str, Any]) -> EvaluationResult:
    """Episodes over ROS 2, where nothing but success is known of each."""
    rows = [
        EpisodeOutcome(row["seed"], row["stacked"], row["steps"], None, tuple(row["objects"]))
        for row in record["episode_rows"]
    ]
    if not rows:
        raise ValueError("no episodes")
    about = {**dict.fromkeys(ABOUT), "contract_digest": record["embodiment"]["digest"], "task": record.get("task")}
    measured = {key: record[key] for key in (*MEASURED, "joint_jerk_rad_s3") if key in record}
    whole = measured if set(MEASURED) <= set(measured) else None
    return EvaluationResult(path, str(record["policy"]), about, {OVER_ROS: {record["objects"]: rows}}, whole)


def _outcomes(sets: dict[str, dict[str, Any]]) -> dict[str, list[EpisodeOutcome]]:
    return {name: [outcome_from_row(row) for row in block["outcomes"]] for name, block in sets.items()}


def matching_conditions(these: Iterable[str], those: Iterable[str]) -> list[tuple[str, str]]:
    """Which condition of the one evaluation belongs to which of the other.

    Those of the same name; where there is none, and one on each side, these two (plain against "light high").
    """
    these, those = list(these), list(those)
    common = [(name, name) for name in these if name in those]
    if not common and len(these) == len(those) == 1:
        return [(these[0], those[0])]
    return common


def check_common(sets: Iterable[str], seeds: range, conditions: Iterable[str], other: EvaluationResult) -> None:
    """SetupError if an evaluation of these sets, seeds and conditions has no episode in common with `other`."""
    conditions = list(conditions)
    pairs = matching_conditions(conditions, other.conditions)
    if not pairs:
        raise SetupError(
            expected=f"one of the conditions {', '.join(other.conditions)} of {other.path}",
            got=", ".join(conditions),
            fix="give the --perturb and --level of that file",
        )
    there = {
        name
        for _, that in pairs
        for name, rows in other.conditions[that].items()
        if any(one.seed in seeds for one in rows)
    }
    if not there & set(sets):
        seen = "; ".join(
            f"{name} {min(seed)}-{max(seed)}"
            for name, seed in (
                (name, [one.seed for one in rows]) for name, rows in other.conditions[pairs[0][1]].items()
            )
            if seed
        )
        raise SetupError(
            expected=f"episodes that are in {other.path} ({seen})",
            got=f"{', '.join(sets)} {seeds.start}-{seeds.stop - 1}",
            fix="give its --set and --seed",
        )


def compare(these: Outcomes, those: Outcomes) -> dict[str, Any]:
    """Paired figures by object set and over all, ready for JSON; SetupError if one seed had two starts."""
    try:
        counts = {name: pair_up(these[name], those[name]) for name in these if name in those}
    except ValueError as error:
        raise SetupError(
            expected="the same episode behind a seed in both evaluations",
            got=str(error),
            fix="evaluate both with one version of the simulator",
        ) from None
    counts = {name: one for name, one in counts.items() if one.pairs}
    return {
        "sets": {name: figures(one) for name, one in counts.items()},
        "all": figures(reduce(add, counts.values(), PairedCounts(0, 0, 0, 0))),
    }


def figures(counts: PairedCounts) -> dict[str, Any]:
    """Counts, difference (this minus that, as a share), its 95 % interval, and the p-value."""
    return {
        "pairs": counts.pairs,
        "both": counts.both,
        "only_this": counts.only_this,
        "only_that": counts.only_that,
        "neither": counts.neither,
        "difference": counts.difference,
        "difference95": list(counts.difference95),
        "p_value": counts.p_value,
    }


def compare_with(these: Mapping[str, Outcomes], about: Mapping[str, Any], other: EvaluationResult) -> dict[str, Any]:
    """This evaluation (condition -> set -> episodes) against a recorded one, ready for JSON.

    Args:
        these: the episodes.
        about: the figures ABOUT of this evaluation.
        other: the recorded evaluation.
    """
    conditions = {}
    for this, that in matching_conditions(these, other.conditions):
        conditions[this] = {"that": that, **compare(these[this], other.conditions[that])}
    known = [key for key in ABOUT if None not in (about.get(key), other.about[key])]
    return {
        "file": str(other.path),
        "policy": other.policy,
        **other.about,
        "differs_in": [key for key in known if about[key] != other.about[key]],
        "conditions": conditions,
    }
