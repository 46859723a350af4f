"""Demonstrations over ROS 2: an operator drives the arm through the guard, a recorder writes one MCAP file per episode.

With a person: 1 starts an episode, 2 ends it as a success, 3 as a failure, 4 throws it away, 5 does it again, 6 marks a
moment (docs/how-to/recording.md has the services, docs/how-to/teleop.md the keys and buttons). With the expert that is
automatic.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gato_ros.core.bounds import Count, Episodes, Seed, check_bounds, check_seeds
from gato_ros.core.errors import SetupError
from gato_ros.evaluation.option_checks import OutFolder

if TYPE_CHECKING:
    from gato_ros.nodes.recorder.session import RecordSession, Take
    from gato_ros.nodes.runtime.node_specs import NodePlan

NO_LIMIT_S = 1e9
KEPT = ("stop_success", "stop_fail")
THROWN_AWAY = ("discard", "redo")


@dataclass(frozen=True)
class Options:
    teleop: Literal["keyboard", "joy", "spacemouse", "expert"] = "keyboard"
    """Who drives: a person at this device, or the simulator's scripted expert."""
    episodes: Episodes = 5
    """How many to record; what is thrown away does not count."""
    out: OutFolder = Path("out/recordings")
    """Folder for the episodes. `train --episodes` and the verbs of `episodes` read it."""
    robot: Literal["sim", "driver"] = "sim"
    """sim: the simulator is started as well. driver: a robot's driver runs already."""
    seed: Seed = 0
    """Seed of the first start in the simulator; the next ones count up. 900000 and above are for evaluation."""
    objects: str = "cubes"
    """Object set: cubes, triplet1 .. triplet5, or train."""
    task: str = "red_on_blue"
    """What to do: red_on_blue or another two of red, green and blue, lift_red, push_red, or either with another
    colour."""
    task_text: str = ""
    """What is done, in words. Default: the task's own."""
    operator: str = ""
    """Who drives, by name."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract."""
    max_steps: Count = 600
    """Control ticks after which the expert gives up."""
    console: bool = True
    """Serve the operator's page on this machine, and print its address; not with the expert, where nobody looks."""
    gui: bool = False
    """Show the simulator's window: a person wants to see what happens."""
    parameters: Path | None = None
    """ROS parameter file for the nodes. Default: launch/params/loop.yaml."""
    json: Path | None = None
    """Write the result to this file too."""


def _check(options: Options) -> None:
    from gato_ros.sim.engine import require_simulator
    from gato_ros.sim.task import check_object_set, task_named

    if options.robot == "sim":
        require_simulator()
    check_bounds(options)
    task_named(options.task)
    check_object_set(options.objects)
    check_seeds(options.seed, options.episodes)
    if options.teleop == "expert" and options.robot != "sim":
        raise SetupError(
            expected="--robot sim with the expert",
            got="a driver",
            fix="it needs to know where all things are, and only the simulator tells",
        )
    if options.teleop in ("joy", "spacemouse") and "ROS_DOMAIN_ID" not in os.environ:
        raise SetupError(
            expected=f"ROS_DOMAIN_ID for --teleop {options.teleop}",
            got="none",
            fix="the device's own node has to be in the same domain: `export ROS_DOMAIN_ID=7` for both",
        )


def _console_port(options: Options) -> int | None:
    """Of the page, whose address is printed; None where it is not served, and why where that is news."""
    from gato_ros.nodes.console.port import free_port

    if not options.console or options.teleop == "expert":
        return None
    try:
        port = free_port()
    except SetupError as error:  # a recording can do without it
        print(f"no console: {error}", flush=True)
        return None
    print(f"console: http://127.0.0.1:{port}/", flush=True)
    return port


def _plans(options: Options, namespace: str, port: int | None) -> tuple[NodePlan, ...]:
    """Simulator, guard, operator, recorder and page, with their parameters."""
    from gato_ros.nodes.runtime.node_specs import loop_plan
    from gato_ros.sim.task import task_named

    same, expert = {"embodiment": options.embodiment}, options.teleop == "expert"
    settings = {
        "sim_node": {
            "objects": options.objects,
            "task": options.task,
            "seed": options.seed,
            "gui": options.gui,
            "ground_truth": expert,
            **same,
        },
        # On a real robot somebody has to be there and say so, with ~/reset.
        "guard_node": {"start_armed": options.robot == "sim", **same},
        "teleop_node": {"device": options.teleop, "task": options.task, "hands_on": not expert, **same},
        "recorder_node": {
            "folder": str(options.out.resolve()),
            "operator": options.operator,
            "prefix": "expert" if expert else "teleop",
            "task": options.task_text or task_named(options.task).text,
            **same,
        },
        "console_node": {"port": port or 0, "recordings": str(options.out.resolve()), **same},
    }
    without = ("policy_node", "incident_node", *(() if options.robot == "sim" else ("sim_node",)))
    also = ("teleop_node", "recorder_node", *(("console_node",) if port is not None else ()))
    # Without these there is no session, whatever the loop does without.
    return tuple(
        replace(plan, needed=plan.name != "console_node")
        for plan in loop_plan(settings, options.parameters, namespace, without, also=also)
    )


def run(options: Options) -> dict:
    _check(options)
    from gato_ros.embodiments import load_embodiment
    from gato_ros.nodes.recorder.session import RecordSession
    from gato_ros.nodes.runtime.process_group import Children
    from gato_ros.nodes.runtime.ros_domain import own_domain

    robot, port = load_embodiment(options.embodiment), _console_port(options)
    plans, expert = _plans(options, robot.wire.namespace, port), options.teleop == "expert"
    # The keyboard's node has the terminal, and with it Ctrl-C; it is no child that runs behind.
    seat = [plan for plan in plans if plan.name == "teleop_node" and options.teleop == "keyboard"]
    about = {
        "driver": "expert" if expert else "human",
        "device": options.teleop,
        **({"task": options.task, "object_set": options.objects} if options.robot == "sim" else {}),
    }
    # A robot's driver is in the user's own domain.
    domain = own_domain() if options.robot == "sim" else contextlib.nullcontext()
    takes: list[Take] = []
    failure = None
    with (
        domain,
        Children([plan for plan in plans if plan not in seat]) as children,
        RecordSession(robot.wire.namespace, children.check, options.robot == "sim", about, expert) as session,
    ):
        try:
            _wait_until_up(session)
            if session.recovered:
                print(f"of what a killed recorder had left: {session.recovered}")
            with _foreground(seat) as at_terminal:
                for take in (_expert if expert else _person)(options, session, at_terminal):
                    takes.append(take)
                    _say(take, sum(one.end in KEPT for one in takes), options.episodes)
        except _Ended as ended:
            failure = str(ended)
    return _result(options, takes, failure)


def _wait_until_up(session: RecordSession) -> None:
    from gato_ros.nodes.runtime.node_client import LoopFailed
    from gato_ros.nodes.runtime.process_group import ChildDied

    try:
        session.wait_until_up()
    except (ChildDied, LoopFailed) as failure:
        raise SetupError(
            expected="running nodes", got=str(failure), fix="mend that, or run `python -m gato_ros doctor`"
        ) from None


@contextlib.contextmanager
def _foreground(seat: list[NodePlan]) -> Iterator[subprocess.Popen | None]:
    """The node that has the terminal, if there is one."""
    if not seat:
        yield None
        return
    process = subprocess.Popen(seat[0].command())
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _expert(options: Options, session: RecordSession, at_terminal: None) -> Iterator[Take]:
    """One episode after another, each from its own seed; a failure is kept and labelled as one."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from gato_ros.embodiments import load_embodiment

    limit_s = options.max_steps / load_embodiment(options.embodiment).control_rate_hz
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, refresh_per_second=2) as progress, _loop_failures():
        bar = progress.add_task("")
        for number in range(options.episodes):
            progress.update(
                bar, description=f"episode {number + 1} of {options.episodes}", total=options.max_steps, completed=0
            )
            yield session.expert_episode(
                options.seed + number, limit_s, lambda step: progress.update(bar, completed=step)
            )


def _person(options: Options, session: RecordSession, at_terminal: subprocess.Popen | None) -> Iterator[Take]:
    """What a person records, until there are enough; in the simulator each begins from a new start."""
    with _loop_failures(at_terminal):
        kept, number, end = 0, 0, ""
        while kept < options.episodes:
            if end != "redo":  # else the next is being recorded already, from where everything stands
                session.prepare(options.seed + number)
                number += 1
            take = session.next_take(NO_LIMIT_S, lambda step: _still_there(at_terminal))
            kept, end = kept + (take.end in KEPT), take.end
            yield take


class _Ended(Exception):
    """The session cannot go on; the text says why."""


class _OperatorLeft(Exception):
    """The node at the terminal ended."""


def _still_there(process: subprocess.Popen | None) -> None:
    if process is not None and process.poll() is not None:
        raise _OperatorLeft


@contextlib.contextmanager
def _loop_failures(at_terminal: subprocess.Popen | None = None) -> Iterator[None]:
    from gato_ros.nodes.runtime.node_client import LoopFailed
    from gato_ros.nodes.runtime.process_group import ChildDied

    try:
        yield
    except _OperatorLeft:
        # Ended by its user, or unable to start: it has said which.
        if at_terminal.returncode:
            raise _Ended(f"teleop_node ended with exit code {at_terminal.returncode}") from None
    except (ChildDied, LoopFailed) as failure:
        raise _Ended(str(failure)) from None


def _say(take: Take, kept: int, wanted: int) -> None:
    where = f"{take.path}" if take.path else "nothing to keep"
    flags = f", {take.flags}" if take.flags else ""
    print(f"{kept} of {wanted}: {take.end}, {where}{flags}", flush=True)


def _result(options: Options, takes: list[Take], failure: str | None) -> dict:
    kept = [take for take in takes if take.end in KEPT]
    ends = Counter(take.end for take in takes)
    if failure:
        print(f"stopped early: {failure}")
    print(f"{len(kept)} episodes in {options.out}; python -m gato_ros episodes ls {options.out}")
    return {
        "ok": failure is None and len(kept) >= options.episodes,
        "episodes": len(kept),
        "ends": dict(ends),
        "files": [str(take.path) for take in takes if take.path and take.end not in THROWN_AWAY],
        "flagged": [str(take.path) for take in takes if take.flags],
        "failure": failure,
    }
