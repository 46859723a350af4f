"""The model card of a generalist: every figure is read from a file, and one that is missing is "not measured"."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gato_ros.domains.generalist.stage import GeneralistCardStage
from gato_ros.domains.rgb_stacking.stage import RESULT_FILE
from gato_ros.evaluation.reports.model_card import CARD_FILE, CURVES_FILE
from gato_ros.evaluation.reports.training_curves import draw_part_curves

TEMPLATE = Path(__file__).with_name("generalist_card.md.jinja")
Entries = Mapping[str, Mapping[str, Any]]


def write(stage: GeneralistCardStage, out: Path, entries: Entries) -> Path:
    """Put weights, curves and card into `out`/`stage.folder`; the card's path.

    Args:
        entries: the ledger's, by stage.
    """
    import jinja2

    folder = out / stage.folder
    folder.mkdir(parents=True, exist_ok=True)
    for path in (out / stage.policy).iterdir():  # parameters, configuration, and a vocabulary that is not published
        partial = folder / f"{path.name}.partial"
        shutil.copyfile(path, partial)
        partial.replace(folder / path.name)
    has_curves = draw_part_curves([out / run for run in stage.trainings], folder / CURVES_FILE)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(TEMPLATE.read_text()).render(
        **facts(stage, out, entries), curves=CURVES_FILE if has_curves else None
    )
    partial = folder / f"{CARD_FILE}.partial"
    partial.write_text(text.strip() + "\n")
    partial.replace(folder / CARD_FILE)
    return folder / CARD_FILE


def facts(stage: GeneralistCardStage, out: Path, entries: Entries) -> dict[str, Any]:
    """What the template shows."""
    weights = json.loads((out / stage.policy / "config.json").read_text())
    results = [
        json.loads(path.read_text()) for folder in stage.evaluations if (path := out / folder / RESULT_FILE).exists()
    ]
    machines = [one["machine"] for one in entries.values() if "machine" in one]
    return {
        "name": stage.title,
        "weights": weights,
        "contracts": [weights["embodiment"]["name"], *(one["name"] for one in weights.get("others", []))],
        "gathered": [{"stage": name, **one} for name, one in entries.items() if one["kind"] == "GatherStage"],
        "trained": [{"stage": name, **one} for name, one in entries.items() if one["kind"] == "MixStage"],
        "domains": {name: (block, result) for result in results for name, block in result["domains"].items()},
        "dialogues": _dialogues(out / stage.dialogues) if stage.dialogues else [],
        "machines": sorted({f"{one['cores']} cores of {one['cpu']}" for one in machines}),
        "hours": sum(one["seconds"] for one in entries.values()) / 3600,
        "found": [name for name, one in entries.items() if one.get("found")],
    }


def _dialogues(folder: Path) -> list[dict[str, Any]]:
    file = folder / RESULT_FILE
    return json.loads(file.read_text())["dialogues"] if file.exists() else []
