"""The whole loop over ROS 2: simulator, policy and guard as nodes; leaves report.json and report.html."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gato_ros.core.errors import SetupError, unknown_name

WEIGHTS = Path(__file__).resolve().parents[1] / "models" / "weights"
DOMAINS = 100
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Options:
    episodes: int = 3
    """How many episodes to run."""
    seed: int = 900000
    """Seed of the first episode's start; the next ones count up. Policies never train on 900000 and above."""
    policy: str = ""
    """Directory of weights, or `hold` to stand still. Default: the weights shipped in models/weights."""
    objects: str = "cubes"
    """Object set: cubes, triplet1 .. triplet5, or train."""
    max_steps: int = 400
    """Control ticks in an episode that does not succeed before."""
    out: Path = Path("out/sim")
    """Folder for report.json and report.html."""
    json: Path | None = None
    """Write the result to this file too."""
    gui: bool = False
    """Show the simulator's window."""
    parameters: Path | None = None
    """ROS parameter file for the nodes. Default: launch/params/loop.yaml."""


def shipped_policy() -> Path:
    """The one directory of weights in models/weights; SetupError when there is none or a choice."""
    found = sorted(path.parent for path in WEIGHTS.glob("*/params.safetensors"))
    if len(found) == 1:
        return found[0]
    raise SetupError(expected="one directory with params.safetensors in models/weights",
                     got=", ".join(path.name for path in found) or "none",
                     fix="name one with --policy DIR, or --policy hold to stand still")


def _check(options: Options) -> str:
    """The policy's name or absolute directory; SetupError for anything that cannot work."""
    from gato_ros.sim.task import OBJECT_SETS

    if options.objects not in OBJECT_SETS:
        raise unknown_name("an object set", options.objects, OBJECT_SETS)
    for name, value in (("episodes", options.episodes), ("max-steps", options.max_steps)):
        if value < 1:
            raise SetupError(expected=f"--{name} of at least 1", got=str(value), fix="give a larger number")
    if not 0 <= options.seed <= LARGEST_SEED - options.episodes:
        raise SetupError(expected=f"--seed in [0, {LARGEST_SEED - options.episodes}]", got=str(options.seed),
                         fix="choose another seed")
    if options.out.exists() and not options.out.is_dir():
        raise SetupError(expected="a folder for --out", got=f"the file {options.out}", fix="choose another place")
    if options.policy == "hold":
        return "hold"
    directory = Path(options.policy).resolve() if options.policy else shipped_policy()
    for file in ("params.safetensors", "config.json"):
        if not (directory / file).is_file():
            raise SetupError(expected=f"{file} in --policy DIR", got=f"none in {directory}",
                             fix="name a directory that `train` wrote, or --policy hold")
    return str(directory)


def _environment() -> dict[str, str]:
    """Our environment with a ROS domain of this run's own, on this machine only, unless the user chose."""
    chosen = {"ROS_DOMAIN_ID": str(1 + os.getpid() % DOMAINS), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
              "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}
    return {**chosen, **os.environ}


@contextlib.contextmanager
def _progress(episodes: int, max_steps: int) -> Iterator:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # A redraw costs as much as a control tick: twice a second is enough.
    with Progress(*columns, refresh_per_second=2) as progress:
        yield progress, progress.add_task("starting the nodes", total=None)


def run(options: Options) -> dict:
    policy = _check(options)
    from gato_ros.cli.report import Report
    from gato_ros.embodiments import load_embodiment
    from gato_ros.nodes.children import ChildDied, Children
    from gato_ros.nodes.episode_runner import EpisodeRunner, LoopFailed
    from gato_ros.nodes.plan import NAMESPACE, loop_plan

    robot = load_embodiment()
    settings = {"policy_node": {"policy": policy, "propose_at_start": False},
                "sim_node": {"objects": options.objects, "seed": options.seed, "gui": options.gui}}
    plans = loop_plan(settings, options.parameters)
    os.environ.update(_environment())
    report = Report(robot, policy=policy if policy == "hold" else Path(policy).name, objects=options.objects,
                    seed=options.seed)
    with Children(plans, dict(os.environ)) as children, \
            EpisodeRunner(robot, NAMESPACE, children.check) as runner, \
            _progress(options.episodes, options.max_steps) as (progress, bar):
        try:
            runner.wait_until_up()
        except ChildDied as died:
            if died.code == 2:
                raise SetupError(expected=f"{died.name} to start", got=died.last_line,
                                 fix="mend that and run again") from None
            raise SetupError(expected="three running nodes", got=str(died),
                             fix="run `python -m gato_ros doctor`") from None
        try:
            for number in range(options.episodes):
                progress.update(bar, description=f"episode {number + 1} of {options.episodes}", total=options.max_steps,
                                completed=0)
                record = runner.run(options.seed + number, options.max_steps,
                                    lambda step: progress.update(bar, completed=step))
                report.add(record)
        except (ChildDied, LoopFailed) as failure:
            report.fail(str(failure))
    result = report.write(options.out)
    _print(result, options.out)
    return result


def _print(result: dict, out: Path) -> None:
    from rich.console import Console

    latency = result["camera_to_command_ms"]
    console = Console()
    console.print(f"{result['stacked']} of {result['episodes']} episodes stacked; {result['control_rate_hz']} Hz, "
                  f"{result['missed_ticks']} of {result['ticks']} ticks missed, camera to command "
                  f"p50 {latency['p50']} ms, p99 {latency['p99']} ms")
    if result["failure"]:
        console.print(f"stopped early: {result['failure']}")
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)
