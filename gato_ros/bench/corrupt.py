"""Damaged files: how many of so many flipped bits and cut files of a policy and of a training checkpoint are accepted.

Every file of both is damaged in turn, at a place drawn from the seed. Loading must end with the error that names the
folder and says what to do; an accepted file or another kind of error fails the bench.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gato_ros.core.bounds import CountOrNone, Seed
from gato_ros.core.errors import SetupError

WEIGHTS_FILES = ("params.safetensors", "config.json")


@dataclass(frozen=True)
class Options:
    """What to damage, and how often."""

    policy: str = "sawyer_mastery"
    """A shipped policy, or a folder with weights. It is copied first."""
    preset: str = "sawyer_small"
    """Size of the model whose training checkpoint is written and damaged."""
    flips: CountOrNone = 1000
    """Files with one flipped bit."""
    truncations: CountOrNone = 100
    """Files that end too early."""
    seed: Seed = 0
    json: Path | None = None
    """Write the result here as JSON."""


@dataclass(frozen=True)
class _Target:
    """Something on disk that is loaded as a whole."""

    folder: Path
    files: tuple[Path, ...]
    load: Callable[[], object]


def run(options: Options) -> dict:
    """Damage and load; `ok` is False if anything was accepted or refused without a clear error."""
    from rich.progress import track

    rng, seen = np.random.default_rng(options.seed), {"accepted": 0, "unclear": 0}
    examples: list[str] = []
    per_file: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        targets = [_policy(options, Path(scratch) / "policy"), _checkpoint(options, Path(scratch) / "checkpoint")]
        for target in targets:
            target.load()  # whole, it is accepted
        files = [(target, path) for target in targets for path in target.files]
        count = options.flips + options.truncations
        for i in track(range(count), description="damaging", disable=count < 100):
            # Policy and checkpoint by turns, and the files of each by turns: small files count as much as large ones.
            target = targets[i % 2]
            path = target.files[i // 2 % len(target.files)]
            whole = path.read_bytes()
            damaged, what = _flipped(whole, rng) if i < options.flips else _cut(whole, rng)
            path.write_bytes(damaged)
            verdict = _verdict(target)
            path.write_bytes(whole)
            name = f"{target.folder.name}/{path.relative_to(target.folder).as_posix()}"
            per_file[name] = per_file.get(name, 0) + 1
            if verdict is not None:
                seen[verdict[0]] += 1
                examples.append(f"{name}, {what}: {verdict[1]}")
        for target in targets:
            target.load()
    print(
        f"{options.flips} flipped bits and {options.truncations} cut files in {len(files)} files: "
        f"{seen['accepted']} accepted, {seen['unclear']} refused without a clear error"
    )
    print("\n".join(examples[:10]))
    return {
        "flips": options.flips,
        "truncations": options.truncations,
        **seen,
        "seed": options.seed,
        "damaged_per_file": per_file,
        "examples": examples[:10],
        "ok": not any(seen.values()),
    }


def _flipped(whole: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    damaged, place, bit = bytearray(whole), int(rng.integers(len(whole))), int(rng.integers(8))
    damaged[place] ^= 1 << bit
    return bytes(damaged), f"bit {bit} of byte {place}"


def _cut(whole: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    keep = int(rng.integers(len(whole)))
    return whole[:keep], f"cut to {keep} of {len(whole)} bytes"


def _verdict(target: _Target) -> tuple[str, str] | None:
    """None if the damage was refused as it should be, else what happened."""
    try:
        target.load()
    except SetupError as error:
        if str(target.folder) in str(error) and error.fix:
            return None
        return "unclear", str(error)
    except Exception as error:  # whatever else comes out of a parser is what is looked for here
        return "unclear", f"{type(error).__name__}: {error}"
    return "accepted", "loaded"


def _policy(options: Options, folder: Path) -> _Target:
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.evaluation.policy_source import weights_folder
    from gato_ros.models.weights import load_weights, weights_config

    source = weights_folder(options.policy)
    folder.mkdir()
    for name in WEIGHTS_FILES:
        shutil.copyfile(source / name, folder / name)
    embodiment = contract_for(load_embodiment(), weights_config(folder).observation_keys)
    return _Target(folder, tuple(folder / name for name in WEIGHTS_FILES), lambda: load_weights(folder, embodiment))


def _checkpoint(options: Options, folder: Path) -> _Target:
    from gato_ros.domains.rgb_stacking.training_model import training_model
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.analysis.uncached_step import random_parameters
    from gato_ros.models.layout import token_layout
    from gato_ros.training.checkpoint import load_checkpoint, run_record, save_checkpoint
    from gato_ros.training.config import TrainingConfig
    from gato_ros.training.optimiser import start

    model, training = training_model(options.preset), TrainingConfig()
    layout = token_layout(contract_for(load_embodiment(), model.observation_keys).spec, model)
    state = start(training, random_parameters(model, layout, options.seed))
    record = run_record(training, model, {"data": 1})
    save_checkpoint(folder, state, record)
    files = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
    return _Target(folder, files, lambda: load_checkpoint(folder, state, record))
