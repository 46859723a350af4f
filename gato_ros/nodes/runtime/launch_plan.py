"""What `gato.launch.py` starts for its arguments: plain Python, tested without ROS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.node_specs import MANAGER, NodePlan, default_parameter_file, loop_plan
from gato_ros.nodes.runtime.parameter_file import values_in_file
from gato_ros.sim.engine import require_simulator
from gato_ros.sim.task import OBJECT_SETS, TASKS, task_named

FLAG = ("true", "false")
FOLLOW_CLOCK = ("guard_node", "policy_node", "teleop_node", "view_node", "console_node")
"""Nodes on simulated time in lockstep. sim_node makes it; the recorders and the manager keep the wall's."""
DRIVEN = ("sawyer", "mock")
"""Robots that driver_node speaks to."""


@dataclass(frozen=True)
class Argument:
    """One argument of the launch file."""

    default: str
    about: str
    choices: tuple[str, ...] = ()
    """Empty: any text."""


ARGUMENTS = {
    "robot": Argument(
        "sim",
        "sim: the simulator; sawyer or mock: driver_node; driver: one of yours that runs already",
        ("sim", *DRIVEN, "driver"),
    ),
    "host": Argument("", "robot:=sawyer: where its agent runs; nothing: the parameter file's"),
    "policy": Argument(
        "hold", "directory of weights, the name of shipped ones, `hold`: stand still, or grpc://HOST:PORT"
    ),
    "shadow": Argument("false", "true: the policy moves nothing; what it would do is on shadow/*", FLAG),
    "teleop": Argument(
        "none",
        "who may take over; expert in the simulator only (a keyboard needs a terminal of its "
        "own: ros2 run gato_ros teleop_node)",
        ("none", "joy", "spacemouse", "expert"),
    ),
    "hands_on": Argument("true", "teleop:=expert: false: the expert waits for teleop_node/hands_on", FLAG),
    "record": Argument("false", "true: recorder_node, which records between its ~/start and ~/stop_success", FLAG),
    "folder": Argument("recordings", "where recordings go"),
    "incidents": Argument("true", "false: do not keep the last 30 s to write them when the guard latches", FLAG),
    "viz": Argument("none", "view_node, and RViz or the bridge of Foxglove", ("none", "rviz", "foxglove")),
    "console": Argument("false", "true: console_node, the operator's page on http://127.0.0.1:8088/", FLAG),
    "namespace": Argument("", "namespace of this robot, two robots get one each; nothing: the contract's"),
    "autostart": Argument("true", "false: nothing is configured before lifecycle_manager/bring_up is called", FLAG),
    "prompt": Argument("", "episode file that the policy follows, if any"),
    "task": Argument("red_on_blue", "what to do in the simulator", tuple(TASKS)),
    "text": Argument("", "the text for a policy that reads texts; empty: the task in words"),
    "embodiment": Argument("sawyer_rgb_stacking", "contract: name of a shipped one, or path of a YAML file"),
    "objects": Argument("cubes", "object set of the simulator", tuple(OBJECT_SETS)),
    "world": Argument(
        "own",
        "robot:=sim: own: this robot's alone; shared: the arms of the contract's guard.neighbours stand in it, too; "
        "other: the loop of another arm holds the world that this one stands in",
        ("own", "shared", "other"),
    ),
    "neighbour_task": Argument("green_on_red", "world:=shared: what to do where another arm works", tuple(TASKS)),
    "seed": Argument("0", "seed of the simulator's first episode"),
    "gui": Argument("false", "true: show the simulator's window", FLAG),
    "lockstep": Argument("false", "true: simulated time, one step per command", FLAG),
    "clock": Argument("/clock", "topic of simulated time; two robots in lockstep need one each, e.g. clock"),
    "parameters": Argument("", "ROS parameter file; nothing: launch/params/loop.yaml"),
}

SAME_IN_FILE = {
    "guard_node": ("shadow",),
    "policy_node": ("policy",),
    "sim_node": ("objects", "task", "neighbour_task", "seed", "gui", "lockstep"),
    "teleop_node": ("hands_on",),
    "recorder_node": ("folder",),
}
"""Node -> parameters that arguments of the same name set: where nobody gives the argument, the file must agree."""


@dataclass(frozen=True)
class Program:
    """A node of another package, which may not be installed."""

    package: str
    executable: str
    name: str
    namespace: str
    arguments: tuple[str, ...] = ()


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """All arguments with those given; SetupError for a name or a choice that does not exist."""
    for name, value in given.items():
        if name not in ARGUMENTS:
            raise unknown_name("an argument of gato.launch.py", name, ARGUMENTS)
        if (choices := ARGUMENTS[name].choices) and value not in choices:
            raise unknown_name(f"a value of {name}", value, choices)
    value = {name: given.get(name, argument.default) for name, argument in ARGUMENTS.items()}
    return {**value, "namespace": value["namespace"] or load_embodiment(value["embodiment"]).wire.namespace}


def launch_plan(given: Mapping[str, str]) -> tuple[NodePlan, ...]:
    """Our own nodes for these arguments, in the order of starting.

    Raises:
        SetupError: an argument or a parameter that does not exist, or a bad value.
    """
    value = checked(given)
    on = {name: value[name] == "true" for name, argument in ARGUMENTS.items() if argument.choices == FLAG}
    simulated, same = value["robot"] == "sim", {"embodiment": value["embodiment"]}
    if not simulated and (value["teleop"] == "expert" or on["lockstep"]):
        raise SetupError(
            expected="robot:=sim for teleop:=expert and for lockstep:=true",
            got=f"robot:={value['robot']}",
            fix="leave them out: they need the simulator's ground truth and clock",
        )
    holds_world = simulated and value["world"] != "other"
    _check_world(value, on)
    if holds_world:
        require_simulator()
    if not value["seed"].isdecimal():
        raise SetupError(expected="a whole number for seed", got=value["seed"], fix="e.g. seed:=0")
    also = [
        name
        for name, wanted in (
            (MANAGER, True),
            ("driver_node", value["robot"] in DRIVEN),
            ("teleop_node", value["teleop"] != "none"),
            ("recorder_node", on["record"]),
            ("view_node", value["viz"] != "none"),
            ("console_node", on["console"]),
        )
        if wanted
    ]
    settings = {
        MANAGER: {"managed": "guard_node,policy_node", "autostart": on["autostart"]},
        "guard_node": {"start_armed": value["robot"] in ("sim", "mock"), "shadow": on["shadow"], **same},
        "policy_node": {
            "policy": value["policy"],
            "task": value["text"] or task_named(value["task"]).text,
            **({"prompt": value["prompt"]} if value["prompt"] else {}),
            **same,
        },  # else the file's
        "sim_node": {
            "objects": value["objects"],
            "task": value["task"],
            "seed": int(value["seed"]),
            "gui": on["gui"],
            "lockstep": on["lockstep"],
            "ground_truth": value["teleop"] == "expert",
            **({"neighbours": True, "neighbour_task": value["neighbour_task"]} if value["world"] == "shared" else {}),
            **same,
        },
        "incident_node": same,
        "driver_node": {
            "driver": value["robot"],
            "enable_at_start": value["robot"] == "mock",
            **({"host": value["host"]} if value["host"] else {}),
            **same,
        },  # else the file's
        "teleop_node": {
            "device": value["teleop"],
            "task": value["task"],
            **({"hands_on": on["hands_on"]} if value["teleop"] == "expert" else {}),
            **same,
        },
        "recorder_node": {"folder": value["folder"], **same},
        "view_node": same,
        "console_node": same,
    }
    without = [name for name, wanted in (("sim_node", holds_world), ("incident_node", on["incidents"])) if not wanted]
    started = {*also, "guard_node", "policy_node", "sim_node", "incident_node"}.difference(without)
    plans = loop_plan(
        {name: setting for name, setting in settings.items() if name in started},
        Path(value["parameters"]) if value["parameters"] else None,
        value["namespace"],
        without,
        also,
        {} if value["clock"] == "/clock" else {"/clock": value["clock"]},
    )
    for plan in plans:
        _check_agreement(plan, value)
    follow = FOLLOW_CLOCK if on["lockstep"] else ()
    return tuple(replace(plan, parameters={**plan.parameters, "use_sim_time": plan.name in follow}) for plan in plans)


def _check_world(value: Mapping[str, str], on: Mapping[str, bool]) -> None:
    """SetupError for a world with other arms where there can be none, and for an expert that waits where none is."""
    if not on["hands_on"] and value["teleop"] != "expert":
        raise SetupError(
            expected="teleop:=expert for hands_on:=false", got=f"teleop:={value['teleop']}", fix="leave hands_on out"
        )
    if value["world"] == "own":
        return
    said = f"world:={value['world']}"
    if value["robot"] != "sim":
        raise SetupError(expected=f"robot:=sim for {said}", got=f"robot:={value['robot']}", fix="leave world out")
    if on["lockstep"]:
        raise SetupError(
            expected=f"lockstep:=false for {said}", got="true", fix="leave it out: the guards of two arms command"
        )
    robot = load_embodiment(value["embodiment"])
    if value["world"] == "shared" and not robot.guard_neighbours:
        raise SetupError(
            expected=f"a contract with guard.neighbours for {said}",
            got=f"{robot.name}, without",
            fix="name one of a pair with embodiment:=, e.g. sawyer_pair_left",
        )


def _check_agreement(plan: NodePlan, value: Mapping[str, str]) -> None:
    """SetupError where an argument that nobody gave would overrule the parameter file: shadow mode, say."""
    file = values_in_file(plan.parameter_file, plan.name, plan.namespace)
    for name in SAME_IN_FILE.get(plan.name, ()):
        in_file, where = file.get(name, (None, ""))
        if in_file is None or in_file == plan.parameters.get(name, in_file) or value[name] != ARGUMENTS[name].default:
            continue
        text = str(in_file).lower() if isinstance(in_file, bool) else in_file
        raise SetupError(
            expected=f"one {name} of {plan.name}",
            got=f"{text} in {plan.parameter_file}, {where}, and {name}:={value[name]}, which would win",
            fix=f"give {name}:={text}, or take it out of the file",
        )


def programs(given: Mapping[str, str]) -> tuple[Program, ...]:
    """Programs of other packages for these arguments."""
    value = checked(given)
    if value["viz"] == "rviz":
        config = default_parameter_file().parents[1] / "rviz" / "gato.rviz"
        return (Program("rviz2", "rviz2", "rviz", value["namespace"], ("-d", str(config))),)
    if value["viz"] == "foxglove":
        return (Program("foxglove_bridge", "foxglove_bridge", "foxglove_bridge", value["namespace"]),)
    return ()
