"""The fault catalogue: every row, and which have no test; `--page FILE` writes docs/reference/safety.md from it.

The catalogue belongs to the repository: an installed package does not hold it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.cli import require_installed
from gato_ros.evaluation.option_checks import OutFile

if TYPE_CHECKING:
    from gato_ros.bench.guard.fault_catalogue import Fault

TEMPLATE = Path(__file__).parents[1] / "bench/guard/safety.md.jinja"


@dataclass(frozen=True)
class Options:
    """What to do with the catalogue."""

    page: OutFile | None = None
    """Write the page for people here (docs/reference/safety.md)."""
    json: Path | None = None
    """Write the rows here as JSON."""


def run(options: Options) -> dict:
    """Print the catalogue, or write its page."""
    require_installed("faults", "gato_ros.bench.guard.fault_catalogue")
    from gato_ros.bench.guard.fault_catalogue import load_catalogue

    rows = load_catalogue()
    if options.page:
        options.page.write_text(safety_page(rows))
        print(f"wrote {options.page}")
    else:
        _print(rows)
    return {"rows": [asdict(row) for row in rows.values()]}


def safety_page(rows: dict[str, Fault]) -> str:
    """docs/reference/safety.md."""
    import jinja2

    groups: dict[str, list[Fault]] = {}
    for row in rows.values():
        groups.setdefault(row.group, []).append(row)
    environment = jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    untested = [row for row in rows.values() if row.untested]
    return environment.from_string(TEMPLATE.read_text()).render(
        rows=rows, groups=groups, untested=untested, tested=[row for row in rows.values() if not row.untested]
    )


def _print(rows: dict[str, Fault]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    table = Table("", "fault", "reaction", "bound", "tests", show_edge=False)
    for row in rows.values():
        table.add_row(row.id, row.fault, row.reaction, row.bound, row.injected or f"[yellow]none: {row.untested}[/]")
    make_console().print(table)
