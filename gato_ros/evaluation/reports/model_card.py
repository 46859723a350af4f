"""The model card of a policy: every figure is read from a file, and one that is missing is "not measured"."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gato_ros.core.statistics import wilson95
from gato_ros.domains.rgb_stacking.stage import RESULT_FILE, CardStage, reads
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.episode import PROMPTS
from gato_ros.evaluation.reports.training_curves import THOUSANDTH, draw_curves

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
CARD_FILE, CURVES_FILE = "MODEL_CARD.md", "training.png"
NOT_MEASURED = "not measured"
PROMPTED = {PROMPTS["start"]: "by a demonstration's start", PROMPTS["end"]: "by a demonstration's end"}
"""What a prompt is called in results -> how it states the task."""
Entries = dict[str, dict[str, Any]]


def write(stage: CardStage, out: Path, entries: Entries) -> Path:
    """Put weights, curves and card into `out`/`stage.folder`; the card's path.

    Args:
        entries: the ledger's, by stage.
    """
    import jinja2

    folder = out / stage.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("params.safetensors", "config.json"):
        partial = folder / f"{name}.partial"
        shutil.copyfile(out / stage.policy / name, partial)
        partial.replace(folder / name)
    has_curves = draw_curves([out / run for run in stage.trainings], folder / CURVES_FILE, arm_units(stage))
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(measured=_measured, percent=_percent, hours=_hours)
    text = environment.from_string(TEMPLATE.read_text()).render(
        **facts(stage, out, entries), curves=CURVES_FILE if has_curves else None
    )
    partial = folder / f"{CARD_FILE}.partial"
    partial.write_text(text.strip() + "\n")
    partial.replace(folder / CARD_FILE)
    return folder / CARD_FILE


def facts(stage: CardStage, out: Path, entries: Entries) -> dict[str, Any]:
    """What the template shows."""
    weights = json.loads((out / stage.policy / "config.json").read_text())
    stages = _behind(stage, entries)
    data = [
        _data(entry, weights["extra"].get("data", {})) for entry in stages.values() if entry["kind"] == "CollectStage"
    ]
    results = [
        json.loads(path.read_text()) for folder in stage.evaluations if (path := out / folder / RESULT_FILE).exists()
    ]
    success = [row for result in results if not _is_disturbed(result) for row in _rates(result)]
    return {
        "name": Path(stage.folder).parent.name,
        "folder": out / stage.folder,
        "weights": weights,
        "data": data,
        "runs": [_run(out, folder, stages, arm_units(stage)) for folder in stage.trainings],
        "stages": stages,
        "objects": sorted({row["objects"] for row in data}),
        "tasks": sorted({row["task"] for row in data if row.get("task")}),
        "success": success,
        "together": _together(success),
        "disturbed": [row for result in results if _is_disturbed(result) for row in _rates(result)],
        "machines": sorted(
            {
                f"{entry['machine']['cores']} cores of {entry['machine']['cpu']}"
                for entry in stages.values()
                if "machine" in entry
            }
        ),
        "hours": sum(entry["seconds"] for entry in stages.values()) / 3600,
        "found": [name for name, entry in stages.items() if entry["found"]],
    }


def arm_units(stage: CardStage) -> dict[str, str]:
    """The unit of each value of the arm's part of the action, by its name in the curves."""
    part = (load_embodiment(stage.embodiment) if stage.embodiment else load_embodiment()).arm_part
    return dict(zip(part.names, part.units, strict=True))


def _behind(stage: CardStage, entries: Entries) -> Entries:
    """The entries of everything that the card's policy is made of or measured by, in their order."""
    wanted = {"policy": stage.policy, "trainings": list(stage.trainings), "evaluations": list(stage.evaluations)}
    names: set[str] = set()
    pending = [wanted]
    while pending:
        options = pending.pop()
        found = [
            name for name, entry in entries.items() if name not in names and reads(options, entry["options"]["folder"])
        ]
        names.update(found)
        pending += [entries[name]["options"] for name in found]
    return {name: entry for name, entry in entries.items() if name in names}


def _data(entry: dict[str, Any], frames: dict[str, int]) -> dict[str, Any]:
    options, result = entry["options"], entry["result"] or {}
    counted = [count for folder, count in frames.items() if f"/{folder}".endswith(f"/{options['folder']}")]
    last = options["seed"] + options["episodes"] - 1
    return {**options, "files": result.get("files"), "frames": counted[0] if counted else None, "last_seed": last}


def _run(out: Path, folder: str, stages: Entries, units: dict[str, str]) -> dict[str, Any]:
    """A training run: its configuration as it was saved with its weights, and its last figures."""
    from gato_ros.training.dashboard import read_curves

    path, curves = out / folder / "last" / "config.json", read_curves(out / folder)
    options = next((entry["options"] for entry in stages.values() if entry["options"]["folder"] == folder), {})
    latest = {kind: rows[max(rows)] for kind, rows in curves.items()}
    return {
        "folder": folder,
        "training": json.loads(path.read_text())["extra"]["training"] if path.exists() else None,
        "init": options.get("init") or options.get("shipped_start"),
        "validation": latest.get("validation", {}),
        "action_errors": _action_errors(latest.get("validation", {}), units),
        "closed_loop": latest.get("closed_loop"),
        "closed_loop_set": options.get("closed_loop_set"),
    }


def _action_errors(validation: dict[str, float], units: dict[str, str]) -> str:
    """Mean errors of the arm's action like "vx 3.9 mm/s, wz 113 mrad/s"; "" where none was measured."""
    found = {name: validation.get(f"error_{name}") for name in units}
    return ", ".join(
        f"{name} {1e3 * value:.3g} {THOUSANDTH[units[name]]}" for name, value in found.items() if value is not None
    )


def _is_disturbed(result: dict[str, Any]) -> bool:
    return bool(result.get("perturbation") or "perturbations" in result)


def _rates(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of the plain world and of every disturbed one."""
    changed = result.get("perturbation")
    worlds = {f"{changed['name']}, {changed['level']}" if changed else "plain": result}
    worlds |= {f"{name}, {block['level']}": block for name, block in result.get("perturbations", {}).items()}
    worlds |= {PROMPTS[part]: block for part, block in result.get("prompts", {}).items()}
    for world, block in worlds.items():
        for objects, row in block["sets"].items():
            paired = block.get("against_plain", {}).get("sets", {}).get(objects)
            yield {
                "world": world,
                "objects": objects,
                "seed": result["seed"],
                "task": result.get("task"),
                "stated": PROMPTED.get(world) or _in_words(result.get("text_s")),
                "against_plain": paired,
                **row,
                "wilson95": wilson95(row["successes"], row["episodes"]),
            }


def _together(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All tasks in one row for each way in which they were stated."""
    found = []
    for stated in dict.fromkeys(row["stated"] for row in rows):
        some = [row for row in rows if row["stated"] == stated]
        successes, episodes = (sum(row[key] for row in some) for key in ("successes", "episodes"))
        wrong = sum(row.get("wrong_object_rate", 0.0) * row["episodes"] for row in some)
        found.append(
            {
                "stated": stated,
                "successes": successes,
                "episodes": episodes,
                "rate": successes / episodes,
                "wilson95": wilson95(successes, episodes),
                "wrong": wrong / episodes,
            }
        )
    return found


def _in_words(text_s: float | None) -> str:
    """For how long of an episode its task is in words."""
    if text_s is None:
        return "in words"
    return f"in words for {text_s:g} s" if text_s else "not at all"


def _measured(value: float | None, form: str = "{:.3g}") -> str:
    return NOT_MEASURED if value is None else form.format(value)


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _hours(entry: dict[str, Any]) -> str:
    """The time of a stage; a collection that was found complete took its time elsewhere."""
    result = entry["result"] or {}
    if entry["found"] and result.get("attempted") == 0:
        return NOT_MEASURED
    return f"{entry['seconds'] / 3600:.3f}"
