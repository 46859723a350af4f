"""The one check before anything is learned from episodes or exported; what it found is kept while nothing changed."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.cache_place import cache_folder, cached_file
from gato_ros.data.checks.problem import FORBIDS, TRAINING, Problem
from gato_ros.data.checks.values import LABEL_SLACK
from gato_ros.data.checks.verification import Finding, inspect_episode
from gato_ros.data.episodes.label import label_problems
from gato_ros.data.episodes.writer import SCHEMA_VERSION
from gato_ros.data.fingerprint import fingerprint
from gato_ros.embodiments import Embodiment
from gato_ros.version import __version__

SUFFIX = ".check.json"
CHECK_VERSION = 1
"""To be raised when the check finds more than it did."""
SNAPSHOTS = "*.frames.npz"


def checked(path: Path, robot: Embodiment | None = None) -> Finding:
    """`inspect_episode`, from the cache where file, program and contract are what they were.

    Args:
        robot: the contract that it is judged by; None: the one that it names.
    """
    path = Path(path)
    try:
        key = _key(path, robot)
    except OSError:
        return inspect_episode(path, robot)
    name = path.name + SUFFIX
    if (kept := cached_file(path.parent, name)) and (found := _loaded(kept, key)):
        return found
    found = inspect_episode(path, robot)
    # A file that nobody can learn from is not long in the way, and leaves nothing behind.
    if not any(problem.forbids(TRAINING) for problem in found.problems) and (folder := cache_folder(path.parent)):
        _save(folder / name, key, found)
    return found


def checked_all(
    paths: Sequence[Path], robot: Embodiment | None = None, done: Callable[[str], None] = lambda name: None
) -> dict[Path, Finding]:
    """`checked` for each; unpacking and checksums leave the interpreter, so that threads do help."""
    found = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, one in zip(paths, pool.map(lambda path: checked(path, robot), paths)):
            found[path] = one
            done(path.name)
    return found


def refuse_training(
    found: dict[Path, Finding], robot: Embodiment, keys: Iterable[str] = (), say: Callable[[str], None] = print
) -> None:
    """Stop where an episode would teach something wrong; say once what is worth knowing.

    Args:
        found: by `checked_all`, judged by `robot`.
        keys: observations that every episode must hold.

    Raises:
        SetupError: with file, step and channel of the first, and how many more there are.
    """
    wrong: list[tuple[Path, Problem]] = []
    notes: dict[str, list[tuple[Path, str]]] = {}
    for path, one in found.items():
        problems = [*one.problems]
        lacking = sorted(set(keys) - one.keys)
        if lacking and not any(problem.forbids(TRAINING) for problem in problems):
            problems.append(Problem("contract", f"no {', '.join(lacking)}, which the model reads", lacking[0]))
        wrong += [(path, problem) for problem in problems if problem.forbids(TRAINING)]
        for problem in problems:
            if not problem.forbids(TRAINING):
                notes.setdefault(problem.kind, []).append((path, problem.text))
        for text in label_problems(path):
            notes.setdefault("label", []).append((path, text))
    if wrong:
        path, problem = wrong[0]
        files = len({where for where, _ in wrong})
        more = f" (and {len(wrong) - 1} more problems, in {files} files)" if len(wrong) > 1 else ""
        raise SetupError(
            expected="episodes that can be learned from",
            got=f"{path}: {problem.text}{more}",
            fix=_fix(problem, path, robot),
        )
    for rows in notes.values():
        path, text = rows[0]
        others = {where for where, _ in rows} - {path}
        more = f" (and {len(others)} more episodes with the like)" if others else ""
        say(f"worth knowing: {path}: {text}{more}")


def refuse_snapshots(folder: Path, robot: Embodiment) -> None:
    """Stop at snapshots whose values are not finite, or whose labels are out of the contract's range.

    Raises:
        SetupError: with file, place and channel of the first.
    """
    for path in sorted(Path(folder).glob(SNAPSHOTS)):
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files if key == "actions" or key.startswith("vector:")}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            continue  # said by whoever loads them
        for key, array in arrays.items():
            wrong = ~np.isfinite(array)
            if key == "actions" and not wrong.any() and array.shape[1:] == robot.action_lower.shape:
                slack = LABEL_SLACK * (robot.action_upper - robot.action_lower)
                wrong = (array < robot.action_lower - slack) | (array > robot.action_upper + slack)
            if wrong.any():
                row = int(np.flatnonzero(wrong.reshape(len(array), -1).any(1))[0])
                values = array[row].reshape(-1)
                said = ", ".join(f"{value:.4g}" for value in values[:8])
                raise SetupError(
                    expected="snapshots that can be learned from",
                    got=f"{path}: frame {row}: {key.removeprefix('vector:')} {said}: not finite, or out of range",
                    fix="move that file elsewhere, and collect again",
                )


def _fix(problem: Problem, path: Path, robot: Embodiment) -> str:
    rest = f"`python -m gato_ros episodes trash {path}`, `episodes verify {path.parent}` says all"
    if problem.kind == "rate":
        return f"train with a contract of its rate (`extends: {robot.name}` and `control_rate_hz`), or {rest}"
    if problem.kind in ("contract", "image_size"):
        return f"train with the contract that it was recorded with (--embodiment), or {rest}"
    return rest


def _key(path: Path, robot: Embodiment | None) -> dict:
    about = path.stat()
    return {
        "bytes": about.st_size,
        "mtime_ns": about.st_mtime_ns,
        "fingerprint": fingerprint(path),
        "program": f"{__version__} schema {SCHEMA_VERSION} check {CHECK_VERSION}",
        "contract": robot.digest if robot else _named_digest(path),
    }


def _named_digest(path: Path) -> str:
    """Of the contract that the episode names: it is judged anew when that file changes."""
    from gato_ros.data.checks.verification import contract_of
    from gato_ros.data.episodes.summary import summarise

    contract, problems = contract_of(summarise(path).metadata)
    return " ".join([contract.digest if contract else "", *(problem.text for problem in problems)])


def _loaded(kept: Path, key: dict) -> Finding | None:
    try:
        content = json.loads(kept.read_text(encoding="utf-8"))
        if content["key"] != key or not all(one["kind"] in FORBIDS for one in content["problems"]):
            return None
        problems = [Problem(**{**one, "steps": tuple(one["steps"])}) for one in content["problems"]]
        return Finding(tuple(problems), frozenset(content["keys"]), int(content["steps"]), content["rate_hz"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _save(path: Path, key: dict, found: Finding) -> None:
    """Whole or not at all; where there is no room, it is checked again the next time."""
    content = {
        "key": key,
        "problems": [asdict(one) for one in found.problems],
        "keys": sorted(found.keys),
        "steps": found.steps,
        "rate_hz": found.rate_hz,
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
