"""A robot's contract: what it says, whether the arm reaches its workspace, and how near it comes to its bounds.

Nothing moves, and no simulator is needed. The exit code is 1 where something would keep the arm from its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.embodiments.contract_check import Survey


@dataclass(frozen=True)
class Options:
    """Which one, and where to write."""

    embodiment: Annotated[str, tyro.conf.Positional] = "sawyer_rgb_stacking"
    """Name of a contract, or path of its YAML file."""
    json: Path | None = None
    """Write the result here as JSON."""
    from_rosetta: Path | None = None
    """A contract of rosetta: print the observations of its robot as a contract of ours, with what it lacks as comments,
    and check nothing else."""
    upgrade: bool = False
    """Print the contract as YAML in the newest schema, `extends` resolved, and check nothing else."""


def run(options: Options) -> dict:
    """Check and print; `ok` is False where there are problems."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.contract_check import survey

    if options.from_rosetta is not None:
        return _from_rosetta(options.from_rosetta)
    robot = load_embodiment(options.embodiment)
    if options.upgrade:
        from gato_ros.embodiments.versions.yaml_text import yaml_text

        print(text := yaml_text(robot), end="")
        return {"name": robot.name, "schema": robot.schema_, "digest": robot.digest, "yaml": text, "ok": True}
    found = survey(robot)
    problems = list(found.problems(robot))
    _print(robot, found)
    for problem in problems:
        print(f"  {problem}")
    print(f"{len(problems)} problems" if problems else "no problems")
    return {
        "name": robot.name,
        "digest": robot.digest,
        "guard_digest": robot.guard_digest,
        "namespace": robot.wire.namespace,
        "joints": list(robot.arm.joints),
        "places": found.places,
        "reached": {str(yaw): count for yaw, count in found.reached.items()},
        "singular_value": found.singular_value,
        "gap_m": found.gap_m,
        "joint_room_rad": found.joint_room_rad,
        "speed_share": found.speed_share,
        "base": None if robot.base_part is None else list(robot.base_part.axes),
        "simulated": robot.simulation is not None,
        "problems": problems,
        "ok": not problems,
    }


def _from_rosetta(path: Path) -> dict:
    from gato_ros.embodiments.imports.rosetta import from_rosetta

    made = from_rosetta(path)
    print(text := made.text(), end="")
    return {
        "name": made.content["name"],
        "observations": sorted(made.content["observations"]),
        "lacks": made.lacks,
        "left_out": made.left_out,
        "notes": made.notes,
        "yaml": text,
        "ok": True,
    }


def _beside(robot: Embodiment) -> list[str]:
    from gato_ros.embodiments.neighbours.placement import joint_states_topic

    stated = robot.guard_neighbours
    return [
        f"{name}, {one.clearance_m:g} m kept, {joint_states_topic(one, robot.neighbour(name))}"
        for name, one in stated.items()
    ]


def _base(robot: Embodiment) -> str:
    """What the guard lets a mobile base do, axis by axis."""
    part, bounds = robot.base_part, robot.guard.base
    if part is None or bounds is None:
        return "none"
    each = zip(part.axes, bounds.speed, part.units, bounds.acceleration, bounds.deceleration)
    limits = "; ".join(f"{axis} {fast:g} {unit}, {up:g} and {down:g} {unit}2" for axis, fast, unit, up, down in each)
    waits = f"; while no joint is faster than {bounds.arm_speed_rad_s:g} rad/s" if bounds.arm_speed_rad_s else ""
    return f"{' to '.join(robot.base_topics)}; {limits}{waits}"


def _print(robot: Embodiment, found: Survey) -> None:
    from rich.markup import escape
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    console = make_console()
    console.print(f"{robot.name}, digest {robot.digest[:12]}: {robot.description}", highlight=False, soft_wrap=True)
    joints = Table(show_edge=False)
    for title in ("joint", "lower [rad]", "upper [rad]", "speed [rad/s]", "acceleration [rad/s2]"):
        joints.add_column(escape(title), justify="left" if title == "joint" else "right")
    for name, *limits in zip(robot.arm.joints, *robot.joint_limits, robot.guard.joint_acceleration_rad_s2):
        joints.add_row(name, *(f"{limit:.4g}" for limit in limits))
    console.print(joints)
    wire, lower, upper = robot.wire, robot.limits.workspace_lower_m, robot.limits.workspace_upper_m
    reached = ", ".join(f"{yaw} deg {count}" for yaw, count in sorted(found.reached.items()))
    rows = {
        "namespace": f"/{wire.namespace}",
        "subscribes to": f"{wire.arm_command}, {wire.gripper_command}",
        "publishes": ", ".join(
            dict.fromkeys(
                [
                    wire.joint_states.topic,
                    wire.gripper_states.topic,
                    *(topic for one in robot.observations.values() if (topic := getattr(one, "topic", None))),
                ]
            )
        ),
        "workspace [m]": ", ".join(f"{axis} {low:g} to {high:g}" for axis, low, high in zip("xyz", lower, upper)),
        f"reached, of {found.places} places": reached,
        "posture": f"tool at {', '.join(f'{x:.3f}' for x in found.tool)} m, {found.tilt_rad:.2f} rad from down",
        "smallest singular value": f"{found.singular_value:.3f}; slower below {robot.guard.singularity.slow:g}",
        "smallest gap [m]": "no capsules"
        if found.gap_m is None
        else f"{found.gap_m:.3f}; at least {robot.guard.clearance.distance_m:g} is kept",
        "smallest room of a joint [rad]": f"{found.joint_room_rad:.3f}",
        "largest action takes": f"{100 * found.speed_share:.0f} % of a joint's speed",
        "base": _base(robot),
        "other arms": "; ".join(_beside(robot)) or "none",
        "simulator": "can hold it" if robot.simulation else "cannot hold it: no section `simulation`",
    }
    table = Table(show_edge=False, show_header=False)
    for name, text in rows.items():
        table.add_row(escape(name), text)
    console.print(table, highlight=False)
