"""An evaluation as one page that needs nothing beside it: rates, pairs, films, and what it was made of."""

from __future__ import annotations

import base64
import datetime
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from gato_ros.core.statistics import wilson95
from gato_ros.evaluation.comparison import EvaluationResult
from gato_ros.evaluation.episode import Clip, Job, film_job
from gato_ros.evaluation.outcomes import EpisodeOutcome
from gato_ros.evaluation.provenance import git_commit, versions
from gato_ros.evaluation.reports.failure_video import failures_to_film

TEMPLATE = Path(__file__).with_name("report.html.jinja")
PACKAGES = ("numpy", "jax", "jaxlib", "pybullet", "mujoco")
FILMED_SCALE = 2
"""The cameras' 128 pixels are shown twice as large: browsers blur what they enlarge themselves."""
FROM_FILES = "Made from files alone: films are made where --report goes with a run."
NONE_WANTED = "No film was requested."


def episodes_to_film(outcomes: Mapping[Job, EpisodeOutcome], each: int) -> list[Job]:
    """Up to `each` successes, one of every set and condition before the second of any, then as many failures."""
    seen: Counter = Counter()
    ranked = []
    for job, outcome in outcomes.items():
        if outcome.success:
            ranked.append((seen[job.condition, job.object_set], job))
            seen[job.condition, job.object_set] += 1
    stacked = [job for _, job in sorted(ranked, key=lambda one: one[0])[:each]]
    return stacked + failures_to_film(outcomes, each)


def film_episodes(outcomes: Mapping[Job, EpisodeOutcome], each: int, pool: Executor) -> list[dict[str, Any]]:
    """Run some episodes again with pictures; what the page shows of each."""
    return [
        _shown(clip, clip.outcome.row() == outcomes[clip.job].row())
        for clip in pool.map(film_job, episodes_to_film(outcomes, each))
    ]


def _shown(clip: Clip, reproduced: bool) -> dict[str, Any]:
    outcome, job = clip.outcome, clip.job
    world = "" if job.condition == "plain" else f", {job.condition}"
    ending = outcome.ending.replace("_", " ")
    return {
        "video": _video(clip),
        "success": outcome.success,
        "ending": ending,
        "reproduced": reproduced,
        "name": f"{job.object_set} {job.seed}{world}",
        "seconds": outcome.steps / clip.rate_hz,
    }


def _video(clip: Clip) -> str:
    """H.264 as a data URL."""
    import cv2
    import numpy as np

    from gato_ros.data.exports.video import write_film

    def pictures():
        for frame in clip.frames:
            picture = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)
            yield cv2.resize(picture, None, fx=FILMED_SCALE, fy=FILMED_SCALE, interpolation=cv2.INTER_CUBIC)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.mp4"
        write_film(path, pictures(), clip.rate_hz)
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()


def write_report(
    path: Path,
    this: EvaluationResult,
    other: EvaluationResult | None = None,
    against: Mapping[str, Any] | None = None,
    blocks: Mapping[str, Any] | None = None,
    clips: Sequence[Mapping[str, Any]] = (),
    no_clips: str = FROM_FILES,
) -> None:
    """Write the page, whole or not at all.

    Args:
        this: the evaluation; its first condition is the one that the page is about.
        other: what it is compared with.
        against: the comparison, as `compare_with` makes it.
        blocks: condition -> its figures against the first one, as `compare` makes them.
        clips: what `film_episodes` gave.
        no_clips: what the page says where there are none.
    """
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.from_string(TEMPLATE.read_text()).render(
        **_content(this, other, against or {}, blocks or {}),
        clips=clips,
        no_clips=no_clips,
        percent=lambda share: f"{100 * share:.1f} %",
        points=lambda share: f"{100 * share:+.1f}",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(page)
    partial.replace(path)


def _content(
    this: EvaluationResult, other: EvaluationResult | None, against: Mapping[str, Any], blocks: Mapping[str, Any]
) -> dict[str, Any]:
    condition = next(iter(this.conditions))
    compared = against.get("conditions", {}).get(condition)
    there = other.conditions[compared["that"]] if compared else {}
    first = this.conditions[condition]
    names = _names(this, other)
    outcomes = [one for rows in first.values() for one in rows]
    whole = _side("this", outcomes)
    steps = [one.steps for one in outcomes if one.success]
    seeds = [one.seed for one in outcomes]
    sides = [(names[0], this), *([(names[1], other)] if other else [])]
    measured = [(name, one.measured) for name, one in sides if one.measured]
    return {
        "head": {
            "this": names[0],
            "that": names[1],
            "successes": whole["successes"],
            "done": outcomes[0].stages[-1],
            "episodes": whole["episodes"],
            "rate": whole["rate"],
            "interval": whole["interval"],
            "condition": condition,
            "mean_steps": sum(steps) / len(steps) if steps else None,
            "task": (this.about.get("task") or "red_on_blue").replace("_", " "),
            "seeds": f"{min(seeds)} to {max(seeds)}",
        },
        "made": {"at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")},
        "other": other,
        "differs": [key for key in against.get("differs_in", []) if key != "weights_sha256"],
        "sets": [
            {
                "name": name,
                "cells": _cells(rows, there.get(name)),
                "sides": [_side(which, one) for which, one in (("this", rows), ("that", there.get(name))) if one],
            }
            for name, rows in first.items()
        ],
        "conditions": [
            {"name": name, **_side("this", [one for rows in sets.values() for one in rows]), "paired": blocks.get(name)}
            for name, sets in this.conditions.items()
            if name != condition
        ],
        "comparison": compared
        and {
            **compared,
            "rows": [
                *compared["sets"].items(),
                *([("together", compared["all"])] if len(compared["sets"]) > 1 else []),
            ],
        },
        "measured": measured,
        "measured_rows": _measured_rows([row for _, row in measured]),
        "unmeasured": [name for name, one in sides if not one.measured],
        "facts": _facts(this, other, names),
    }


def _names(this: EvaluationResult, other: EvaluationResult | None) -> tuple[str, str]:
    """Short names of the two, never equal."""
    short = [Path(one.policy).name if one else "" for one in (this, other)]
    if short[0] == short[1]:
        short[1] = f"{short[1]} ({other.path.name})"
    return short[0], short[1]


def _side(which: str, outcomes: Sequence[EpisodeOutcome]) -> dict[str, Any]:
    successes, failures = sum(one.success for one in outcomes), Counter(one.failure for one in outcomes)
    counted = (f"{count} {kind.replace('_', ' ')}" for kind, count in failures.most_common() if kind)
    return {
        "which": which,
        "successes": successes,
        "episodes": len(outcomes),
        "rate": successes / len(outcomes),
        "interval": wilson95(successes, len(outcomes)),
        "failures": ", ".join(counted),
    }


def _cells(these: Sequence[EpisodeOutcome], those: Sequence[EpisodeOutcome] | None) -> list[dict[str, str]]:
    """One per seed: how it went, or how it went for both."""
    if those is None:
        return [
            {"kind": "yes-cell" if one.success else "no-cell", "title": f"{one.seed}: {one.ending}"}
            for one in sorted(these, key=lambda one: one.seed)
        ]
    kinds = {(True, True): "both", (True, False): "only-this", (False, True): "only-that", (False, False): "neither"}
    there = {one.seed: one for one in those}
    pairs = [(one, there[one.seed]) for one in sorted(these, key=lambda one: one.seed) if one.seed in there]
    return [
        {
            "kind": kinds[a.success, b.success],
            "title": f"{a.seed}: {a.ending}, there {b.ending}",
        }
        for a, b in pairs
    ]


def _measured_rows(columns: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """What only a run over ROS 2 has, one value per run."""

    def milliseconds(key: str):
        return lambda one: "" if one["camera_to_command_ms"][key] is None else f"{one['camera_to_command_ms'][key]} ms"

    def share(names: tuple[str, ...]):
        def of(one: Mapping[str, Any]) -> str:
            ticks = sum(one["guard_verdicts"].values())
            return f"{sum(one['guard_verdicts'].get(name, 0) for name in names) / ticks:.1%}" if ticks else ""

        return of

    levels = sorted({name for one in columns for name in one["guard_verdicts"]})
    reasons = Counter()
    for one in columns:
        reasons.update(one["guard_reasons"])
    rows = [
        ("Control rate", lambda one: f"{one['control_rate_hz']} Hz"),
        ("Missed ticks", lambda one: f"{one['missed_ticks']} of {one['ticks']}"),
        ("Camera to command, median", milliseconds("p50")),
        ("Camera to command, p99", milliseconds("p99")),
        *((f"Guard ticks: {name}", share((name,))) for name in levels),
        *(
            (f"Guard ticks because of {name}", lambda one, name=name: str(one["guard_reasons"].get(name, 0)))
            for name, _ in reasons.most_common(8)
        ),
        ("Commanded joint jerk, root mean square", lambda one: _jerk(one, "rms")),
        ("Commanded joint jerk, p99", lambda one: _jerk(one, "p99")),
    ]
    return [(label, [value(one) for one in columns]) for label, value in rows]


def _jerk(one: Mapping[str, Any], key: str) -> str:
    value = (one.get("joint_jerk_rad_s3") or {}).get(key)
    return "not recorded" if value is None else f"{value:g} rad/s³"


def _facts(this: EvaluationResult, other: EvaluationResult | None, names: tuple[str, str]) -> list[tuple[str, Any]]:
    found = [
        ("Policy", this.policy),
        ("Weights, sha256", this.about.get("weights_sha256")),
        ("Contract, digest", this.about.get("contract_digest")),
    ]
    if other:
        found += [
            (f"{names[1]}: policy", other.policy),
            (f"{names[1]}: weights, sha256", other.about["weights_sha256"]),
            (f"{names[1]}: contract, digest", other.about["contract_digest"]),
            (f"{names[1]}: file", other.path),
        ]
    here = versions(PACKAGES)
    return [
        *found,
        ("gato_ros", this.about.get("package_version")),
        ("Commit of this page's code", git_commit()),
        ("Versions here", ", ".join(f"{name} {version}" for name, version in here.items() if version)),
    ]
