"""What `two_robots.launch.py` gives to each of its two loops: plain Python, tested without ROS."""

from __future__ import annotations

from collections.abc import Mapping

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.nodes.runtime.launch_plan import ARGUMENTS, Argument, launch_plan

SIDES = {"left": "0", "right": "1"}
"""Side -> seed. Also the namespaces of two robots that know nothing of each other."""
SHARED = (
    "robot",
    "embodiment",
    "policy",
    "task",
    "objects",
    "teleop",
    "shadow",
    "record",
    "folder",
    "incidents",
    "autostart",
    "lockstep",
    "gui",
    "parameters",
)
"""Arguments of gato.launch.py that both loops get."""
OWN = ("embodiment", "policy", "task", "host")
"""Those that each side may have of its own: `left_policy`, `right_host`."""
TASK_BESIDE = "green_on_red"
"""What the arm beside the first one does, where nobody says: it builds on what the first one leaves."""


def _of_side(side: str, name: str) -> Argument:
    argument, otherwise = ARGUMENTS[name], f"{name}:=" if name in SHARED else "as of gato.launch.py"
    if (side, name) == ("right", "task"):
        otherwise += f", beside the left arm {TASK_BESIDE}"
    about = f"{argument.about}, on the {side}; nothing: {otherwise}"
    return Argument("", about, ("", *argument.choices) if argument.choices else ())


TWO_ARGUMENTS = {
    **{name: ARGUMENTS[name] for name in SHARED},
    **{f"{side}_{name}": _of_side(side, name) for side in SIDES for name in OWN},
}
"""Arguments of two_robots.launch.py."""


def two_robots(given: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Side -> arguments of gato.launch.py.

    Two contracts of which one names the other in `guard.neighbours` are two arms beside each other: each is in its
    contract's namespace, and in the simulator both stand in one world.

    Raises:
        SetupError: an argument or a choice that does not exist; contracts that do not fit; contracts with arms beside
            them, of which neither is the other.
    """
    for name in given:
        if name not in TWO_ARGUMENTS:
            raise unknown_name("an argument of two_robots.launch.py", name, TWO_ARGUMENTS)
    value = {name: given.get(name, argument.default) for name, argument in TWO_ARGUMENTS.items()}
    sides = {side: _arguments(side, value) for side in SIDES}
    robots = {side: load_embodiment(arguments["embodiment"]) for side, arguments in sides.items()}
    if (holder := _holder(robots)) is not None:
        _stand_beside(sides, robots, holder, value)
    for arguments in sides.values():
        launch_plan(arguments)  # both are checked before either is started
    return sides


def _arguments(side: str, value: Mapping[str, str]) -> dict[str, str]:
    found = {name: value[name] for name in SHARED}
    found |= {name: own for name in OWN if (own := value[f"{side}_{name}"])}
    # One recorder to a folder, and a clock each.
    return {**found, "folder": f"{value['folder']}/{side}", "namespace": side, "seed": SIDES[side], "clock": "clock"}


def _holder(robots: Mapping[str, Embodiment]) -> str | None:
    """The side whose contract names the other arm, the left one if both do; None where both are alone."""
    left, right = robots.values()
    for side, robot, other in (("left", left, right), ("right", right, left)):
        found = (robot.neighbour(name) for name in robot.guard_neighbours)
        if any((one.name, one.wire.namespace) == (other.name, other.wire.namespace) for one in found):
            return side
    for robot, other in ((left, right), (right, left)):
        if robot.guard_neighbours:
            named = ", ".join(one.contract for one in robot.guard_neighbours.values())
            raise SetupError(
                expected=f"one of the arms beside {robot.name} on the other side: {named}",
                got=other.name,
                fix="give both contracts of the pair: left_embodiment:=... right_embodiment:=...",
            )
    return None


def _stand_beside(
    sides: Mapping[str, dict[str, str]], robots: Mapping[str, Embodiment], holder: str, value: Mapping[str, str]
) -> None:
    """Each loop in its contract's namespace; in the simulator `holder` has the world of both."""
    if robots["left"].wire.namespace == robots["right"].wire.namespace:
        raise SetupError(
            expected="a namespace for each arm in the contracts",
            got=f"{robots['left'].wire.namespace} in both",
            fix="give each its own: wire: {namespace: left}",
        )
    if not value["right_task"]:
        sides["right"]["task"] = TASK_BESIDE
    for side, arguments in sides.items():
        arguments["namespace"] = robots[side].wire.namespace
        if value["teleop"] == "expert":
            arguments["hands_on"] = "false"  # by turns: two at once hold each other up
        if value["robot"] == "sim":
            arguments["world"] = "shared" if side == holder else "other"
    (other,) = (side for side in sides if side != holder)
    sides[holder]["neighbour_task"] = sides[other]["task"]
