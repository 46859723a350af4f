"""Wrong inputs over all verbs: each has to end in one line and the documented exit code, before any work begins.

    python -m tests.evidence.bad_inputs --json out/bad_inputs.json [--sample 160] [--only VERB] [--seed 0]

Every case is a process of its own, forked from one that has imported everything, in a folder of its own, with HOME in
it. What would begin real work (another process, ROS, a training, a measurement) ends the case instead: a wrong input
that comes so far was accepted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", GATO_ROS_COMPILATION_CACHE="off")
os.environ.pop("GATO_ROS_TRACEBACK", None)

from gato_ros.cli import VERBS, main
from gato_ros.core.files import write_json
from tests.evidence.bad_input_cases import Case, cases
from tests.evidence.bad_input_scene import SUBSTITUTES, copy_scene, make_scene

MODULES = [
    "nodes.preflight.robot_check",
    "evaluation.plan",
    "evaluation.reports.report",
    "evaluation.reports.failure_video",
    "evaluation.policy_build.ledger",
    "evaluation.improvement.rounds",
    "nodes.replay.policy",
    "evaluation.studies.cell",
    "evaluation.studies.plots",
    "evaluation.training_run.training",
    "evaluation.collection",
    "evaluation.policy_build.build",
    "evaluation.studies.study",
    "evaluation.weights_checksum",
    "data.exports.selection",
    "embodiments.contract_check",
    "models.generation",
    "models.analysis.roofline",
    "models.serving.policy",
    "nodes.runtime.process_group",
    "nodes.preflight.doctor_client",
    "nodes.runtime.episode_runner",
    "nodes.runtime.node_specs",
    "nodes.recorder.session",
    "bench.recorder.recorder_kills",
    "sim.env",
    "sim.expert",
    "training.loop",
    "domains.rgb_stacking.recipe",
]
"""Beside the verbs: what they import when they run."""
BEGAN_WORK = 99
LIMIT_S = 90.0
AT_LEAST = 2000
EXPECTED = (0, 1, 2, 130, 141, BEGAN_WORK)
MUST_FAIL = ("full_output",)
"""Broken environments in which no verb can succeed."""


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    case: Case
    verdict: str
    """"", or "traceback", "silent", "timeout", "left": it left half a file behind."""
    code: int
    error: str
    seconds: float


def judged(case: Case, code: int, out: str, error: str, left: list[str], timed_out: bool) -> str:
    """What is wrong with how a case ended; nothing if it is as it should be."""
    if timed_out:
        return "timeout"
    if "Traceback" in error or "Traceback" in out or "fault of gato_ros" in error or code not in EXPECTED:
        return "traceback"
    if left and code != BEGAN_WORK:
        return "left"
    if case.fault in ("closed_streams", "closed_pipe", "no_output"):
        return ""
    accepted = code in (0, BEGAN_WORK)
    if accepted:
        return "silent" if not case.fault or (case.fault in MUST_FAIL and code == 0) else ""
    lines = [line for line in error.splitlines() if line.startswith("gato_ros ")]
    says = len(lines) == 1 or "\u256d" in error or (code == 1 and (out.strip() or error.strip()))
    return "" if says else "silent"


@contextlib.contextmanager
def scene() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gato_ros_bad_inputs_") as place:
        (Path(place) / "scene").mkdir()
        make_scene(Path(place) / "scene")
        yield Path(place)


def import_everything() -> None:
    """Before the first fork: what every case would import by itself."""
    import importlib

    import jax  # noqa: F401
    import rclpy  # noqa: F401

    for verb in VERBS:
        importlib.import_module(f"gato_ros.cli.{verb}")
    for module in MODULES:
        importlib.import_module(f"gato_ros.{module}")


def _no_work() -> None:
    """In the child: where work would begin, the case ends."""
    import multiprocessing.popen_spawn_posix as spawn
    import subprocess

    import rclpy
    import rich.progress

    from gato_ros.models import generation
    from gato_ros.models.analysis import roofline as machine
    from gato_ros.training import loop

    def began(*_, **__):
        os._exit(BEGAN_WORK)

    popen = subprocess.Popen.__init__

    def started(self, args, *more, **options):
        program = args if isinstance(args, str) else args[0]
        if os.path.basename(str(program)) not in ("git", "lscpu", "uname"):
            began()
        popen(self, args, *more, **options)

    subprocess.Popen.__init__ = started
    spawn.Popen.__init__ = rclpy.init = rich.progress.track = began
    loop.train = generation.generate = machine.measured_rates = began


def _environment(place: Path, fault: str) -> None:
    keep = {
        key: os.environ[key]
        for key in ("PATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GATO_ROS_COMPILATION_CACHE")
    }
    os.environ.clear()
    os.environ.update(keep, HOME=str(place / "home"), XDG_CACHE_HOME=str(place / "cache"), TMPDIR=str(place / "tmp"))
    os.environ.update(
        XDG_CONFIG_HOME=str(place / "config"), TERM="dumb", COLUMNS="100", MPLCONFIGDIR=str(place / "mpl")
    )
    if fault == "no_home":
        os.environ["HOME"] = os.environ["XDG_CACHE_HOME"] = "/nonexistent"
    if fault == "no_temporary":
        os.environ["TMPDIR"] = "/nonexistent"
    if fault == "no_device":
        import jax

        os.environ["JAX_PLATFORMS"] = "cuda"
        jax.config.update("jax_platforms", "cuda")


def _streams(place: Path, fault: str) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = "/dev/full" if fault == "full_output" else str(place / "out")
    target = os.open(out, os.O_WRONLY | os.O_CREAT)
    if fault == "closed_pipe":
        reader, target = os.pipe()
        os.close(reader)
    os.dup2(target, 1)
    os.dup2(os.open(place / "err", os.O_WRONLY | os.O_CREAT), 2)
    os.closerange(3, 256)
    sys.stdin = open(0)
    sys.stdout = open(1, "w", encoding="ascii" if fault == "odd_locale" else "utf-8", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    if fault in ("no_output", "closed_streams"):
        os.close(1)
        sys.stdout = None
    if fault == "closed_streams":
        os.close(0), os.close(2)
        sys.stdin = sys.stderr = None
    if fault == "small_files":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
    if fault == "few_files":
        resource.setrlimit(resource.RLIMIT_NOFILE, (6, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def _child(case: Case, place: Path) -> None:
    """Run the case; never returns."""
    code = 70
    try:
        os.setsid()
        copy_scene(place.parent / "scene", place / "work")
        for name in ("home", "tmp"):
            (place / name).mkdir()
        os.chdir(place / "work")
        _environment(place, case.fault)
        import tempfile

        tempfile.tempdir = None
        _no_work()
        _streams(place, case.fault)
        if case.fault == "lost_folder":
            shutil.rmtree(place / "work")
        try:
            main([_substituted(argument) for argument in case.arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        with contextlib.suppress(Exception):
            traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _substituted(argument: str) -> str:
    name, equals, value = argument.partition("=")
    value = SUBSTITUTES.get(value if equals else name, value if equals else name)
    return f"{name}={value}" if equals else value


def run_all(wanted: list[Case], place: Path, workers: int, report) -> list[Outcome]:
    """Every case in a fork of this process, `workers` at a time."""
    waiting, running, done = list(reversed(list(enumerate(wanted)))), {}, []
    while waiting or running:
        while waiting and len(running) < workers:
            number, case = waiting.pop()
            folder = place / f"case{number}"
            folder.mkdir()
            sys.stdout.flush()
            process = os.fork()
            if process == 0:
                _child(case, folder)
            running[process] = (case, folder, time.monotonic())
        for process, (case, folder, began_s) in list(running.items()):
            found, status = os.waitpid(process, os.WNOHANG)
            late = not found and time.monotonic() - began_s > LIMIT_S
            if late:
                os.killpg(process, signal.SIGKILL)
                _, status = os.waitpid(process, 0)
            if found or late:
                del running[process]
                done.append(_outcome(case, folder, os.waitstatus_to_exitcode(status), late, time.monotonic() - began_s))
                report(done)
        time.sleep(0.002)
    return done


def _outcome(case: Case, folder: Path, code: int, late: bool, seconds: float) -> Outcome:
    out, error = (
        (folder / name).read_text(errors="replace") if (folder / name).exists() else "" for name in ("out", "err")
    )
    before = {path.name for path in (folder.parent / "scene").rglob("*.partial*")}
    left = [path.name for path in folder.rglob("*.partial*") if path.name not in before]
    outcome = Outcome(case, judged(case, code, out, error, left, late), code, error[-3000:] or out[-300:], seconds)
    shutil.rmtree(folder, ignore_errors=True)
    return outcome


def result_of(outcomes: list[Outcome], seed: int, seconds: float) -> dict:
    count = lambda verdict: sum(one.verdict == verdict for one in outcomes)
    return {
        "tried": len(outcomes),
        "tracebacks": count("traceback"),
        "silent": count("silent"),
        "timeouts": count("timeout"),
        "left_half_files": count("left"),
        "seed": seed,
        "seconds": round(seconds, 1),
        "slowest_s": round(max((one.seconds for one in outcomes), default=0.0), 1),
        "offending": [
            {"command": one.case.name, "verdict": one.verdict, "code": one.code, "error": one.error[-600:]}
            for one in outcomes
            if one.verdict
        ],
        "ok": not any(one.verdict for one in outcomes),
    }


def run() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sample", type=int, default=0, help="so many of the cases, drawn by the seed; 0: all")
    parser.add_argument("--only", default="", help="commands that begin with this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    wanted = [case for case in cases(options.seed, AT_LEAST) if " ".join(case.arguments).startswith(options.only)]
    if options.sample:
        wanted = random.Random(options.seed).sample(wanted, min(options.sample, len(wanted)))
    import_everything()
    began_s = time.monotonic()

    def report(done: list[Outcome]) -> None:
        if done[-1].verdict:
            print(f"{done[-1].verdict} ({done[-1].code}): {done[-1].case.name}", flush=True)
        if len(done) % 250 == 0:
            print(f"{len(done)} of {len(wanted)}", flush=True)

    with scene() as place:
        result = result_of(run_all(wanted, place, options.workers, report), options.seed, time.monotonic() - began_s)
    if options.json:
        write_json(options.json, result)
    print({key: value for key, value in result.items() if key != "offending"})
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(run())
