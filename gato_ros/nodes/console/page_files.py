"""The files of the page, read once at the start: no request reaches the file system."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class PageFile:
    """One file."""

    content_type: str
    content: bytes


def page_files() -> dict[str, PageFile]:
    """Name -> file, of everything in the folder `page` of the package."""
    folder = importlib.resources.files("gato_ros.nodes.console") / "page"
    return {
        path.name: PageFile(TYPES[suffix], path.read_bytes())
        for path in folder.iterdir()
        if (suffix := f".{path.name.rpartition('.')[2]}") in TYPES
    }
