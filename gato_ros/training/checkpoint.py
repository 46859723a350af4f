"""A training run on disk: written whole or not at all, resumed only by the same run, refused if a bit was flipped.

    checkpoint/manifest.json    checksum, the run's configuration, the arrays, size and sha256 of every file of the slot
    checkpoint/slot_a/          the state, by orbax; the next one goes to slot_b, and the manifest changes over last

Sharded arrays are written by all processes and read back onto any mesh.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
from flax import serialization
from jax.experimental import multihost_utils

from gato_ros.core.errors import SetupError
from gato_ros.core.records import checksummed_json
from gato_ros.data.demonstrations.catalogue import DIGEST as CATALOGUE
from gato_ros.models.config import GatoConfig
from gato_ros.training.config import TrainingConfig
from gato_ros.training.mixture.config import MixtureConfig
from gato_ros.training.optimiser import TrainingState
from gato_ros.training.sequence_config import SequenceConfig

MANIFEST_FILE = "manifest.json"
SLOTS = ("slot_a", "slot_b")
DIGEST = "data_sha256"
OLD_STATE_FILE, OLD_RUN_FILE = "state.msgpack", "run.json"
"""What a checkpoint was before orbax: read, never written."""


def run_record(config: Any, model: GatoConfig, data: dict[str, int], data_digest: str | None = None) -> dict[str, Any]:
    """What must be the same when a run goes on: both configurations, and the data.

    Args:
        data: frames per folder.
        data_digest: of what they hold: with it, a folder may be spelled otherwise or have moved.
    """
    record = {"training": asdict(config), "model": model.to_dict(), "data": data}
    return json.loads(json.dumps(record if data_digest is None else {**record, DIGEST: data_digest}))


def portable(data: dict[str, int]) -> dict[str, int]:
    """Frames per folder, under names that say nothing about the machine: from the folder that holds all of them on."""
    absolute = {folder: Path(os.path.abspath(folder)) for folder in data}
    holder = Path(os.path.commonpath([path.parent for path in absolute.values()])).parent if data else Path()
    return {absolute[folder].relative_to(holder).as_posix(): frames for folder, frames in data.items()}


def save_checkpoint(folder: Path, state: TrainingState, record: dict[str, Any]) -> None:
    """Replace the checkpoint in `folder`; a crash leaves the one before. All processes of a run call it together."""
    import orbax.checkpoint as orbax

    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    before = _manifest(folder)["slot"] if (folder / MANIFEST_FILE).exists() else None
    slot = SLOTS[before == SLOTS[0]]
    arrays = _named(state)
    _together("checkpoint_begins")
    with orbax.Checkpointer(orbax.PyTreeCheckpointHandler()) as checkpointer:
        checkpointer.save(folder / slot, args=orbax.args.PyTreeSave(arrays), force=True)
    if jax.process_index() == 0:
        manifest = {
            "schema": 1,
            "slot": slot,
            "run": record,
            "arrays": _described(arrays),
            "files": _fingerprints(folder / slot),
        }
        _replace(folder / MANIFEST_FILE, checksummed_json.checksummed_text(manifest).encode())
        for old in (before, OLD_STATE_FILE, OLD_RUN_FILE):
            if old is not None:
                _remove(folder / old)
    _together("checkpoint_ends")


def load_checkpoint(folder: Path, like: TrainingState, record: dict[str, Any]) -> TrainingState | None:
    """The state in `folder`, placed as the arrays of `like` are, or None if there is no run.

    Raises:
        SetupError: the run there has another configuration or other data, or one of its files is damaged.
    """
    folder = folder.absolute()
    if not (folder / MANIFEST_FILE).exists():
        return _load_old(folder, like, record) if (folder / OLD_STATE_FILE).exists() else None
    manifest = _manifest(folder)
    _check_run(folder, manifest["run"], record)
    slot = folder / manifest["slot"]
    _check_same(folder, "file", manifest["files"], _fingerprints(slot))
    arrays = _named(like)
    _check_same(folder, "array", manifest["arrays"], _described(arrays))
    try:
        return jax.tree.unflatten(jax.tree.structure(like), list(_restored(slot, arrays).values()))
    except Exception as error:  # orbax and tensorstore raise many kinds
        raise _damaged(folder, f"{type(error).__name__}: {error}") from None


def _restored(slot: Path, arrays: dict[str, Any]) -> dict[str, Any]:
    import orbax.checkpoint as orbax

    shapes = {
        name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None))
        for name, leaf in arrays.items()
    }
    arguments = orbax.checkpoint_utils.construct_restore_args(shapes)
    with orbax.Checkpointer(orbax.PyTreeCheckpointHandler()) as checkpointer:
        found = checkpointer.restore(slot, args=orbax.args.PyTreeRestore(item=shapes, restore_args=arguments))
    return {name: found[name] for name in arrays}


def _named(state: TrainingState) -> dict[str, Any]:
    """Leaves by path: the format does not depend on the classes of flax or optax."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _described(arrays: dict[str, Any]) -> dict[str, str]:
    return {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in arrays.items()}


def _fingerprints(slot: Path) -> dict[str, str]:
    """Size and sha256 of every file in `slot`."""
    prints = {}
    for path in sorted(path for path in slot.rglob("*") if path.is_file()):
        content = hashlib.sha256()
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(1 << 22), b""):
                content.update(part)
        prints[path.relative_to(slot).as_posix()] = f"{path.stat().st_size} bytes {content.hexdigest()}"
    return prints


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = checksummed_json.verified_record((folder / MANIFEST_FILE).read_bytes())
    except ValueError as error:
        raise _damaged(folder, f"{MANIFEST_FILE} with {error}") from None
    if manifest.get("schema") != 1:
        raise _damaged(folder, f"{MANIFEST_FILE} of schema {manifest.get('schema')!r}, not 1")
    return manifest


def _check_same(folder: Path, what: str, wanted: dict[str, str], found: dict[str, str]) -> None:
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            raise _damaged(
                folder, f"{what} {name}: {found.get(name, 'missing')} instead of {wanted.get(name, 'nothing')}"
            )


def _check_run(folder: Path, before: dict[str, Any], record: dict[str, Any]) -> None:
    # A run begun before an option existed ran with what is its default now.
    kinds = {"parts": MixtureConfig, "length": SequenceConfig}
    kind = next((kind for key, kind in kinds.items() if key in record["training"]), TrainingConfig)
    before = {
        **before,
        "training": {**_defaults(kind, record["training"]), **before["training"]},
        "model": {**_defaults(GatoConfig, record["model"]), **before["model"]},
    }
    different = sorted(
        f"{part}.{key}"
        for part in ("training", "model", *(() if _same_data(before, record) else ("data",)))
        for key in {**record[part], **before[part]}
        if record[part].get(key) != before[part].get(key)
    )
    if not different and not _same_data(before, record):
        different = [f"content of {', '.join(record['data'])}"]
    if different:
        raise SetupError(
            expected=f"the run in {folder} to go on as it began",
            got=f"different {', '.join(different)}",
            fix=f"use the same options and data, or go on from its weights: {_way_out(folder)}",
        )


def _same_data(before: dict[str, Any], record: dict[str, Any]) -> bool:
    """By content where both say it in the same way; else by the folders, from the one that holds them all on.

    A run from before digests has none, and data that stay in their shards have one of another kind.
    """
    if DIGEST in before and DIGEST in record and _kinds(before[DIGEST]) == _kinds(record[DIGEST]):
        return before[DIGEST] == record[DIGEST]
    return before["data"] == record["data"] or portable(before["data"]) == portable(record["data"])


def _kinds(digest: str) -> list[bool]:
    """Of each part of the data whether its digest is that of a catalogue."""
    return [part.startswith(CATALOGUE) for part in digest.split()]


def _defaults(kind: type, wanted: dict[str, Any]) -> dict[str, Any]:
    """The defaults of a configuration of these keys, as JSON would give them back."""
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING and field.name in wanted
    }
    return json.loads(json.dumps(defaults, default=asdict))


def _load_old(folder: Path, like: TrainingState, record: dict[str, Any]) -> TrainingState:
    try:
        before = json.loads((folder / OLD_RUN_FILE).read_text())
        _check_run(folder, before, record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{OLD_RUN_FILE}: {error!r}") from None
    try:
        return serialization.from_bytes(like, (folder / OLD_STATE_FILE).read_bytes())
    except Exception as error:  # msgpack and flax raise many kinds on a cut file
        raise _damaged(folder, f"{type(error).__name__}: {error}") from None


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _together(name: str) -> None:
    """Wait for the other processes of the run, if there are any."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def _damaged(folder: Path, got: str) -> SetupError:
    fix = f"delete the folder and start again, or from its weights: {_way_out(folder)}"
    return SetupError(expected=f"a whole checkpoint in {folder}", got=got, fix=fix)


def _way_out(folder: Path) -> str:
    return f"--init {folder.parent / 'last'} with another --out"
