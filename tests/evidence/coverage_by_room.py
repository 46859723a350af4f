"""The lines that the tests executed, by room: reads what `make coverage` measured.

python -m tests.evidence.coverage_by_room [REPORT]    # of `coverage json`; default out/coverage/report.json
"""

import json
import sys
from collections import Counter
from pathlib import Path, PurePath

REPORT = Path("out/coverage/report.json")


def room_of(path: str) -> str:
    """`core` of gato_ros/core/guard/guard.py, `models` of models/gato.py, `gato_ros` of gato_ros/api.py."""
    parts = PurePath(path).parts
    return parts[1] if parts[0] == "gato_ros" and len(parts) > 2 else parts[0]


def by_room(report: dict) -> dict[str, tuple[int, int]]:
    """Room -> (its lines of code, how many of them were executed), and `total`."""
    lines, executed = Counter(), Counter()
    for path, file in report["files"].items():
        for name in (room_of(path), "total"):
            lines[name] += file["summary"]["num_statements"]
            executed[name] += file["summary"]["covered_lines"]
    rooms = sorted(lines.keys() - {"total"})
    return {name: (lines[name], executed[name]) for name in [*rooms, "total"]}


def table(rooms: dict[str, tuple[int, int]]) -> str:
    """One line per room."""
    rows = [f"{'room':12} {'lines':>7} {'executed':>9}"]
    for name, (lines, executed) in rooms.items():
        rows.append(f"{name:12} {lines:7,} {100 * executed / max(lines, 1):7.1f} %")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(by_room(json.loads(Path(*(sys.argv[1:] or [REPORT])).read_text()))))
