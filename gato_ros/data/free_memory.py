"""The memory that is free."""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> float:
    """[bytes] of the machine, or of the container if that has less; infinite where nobody says it, so that nothing is
    refused."""
    free = float("inf")
    if MEMINFO.exists():
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        free = float(int(lines["MemAvailable"].split()[0]) * 1024)
    try:
        limit, used = ((CGROUP / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        return free if limit == "max" else min(free, float(max(0, int(limit) - int(used))))
    except (OSError, ValueError):
        return free
