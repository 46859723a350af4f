"""A training run on disk: written whole or not at all, resumed only by the same run."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
from flax import serialization

from gato_ros.core.errors import SetupError
from gato_ros.models.config import GatoConfig
from gato_ros.training.optimiser import TrainingState

STATE_FILE, RUN_FILE = "state.msgpack", "run.json"


def run_record(config: Any, model: GatoConfig, data: dict[str, int]) -> dict[str, Any]:
    """What must be the same when a run goes on: both configurations and the frames per folder."""
    return json.loads(json.dumps({"training": asdict(config), "model": model.to_dict(), "data": data}))


def save_checkpoint(folder: Path, state: TrainingState, record: dict[str, Any]) -> None:
    """Replace the checkpoint in `folder`; a crash leaves the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / RUN_FILE, (json.dumps(record, indent=2) + "\n").encode())
    _replace(folder / STATE_FILE, serialization.to_bytes(jax.device_get(state)))


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(folder: Path, like: TrainingState, record: dict[str, Any]) -> TrainingState | None:
    """The state in `folder`, or None if there is no run.

    Raises:
        SetupError: the run there has another configuration or other data, or its file is damaged.
    """
    if not (folder / STATE_FILE).exists():
        return None
    before = json.loads((folder / RUN_FILE).read_text())
    if before != record:
        different = sorted(f"{part}.{key}" for part in record for key in {**record[part], **before.get(part, {})}
                           if record[part].get(key) != before.get(part, {}).get(key))
        raise SetupError(expected=f"the run in {folder} to go on as it began", got=f"different {', '.join(different)}",
                         fix="use the same options, or another --out")
    try:
        return serialization.from_bytes(like, (folder / STATE_FILE).read_bytes())
    except Exception as error:  # msgpack and flax raise many kinds on a cut file
        raise SetupError(expected=f"a whole checkpoint in {folder}", got=f"{type(error).__name__}: {error}",
                         fix="delete the folder and start again") from None
