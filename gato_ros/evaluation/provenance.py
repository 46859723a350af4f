"""Where a result comes from: the commit of the source, and versions."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]


def git_commit(folder: Path = SOURCE) -> str | None:
    """The commit of the checkout that this code runs from, and whether it was changed since; None outside of one."""
    try:
        run = lambda *arguments: subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        # An installed package may lie inside somebody else's repository.
        if Path(run("rev-parse", "--show-toplevel")) != folder:
            return None
        commit = run("rev-parse", "HEAD")
        return f"{commit} with changes" if run("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Of Python and of the packages; None where one is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found
