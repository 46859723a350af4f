import atexit
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings

from gato_ros.bench.guard.fault_catalogue import load_catalogue, summary
from gato_ros.core.files import write_json
from tests.without_simulator import (
    pytest_make_collect_report,  # noqa: F401
    pytest_report_header,  # noqa: F401
    skip_without_simulator,
)

# A shell without job control starts background jobs with Ctrl-C ignored, and their children inherit it: tests
# that interrupt a command would then wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# On SIGTERM pytest would leave without ending the processes that its tests have started.
signal.signal(signal.SIGTERM, signal.default_int_handler)

COMPILED = "GATO_ROS_TESTS_COMPILED"
if COMPILED not in os.environ:
    # The first process of a run makes it; its workers, and what they start, share it: each program is compiled once.
    os.environ[COMPILED] = tempfile.mkdtemp(prefix="gato_ros_compiled_")
    atexit.register(shutil.rmtree, os.environ[COMPILED], ignore_errors=True)
# What tests compile stays out of the user's cache, and they do not depend on what is in it.
os.environ["GATO_ROS_COMPILATION_CACHE"] = os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ[COMPILED]
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

# Tests compile many programs and run each of them for a few steps: to compile costs a quarter so, and to run twice. One
# thread, as the worker processes of collection and evaluation have it: they find what their parent has compiled. `make
# sim` in tests/docs, where the shipped policy drives in real time, is compiled as a user's.
QUICK_FLAGS = (
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1 --xla_cpu_multi_thread_eigen=false"
)
if QUICK_FLAGS not in (given := os.environ.get("XLA_FLAGS", "")):  # a worker of pytest has them from the first process
    os.environ["XLA_FLAGS"] = f"{given} {QUICK_FLAGS}".strip()
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

LONGEST = (
    "evaluation/test_policy_recipe.py",
    "examples/test_examples.py",
    "evaluation/test_evaluate.py",
    "ros/test_policy_node.py",
    "docs/test_code_blocks.py",
    "training/test_sharding.py",
    "ros/test_teleop_loop.py",
    "cli/test_collect_and_train.py",
    "training/test_loop.py",
    "training/test_sequences.py",
    "ros/test_record_verbs.py",
    "ros/test_incident_node.py",
    "domains/babyai/test_babyai.py",
    "evaluation/test_study.py",
)
"""They begin first, with `--no-loadscope-reorder`: a long file that came last would leave a processor idle."""

# How long an example takes says more about the machine than about the code.
settings.register_profile("shared_machine", deadline=None)
settings.load_profile("shared_machine")

USED, COUNT_OF_LONGEST = pytest.StashKey[float](), 25
INJECTIONS, OUTCOMES = pytest.StashKey[list](), pytest.StashKey[dict]()


def pytest_addoption(parser):
    group = parser.getgroup("fault catalogue")
    group.addoption("--fault-repeat", type=int, default=1, help="how often each measured fault is injected")
    group.addoption("--fault-kills", type=int, default=2, help="how often the policy is killed")
    group.addoption(
        "--timed",
        action="store_true",
        help="hold reactions against milliseconds, on a quiet machine; else against steps and the machine's stalls",
    )
    group.addoption("--fault-json", type=Path, help="write the catalogue's result here; one process (-p no:xdist)")
    group = parser.getgroup("driver conformance")
    group.addoption("--driver-repeat", type=int, default=1, help="how often each robot's side is killed")
    group.addoption("--driver-json", type=Path, help="write the times here; one process (-p no:xdist)")


def pytest_configure(config):
    config.stash[INJECTIONS], config.stash[OUTCOMES] = [], {}


def pytest_collection_modifyitems(items):
    turns = {Path(__file__).parent / name: turn for turn, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turns.get(item.path, len(turns)))
    rows = load_catalogue()
    for item in items:
        for marker in item.iter_markers("fault"):
            if not marker.args or (unknown := [row for row in marker.args if row not in rows]):
                raise pytest.UsageError(
                    f"{item.nodeid}: expected rows of gato_ros/bench/guard/faults.yaml, got {marker.args}"
                )
            if unknown := [row for row in marker.args if rows[row].untested]:
                raise pytest.UsageError(
                    f"{item.nodeid} tests {', '.join(unknown)}, which faults.yaml calls untested: "
                    "say there how it is injected instead"
                )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    skip_without_simulator(item, report)
    if report.when == "teardown":
        report.user_properties.append(("processor_s", _processor_s() - item.stash[USED]))
    # A test counts once: by its call, or by what kept it from being called.
    if report.when == "call" or report.outcome != "passed":
        for marker in item.iter_markers("fault"):
            for row in marker.args:
                item.config.stash[OUTCOMES].setdefault(row, []).append(report.outcome)


def pytest_sessionfinish(session):
    path = session.config.getoption("--fault-json")
    if path:
        write_json(path, summary(load_catalogue(), session.config.stash[OUTCOMES], session.config.stash[INJECTIONS]))


def _processor_s() -> float:
    """Time on a processor of this process and of those that it started and that have ended [s]."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    item.stash[USED] = _processor_s()
    yield


def _say_what_takes_longest(terminalreporter) -> None:
    used: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            name = getattr(report, "nodeid", "").split("::")[0]
            used[name] = used.get(name, 0.0) + dict(getattr(report, "user_properties", ())).get("processor_s", 0.0)
    longest = sorted(used.items(), key=lambda one: -one[1])[:COUNT_OF_LONGEST]
    terminalreporter.section(f"processor time: {sum(used.values()):.0f} s in all; the files that take most")
    for name, processor_s in longest:
        terminalreporter.line(f"{processor_s:6.0f} s  {name}")


def pytest_terminal_summary(terminalreporter, config):
    _say_what_takes_longest(terminalreporter)
    # What was tried again has passed in the end, and is not forgotten: all that is known of its first try.
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"tried again: {report.nodeid}")
        terminalreporter.line(report.longreprtext)
        for title, text in report.sections:
            terminalreporter.line(f"--- {title}\n{text}")
    if path := config.getoption("--fault-json"):
        found = json.loads(path.read_text())
        terminalreporter.section("fault catalogue")
        for row, figures in found["rows"].items():
            terminalreporter.line(
                f"{row:4} {figures['injections']:5} injections, median {figures['median_ms']} ms, "
                f"worst {figures['worst_ms']} ms, bound {figures['bound_ms']} ms, "
                f"within it {figures['within_bound']}"
            )
        terminalreporter.line(
            f"{found['rows_tested']} of {found['rows_total']} rows tested, {found['injections']} "
            f"injections, worst {found['worst_ms']} ms, of the robot's own faults "
            f"{found['worst_ms_of_robot']} ms; all figures in {path}"
        )


@pytest.fixture(scope="module")
def played_here():
    """Collection and evaluation with the robot play in this process."""
    from gato_ros.evaluation import collection, evaluate
    from tests.pool_here import pool_here

    with pytest.MonkeyPatch.context() as patched:
        for module in (collection, evaluate):
            patched.setattr(module, "worker_pool", pool_here)
        yield


@pytest.fixture(scope="module")
def compiled_as_a_users():
    """What the module starts is optimised: where what counts is how long an action takes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"].replace(QUICK_FLAGS, "").strip())
        patched.delenv("JAX_DISABLE_MOST_OPTIMIZATIONS", raising=False)
        yield


@pytest.fixture(scope="session")
def driver_repeat(request) -> int:
    """How often a motion is broken off: once in the suite, often in `make driver-conformance`."""
    return request.config.getoption("--driver-repeat")


@pytest.fixture(scope="session")
def record_driver(request):
    """`record(robot, what, seconds)`: how long an arm went on after something had ended."""
    times: dict[str, list[float]] = {}
    yield lambda robot, what, seconds: times.setdefault(f"{robot}: {what}", []).append(round(seconds * 1e3, 1))
    if path := request.config.getoption("--driver-json"):
        write_json(
            path,
            {
                name: {"times": len(ms), "median_ms": sorted(ms)[len(ms) // 2], "worst_ms": max(ms)}
                for name, ms in times.items()
            },
        )


@pytest.fixture(scope="session")
def timed(request) -> bool:
    """Whether reactions are held against milliseconds, as `make guard-faults` does on a quiet machine."""
    return request.config.getoption("--timed")


@pytest.fixture(scope="session")
def fault_repeat(request) -> int:
    """How often a measured fault is to be injected: once in the suite, often in `make guard-faults`."""
    return request.config.getoption("--fault-repeat")


@pytest.fixture(scope="session")
def fault_kills(request) -> int:
    return request.config.getoption("--fault-kills")


@pytest.fixture(scope="session")
def record_injection(request):
    """`record(row, what, ms)`: one injection and its reaction time [ms]; None where there was no reaction."""

    def record(row: str, what: str, ms: float | None) -> None:
        request.config.stash[INJECTIONS].append(
            {"row": row, "what": what, "ms": None if ms is None else round(ms, 2), "at_s": time.time()}
        )

    return record
