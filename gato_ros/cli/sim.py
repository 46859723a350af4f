"""The whole loop over ROS 2: simulator, policy and guard as nodes; leaves report.json and report.html."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.bounds import Count, Episodes, Seed, check_bounds, check_seeds
from gato_ros.core.errors import SetupError
from gato_ros.evaluation.option_checks import OutFile, OutFolder
from gato_ros.evaluation.policy_source import robot_for
from gato_ros.remote.address import is_remote

if TYPE_CHECKING:
    from gato_ros.evaluation.loop.loop_report import Report
    from gato_ros.nodes.runtime.episode_runner import EpisodeRunner

INCIDENTS = "incidents"
MISSED_SHARE = 0.01
"""More missed ticks than this are pointed out."""


@dataclass(frozen=True)
class Options:
    episodes: Episodes = 3
    """How many episodes to run."""
    seed: Seed = 900000
    """Seed of the first episode's start; the next ones count up. Policies never train on 900000 and above."""
    policy: str = ""
    """Directory of weights, the name of shipped ones, `hold` to stand still, or grpc://HOST:PORT of a `serve`.
    Default: sawyer_mastery."""
    prompt: Path | None = None
    """Episode file that the policy follows, where it was trained with prompts."""
    objects: str = "cubes"
    """Object set: cubes, triplet1 .. triplet5, or train."""
    task: str = "red_on_blue"
    """What to do: red_on_blue or another two of red, green and blue, lift_red, push_red, or either with another colour.
    A policy that reads texts gets it in words."""
    embodiment: str | None = None
    """Name or path of the contract; sawyer_rgb_stacking_told has the task as a text, panda_rgb_stacking another arm.
    Default: the robot that the weights know; sawyer_rgb_stacking where they know it."""
    max_steps: Count = 400
    """Control ticks in an episode that does not succeed before."""
    out: OutFolder = Path("out/sim")
    """Folder for report.json and report.html."""
    json: Path | None = None
    """Write the result to this file too."""
    strip: OutFile | None = None
    """Also write a PNG of the first episode that stacks: eight moments of both cameras (docs/images/run.png is one)."""
    incidents: bool = True
    """Keep the last 30 s and write them to OUT/incidents when the guard latches; `replay` reads them."""
    managed: bool = False
    """Bring guard and policy up and down by lifecycle_manager, as the launch file does."""
    console: bool = False
    """Serve the operator's page on this machine, and print its address (docs/how-to/console.md)."""
    gui: bool = False
    """Show the simulator's window."""
    parameters: Path | None = None
    """ROS parameter file for the nodes. Default: launch/params/loop.yaml."""


def _check(options: Options) -> str:
    """The policy's name or absolute directory; SetupError for anything that cannot work."""
    from gato_ros.data.episodes.episode import read_episode
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import DEFAULT, driving_weights
    from gato_ros.sim.engine import require_simulator
    from gato_ros.sim.task import check_object_set, task_named

    require_simulator()
    check_bounds(options)
    task_named(options.task)
    check_object_set(options.objects)
    check_seeds(options.seed, options.episodes)
    if options.prompt:
        read_episode(options.prompt)
    if options.policy == "hold" or is_remote(options.policy):
        return options.policy
    return str(driving_weights(options.policy or DEFAULT, load_embodiment(options.embodiment)))


@contextlib.contextmanager
def _progress() -> Iterator:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # A redraw costs as much as a control tick: twice a second is enough.
    with Progress(*columns, refresh_per_second=2) as progress:
        yield progress, progress.add_task("starting the nodes", total=None)


def run(options: Options) -> dict:
    options = replace(options, embodiment=robot_for(options.policy, options.embodiment))
    policy = _check(options)
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.loop.loop_report import Report
    from gato_ros.nodes.console.port import free_port
    from gato_ros.nodes.runtime.episode_runner import EpisodeRunner
    from gato_ros.nodes.runtime.node_specs import MANAGER, loop_plan
    from gato_ros.nodes.runtime.process_group import Children
    from gato_ros.sim.task import task_named

    robot, task = load_embodiment(options.embodiment), task_named(options.task)
    prompt = {"prompt": str(options.prompt.resolve())} if options.prompt else {}  # else the file's
    same = {"embodiment": options.embodiment}
    settings = {
        "guard_node": same,
        "policy_node": {
            "policy": policy,
            "task": task.text,
            "propose_at_start": False,
            **prompt,
            **same,
        },
        "sim_node": {
            "objects": options.objects,
            "task": options.task,
            "seed": options.seed,
            "gui": options.gui,
            **same,
        },
        "incident_node": {"folder": str((options.out / INCIDENTS).resolve()), **same},
        "console_node": {
            "port": free_port() if options.console else 0,
            "incidents": str((options.out / INCIDENTS).resolve()),
            "reports": str(options.out.resolve()),
            **same,
        },
    }
    namespace = robot.wire.namespace
    plans = loop_plan(
        settings,
        options.parameters,
        namespace,
        () if options.incidents else ("incident_node",),
        (*((MANAGER,) if options.managed else ()), *(("console_node",) if options.console else ())),
    )
    if options.console:
        print(f"console: http://127.0.0.1:{settings['console_node']['port']}/", flush=True)
    report = Report(
        robot, Path(policy).name, objects=options.objects, seed=options.seed, task=options.task, done=task.done
    )
    before = set((options.out / INCIDENTS).glob("*.mcap"))
    from gato_ros.nodes.runtime.ros_domain import own_domain

    with own_domain(), Children(plans) as children, EpisodeRunner(robot, namespace, children.check) as runner:
        _run_episodes(options, runner, report, task.done)
        lost = children.lost()
    written = sorted(set((options.out / INCIDENTS).glob("*.mcap")) - before)
    result = report.write(options.out, incidents=[f"{INCIDENTS}/{path.name}" for path in written], lost_nodes=lost)
    _print(result, options.out, task.done)
    if options.strip and report.strip_frames:
        from gato_ros.evaluation.reports.filmstrip import write_strip

        write_strip(options.strip, report.strip_frames, robot.control_rate_hz)
        print(f"strip: {options.strip}")
    return result


def _run_episodes(options: Options, runner: EpisodeRunner, report: Report, done: str) -> None:
    """All episodes; a node that cannot start is the user's to mend, one that fails later is named in the report."""
    from gato_ros.nodes.runtime.node_client import LoopFailed
    from gato_ros.nodes.runtime.process_group import ChildDied

    with _progress() as (progress, bar):
        try:
            runner.wait_until_up()
        except (ChildDied, LoopFailed) as failure:
            raise SetupError(
                expected="running nodes", got=str(failure), fix="mend that, or run `python -m gato_ros doctor`"
            ) from None
        try:
            for number in range(options.episodes):
                progress.update(
                    bar, description=f"episode {number + 1} of {options.episodes}", total=options.max_steps, completed=0
                )
                record = runner.run(
                    options.seed + number, options.max_steps, lambda step: progress.update(bar, completed=step)
                )
                report.add(record)
                if not progress.console.is_terminal:  # a bar shows nothing there
                    outcome = "" if record.stacked else "not "
                    print(f"episode {number + 1} of {options.episodes}: {outcome}{done}", flush=True)
        except (ChildDied, LoopFailed) as failure:
            report.fail(str(failure))


def _print(result: dict, out: Path, done: str) -> None:
    from gato_ros.evaluation.console import make_console

    latency = result["camera_to_command_ms"]
    console = make_console()
    console.print(
        f"{result['stacked']} of {result['episodes']} episodes {done}; {result['control_rate_hz']} Hz, "
        f"{result['missed_ticks']} of {result['ticks']} ticks missed, camera to command "
        f"p50 {latency['p50']} ms, p99 {latency['p99']} ms"
    )
    if result["missed_ticks"] > MISSED_SHARE * max(1, result["ticks"]):
        console.print(
            "this machine could not keep the pace, so the result says little about the policy: stop what "
            "else runs (two quiet cores are enough), or measure in process with `evaluate`",
            style="bold",
        )
    if result["failure"]:
        console.print(f"stopped early: {result['failure']}")
    for lost in result["lost_nodes"]:
        console.print(f"ended by itself, the loop went on without it: {lost}")
    for incident in result["incidents"]:
        console.print(f"the guard latched; python -m gato_ros replay {out / incident}", soft_wrap=True)
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)
