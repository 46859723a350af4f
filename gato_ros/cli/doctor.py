"""What this machine has, what is missing, and how to get it; with --robot, whether a running robot is ready to move.

Exit code 1 when something needed is missing; with --robot, when anything is not green.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gato_ros.nodes.preflight.environment import MachineFinding
from gato_ros.nodes.preflight.machine import examine_machine
from gato_ros.nodes.preflight.robot_look import RobotLook


@dataclass(frozen=True)
class Options(RobotLook):
    """How much to look at."""

    imports_only: bool = False
    """Only whether every package can be imported; silent about what is well."""
    json: Path | None = None
    """Write the findings here as JSON."""
    robot: bool = False
    """Look at a running robot and its nodes instead: topics, stamps, joints, cameras, guard, policy."""


def run(options: Options) -> dict:
    """Look, print a table, and tell in `ok` whether all that is needed is here."""
    if options.robot:
        from gato_ros.nodes.preflight.robot_check import examine_robot

        result = examine_robot(options)
        _print_robot(result)
        return result
    findings = examine_machine(options.imports_only)
    missing = [finding for finding in findings if finding.state == "missing"]
    if options.imports_only:
        for finding in missing:
            print(f"missing: {finding.what} ({finding.found}); {finding.fix}", file=sys.stderr)
    else:
        _print(findings)
    return {"ok": not missing, "findings": [asdict(finding) for finding in findings]}


def _print(findings: list[MachineFinding]) -> None:
    try:
        from rich.table import Table

        from gato_ros.evaluation.console import make_console
    except ImportError:
        for finding in findings:
            print(f"{finding.state:9} {finding.what}: {finding.found} {finding.fix}")
        return
    colour = {"ok": "green", "missing": "red", "optional": "yellow"}
    table = Table("", "what", "found", "how to get it", show_edge=False)
    for finding in findings:
        table.add_row(f"[{colour[finding.state]}]{finding.state}[/]", finding.what, finding.found, finding.fix)
    make_console().print(table)


def _print_robot(result: dict[str, Any]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    namespace = result["namespace"].strip("/")
    title = f"{result['embodiment']} in /{namespace}, received for {result['listened_s']:.1f} s"
    table = Table(title=title, show_edge=False)
    for name in ("", "what", "found", "what to do"):
        table.add_column(name, overflow="fold")  # a topic that is cut off cannot be searched for
    for finding in result["findings"]:
        table.add_row(f"[{finding['level']}]{finding['level']}[/]", finding["what"], finding["found"], finding["fix"])
    make_console().print(table)
