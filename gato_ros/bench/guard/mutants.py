"""Mutants of the guard's mathematics: small changes of its code, each of which the core tests have to notice.

One process per core imports everything once; each mutant then runs in a fork of it, with the tests of its own room
first, until one fails, and with a time limit. What survives is listed with the line it changes.
"""

from __future__ import annotations

import importlib
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gato_ros.bench.guard.mutation import ROOT, Mutant, mutants, mutated, path_of
from gato_ros.core.bounds import CountOrNone, Positive, ProcessesOrNone, Seed
from gato_ros.core.errors import SetupError
from gato_ros.core.processes import signal_with_parent

ASLEEP = 20
"""So many times the limit on the wall clock end even what does not compute."""
TESTS = {
    "guard.arbiter": ("test_arbiter.py",),
    "guard.base.planar_base": ("test_planar_base.py", "test_mobile_base.py"),
    "guard.clearance": ("test_clearance.py",),
    "guard.differential_ik": ("test_differential_ik.py",),
    "guard.following.joints": ("test_followers.py", "test_other_actions.py"),
    "guard.following.orientation": ("test_orientation.py", "test_other_actions.py"),
    "guard.following.room": ("test_tool_room.py", "test_other_actions.py"),
    "guard.following.situation": ("test_followers.py", "test_other_actions.py"),
    "guard.following.twist": ("test_followers.py", "test_other_actions.py"),
    "guard.neighbours.neighbour": ("test_neighbour.py",),
    "guard.plain": ("test_plain.py",),
    "guard.smoothstep": ("test_smoothstep.py",),
    "timing.freshness": ("test_guard_inputs.py",),
    "guard.gripper_hold": ("test_gripper_hold.py",),
    "guard.guard": ("test_guard_one_by_one.py", "test_other_actions.py"),
    "guard.joint_slew": ("test_joint_slew.py", "test_other_actions.py"),
    "guard.joint_watch": ("test_joint_watch.py",),
    "guard.motion": ("test_motion.py",),
    "guard.singularity": ("test_singularity.py",),
    "guard.stop_ramp": ("test_stop_ramp.py",),
    "guard.kept_clear": ("test_guard_one_by_one.py", "test_other_actions.py"),
    "guard.moving_average": ("test_time_average.py",),
}
"""Room of core -> its own tests under tests/core. Those of the guard as a whole follow."""
WHOLE = ("test_guard_arbitration.py", "test_guard_limits.py", "test_guard.py")


@dataclass(frozen=True)
class Options:
    """Which mutants."""

    rooms: tuple[str, ...] = ()
    """Modules of gato_ros.core; default: all of the guard's mathematics."""
    sample: CountOrNone = 0
    """So many of the mutants, drawn by the seed; 0: all."""
    seed: Seed = 0
    time_limit_s: Positive = 90.0
    """A mutant that keeps the tests busy for more processor time than this counts as killed: it hangs."""
    workers: ProcessesOrNone = 0
    """Processes side by side; 0: one per core."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Run the tests against every mutant; `ok` if at least 95 % are killed."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    for room in options.rooms:
        if room not in TESTS:
            raise SetupError(expected=f"rooms among {', '.join(TESTS)}", got=room, fix="choose of those")
    if not (ROOT / "tests" / "core").is_dir():
        raise SetupError(expected="a source tree with tests/core", got=str(ROOT), fix="run it from a clone")
    chosen = [mutant for room in options.rooms or TESTS for mutant in mutants(room)]
    if options.sample:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    workers = options.workers or os.cpu_count() or 1
    _import_everything()
    files = (*(name for room in {mutant.room: None for mutant in chosen} for name in TESTS[room]), *WHOLE)
    if not _passes(_fork(None, tuple(dict.fromkeys(files)), options.time_limit_s), ASLEEP * options.time_limit_s):
        raise SetupError(
            expected="tests that pass without a mutant", got=f"failures in {', '.join(files)}", fix="mend them first"
        )
    survivors, began_s = [], time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, refresh_per_second=2) as progress:
        bar = progress.add_task("mutants", total=len(chosen))
        for done, (mutant, killed) in enumerate(_verdicts(chosen, workers, options.time_limit_s), 1):
            if not killed:
                survivors.append(f"{path_of(mutant.room).relative_to(ROOT)}:{mutant.line}: {mutant.what}")
                progress.console.print(f"{done} of {len(chosen)}, alive: {survivors[-1]}")
            progress.update(bar, completed=done, description=f"mutants, {len(survivors)} alive")
    killed = len(chosen) - len(survivors)
    share = killed / len(chosen)
    print(f"{killed} of {len(chosen)} mutants killed ({share:.1%}) in {time.monotonic() - began_s:.0f} s")
    return {
        "mutants": len(chosen),
        "killed": killed,
        "score": round(share, 4),
        "survivors": sorted(survivors),
        "sampled": bool(options.sample),
        "seed": options.seed,
        "seconds": round(time.monotonic() - began_s, 1),
        "ok": share >= 0.95,
    }


def _import_everything() -> None:
    """What the forks share."""
    sys.path.insert(0, str(ROOT))
    for name in ("pytest", "hypothesis", "gato_ros.embodiments.guard", "gato_ros.embodiments.kinematics"):
        importlib.import_module(name)


def _verdicts(chosen: list[Mutant], workers: int, time_limit_s: float) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant and whether it was killed, as they end."""
    waiting, running = list(reversed(chosen)), {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                mutant = waiting.pop()
                pid = _fork(mutant, TESTS[mutant.room] + WHOLE, time_limit_s)
                running[pid] = (mutant, time.monotonic() + ASLEEP * time_limit_s)
            time.sleep(0.02)
            for pid, (mutant, end_s) in list(running.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                late = time.monotonic() > end_s
                if not ended and late:
                    _kill(pid)
                if ended or late:
                    del running[pid]
                    yield mutant, not ended or status != 0
    finally:
        for pid in running:
            _kill(pid)


def _passes(pid: int, time_limit_s: float) -> bool:
    end_s = time.monotonic() + time_limit_s
    while time.monotonic() < end_s:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.02)
    _kill(pid)
    return False


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _fork(mutant: Mutant | None, tests: tuple[str, ...], time_limit_s: float) -> int:
    """A child that runs these tests of core, on the mutant if there is one; exit code 0 if all pass."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        # Ctrl-C is the parent's to handle, and a parent that is killed takes its children along.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal_with_parent(signal.SIGKILL)
        limit_s = round(time.process_time() + time_limit_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        if mutant is not None:
            _install(mutant)
        import pytest

        files = [str(ROOT / "tests" / "core" / name) for name in tests]
        # A found example would be replayed in the next fork, and kill it for nothing.
        code = int(
            pytest.main(
                [
                    "-q",
                    "-x",
                    "-p",
                    "no:xdist",
                    "-p",
                    "no:cacheprovider",
                    "-p",
                    "no:randomly",
                    "--hypothesis-seed=0",
                    "--hypothesis-profile=mutants",
                    "--rootdir",
                    str(ROOT),
                    *files,
                ]
            )
        )
    finally:
        os._exit(code)


def _install(mutant: Mutant) -> None:
    """Put the mutant in the place of its module, and import anew what had taken names from it."""
    name = f"gato_ros.core.{mutant.room}"
    source = compile(mutated(mutant), str(path_of(mutant.room)), "exec")
    for other in [key for key in sys.modules if key.startswith(("gato_ros.core", "gato_ros.embodiments"))]:
        del sys.modules[other]
    module = type(sys)(name)
    package, _, leaf = name.rpartition(".")
    module.__file__, module.__package__ = str(path_of(mutant.room)), package
    importlib.import_module(package)
    sys.modules[name] = module
    exec(source, module.__dict__)
    setattr(sys.modules[package], leaf, module)
