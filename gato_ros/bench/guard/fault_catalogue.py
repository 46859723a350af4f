"""The fault catalogue: what can go wrong, what notices it, what happens then, and within what time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from gato_ros.core.errors import SetupError, unknown_name

FILE = Path(__file__).with_name("faults.yaml")
COLUMNS = ("fault", "detection", "reaction", "bound", "injected")


@dataclass(frozen=True)
class Fault:
    """One row."""

    id: str
    """A letter for the group and a number."""
    group: str
    """sensors, timing, model, ..."""
    fault: str
    """What goes wrong."""
    detection: str
    """What notices it."""
    reaction: str
    """D decelerate, L latch, R refuse, S skip."""
    bound: str
    """From the fault to the first command that decelerates, in words."""
    bound_ms: float | None = None
    """The same as a number [ms], where it is measured at the command topic."""
    of_robot: bool = False
    """Whether the fault is the robot's, its sensors' or its network's."""
    injected: str = ""
    """How the tests cause it."""
    untested: str = ""
    """Why no test has it."""
    partly: str = ""
    """What its tests leave out."""


def load_catalogue(path: Path = FILE) -> dict[str, Fault]:
    """All rows by id, in the file's order; SetupError for a row that is not complete or says two things at once."""
    from gato_ros.embodiments.yaml_file import read_yaml

    rows = {}
    file = read_yaml(path, "the fault catalogue", FILE.name)
    known = {item.name for item in fields(Fault)} - {"id"}
    for name, given in file.content.items():
        for key in given:
            if key not in known:
                raise unknown_name(f"a column of {name} in {path.name}, {file.where(name, key)},", key, known)
        if missing := [key for key in ("group", "fault", "detection", "reaction", "bound") if not given.get(key)]:
            raise SetupError(expected=f"{', '.join(missing)} of {name} in {path.name}", got="nothing", fix="fill it in")
        if bool(given.get("injected")) == bool(given.get("untested")):
            raise SetupError(
                expected=f"{name} in {path.name} to have either `injected` or `untested`",
                got="both" if given.get("injected") else "neither",
                fix="say how a test injects it, or why none does",
            )
        rows[name] = Fault(id=name, **given)
    return rows


def summary(rows: Mapping[str, Fault], outcomes: Mapping[str, Iterable[str]], injections: Iterable[dict]) -> dict:
    """The result of a run of the fault tests.

    Args:
        outcomes: row -> outcomes of its tests, as pytest names them.
        injections: `{"row":, "what":, "ms":}`, one for each measured reaction; ms is None where none came.

    `worst_ms` is that of the faults of our own processes; `worst_ms_of_robot` that of the robot's, which take as many
    messages to be seen as their rows say.
    """
    injections = list(injections)
    per_row, slowest = {}, {False: [], True: []}
    for row in rows.values():
        times = [item["ms"] for item in injections if item["row"] == row.id]
        if not times:
            continue
        reacted = [time for time in times if time is not None]
        worst = max(reacted, default=None)
        within = None if row.bound_ms is None else sum(time <= row.bound_ms for time in reacted)
        per_row[row.id] = {
            "injections": len(times),
            "without_reaction": len(times) - len(reacted),
            "worst_ms": worst,
            "median_ms": _median(reacted),
            "bound_ms": row.bound_ms,
            "within_bound": within,
        }
        slowest[row.of_robot] += reacted
    tested = [name for name in rows if (found := list(outcomes.get(name, ()))) and set(found) == {"passed"}]
    failed = [name for name in rows if "failed" in outcomes.get(name, ())]
    skipped = {
        name: row.untested or "its tests did not all run and pass" for name, row in rows.items() if name not in tested
    }
    return {
        "injections": len(injections),
        "worst_ms": max(slowest[False], default=None),
        "worst_ms_of_robot": max(slowest[True], default=None),
        "without_reaction": sum(item["ms"] is None for item in injections),
        "rows_total": len(rows),
        "rows_tested": len(tested),
        "rows_skipped": skipped,
        "rows_failed": failed,
        "rows": per_row,
    }


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None
