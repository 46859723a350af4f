"""What the page shows of the past: rows, thumbnails, pages and verdicts. In the server's thread."""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gato_ros.nodes.console.archive.catalogue import Catalogue, Entry, Listing
from gato_ros.nodes.console.archive.work import BESIDE_THE_LOOP, Done, Work

KEPT_PAGES = 6
"""Made pages that are kept; one may have a film of 32 MiB."""
TOLD_EVERY = 20
"""Rows between two partial answers."""
COMPARISONS = "comparisons"


@dataclass(frozen=True)
class _Page:
    state: tuple[int, ...]
    path: Path
    shown: dict[str, Any]
    """What is told beside it."""


class Archive:
    """Entries by kind and number.

    Args:
        folders: kind -> folder (`catalogue.PATTERNS`).
        doctor: arguments of `doctor --robot` that name this robot.
    """

    def __init__(self, folders: Mapping[str, Path | None], doctor: Sequence[str] = ()):
        self._catalogue, self._doctor = Catalogue(folders), tuple(doctor)
        self._facts: dict[tuple[str, int], tuple[tuple[int, ...], dict | None]] = {}
        self._pages: OrderedDict[tuple[str, int], _Page] = OrderedDict()
        self._made = 0
        self._work: Work | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def path(self, kind: str, number: int) -> Path | None:
        """The file of an entry that was listed, where it is still there."""
        entry = self._catalogue.find(kind, number)
        return None if entry is None else entry.path

    def close(self) -> None:
        """Forget what was made."""
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def _working(self) -> Work:
        # Made where it is used: before Python 3.10 its lock would belong to another event loop.
        if self._work is None:
            self._work = Work()
        return self._work

    # --- rows ---

    async def list(self, kind: str, tell: Callable[[dict], None]) -> None:
        """Tell what is there: what is known at once, and the rest as it is read."""
        listing = await asyncio.get_running_loop().run_in_executor(None, self._catalogue.listing, kind)
        unread = [one for one in listing.entries if self._known(one) is None]
        if unread:
            tell(self._listing(kind, listing, done=False))
            await self._read(kind, listing, unread, tell)
        tell(self._listing(kind, listing, done=True))

    async def _read(self, kind: str, listing: Listing, unread: list[Entry], tell: Callable[[dict], None]) -> None:
        asked, answered = [json.dumps({"kind": kind, "path": str(one.path)}) for one in unread], 0
        async for line in self._working.lines(("gato_ros.nodes.console.archive.facts",), asked):
            entry = unread[answered]
            self._facts[kind, entry.number] = (entry.state, json.loads(line))
            answered += 1
            if answered % TOLD_EVERY == 0:
                tell(self._listing(kind, listing, done=False))
        for entry in unread[answered : answered + 1]:
            # The one that its reader did not survive; those after it are read the next time.
            self._facts[kind, entry.number] = (entry.state, {"problem": "its reader did not survive it"})

    def _known(self, entry: Entry) -> tuple[dict | None] | None:
        """What was read of it, as it is now."""
        state, found = self._facts.get((entry.kind, entry.number), (None, None))
        return (found,) if state == entry.state else None

    def _listing(self, kind: str, listing: Listing, done: bool) -> dict:
        rows = []
        for entry in listing.entries:
            known = self._known(entry)
            if known == (None,):
                continue  # not of this kind
            row = {"number": entry.number, "name": entry.name, "modified_s": round(entry.modified_s, 1)}
            found = {} if known is None else known[0]
            picture = bool(found.get("picture"))
            shown = {name: value for name, value in found.items() if name != "picture"}
            rows.append({**row, "read": known is not None, **shown, "picture": picture})
        more, problem = listing.left_out, listing.problem
        return {"kind": "listing", "what": kind, "rows": rows, "more": more, "problem": problem, "done": done}

    def picture(self, kind: str, number: int) -> bytes | None:
        """A thumbnail as JPEG."""
        _, found = self._facts.get((kind, number), (None, None))
        return base64.b64decode(found["picture"]) if found and found.get("picture") else None

    # --- pages ---

    async def open(self, kind: str, number: int) -> dict:
        """Make what is shown of an entry: a page, or an incident's verdict; `problem` says why there is none."""
        answer = {"kind": "opened", "what": kind, "number": number, "page": False, "problem": "", "replay": None}
        entry = await asyncio.get_running_loop().run_in_executor(None, self._catalogue.find, kind, number)
        if entry is None:
            return {**answer, "problem": "it is not there any more"}
        if kind == "reports" and entry.path.suffix == ".html":
            return {**answer, "page": True}
        page = self._pages.get((kind, number))
        if page is None or page.state != entry.state:
            made = await self._make(entry)
            if isinstance(made, str):
                return {**answer, "problem": made}
            page = self._keep(kind, number, made)
        return {**answer, **page.shown}

    async def _make(self, entry: Entry) -> _Page | str:
        folder = self._new_folder()
        if entry.kind == "incidents":
            return await self._replay(entry, folder / "replay.json")
        if entry.kind == "reports":
            return "a result alone has no page: compare it with another one"
        target = folder / f"{entry.path.stem}.html"
        done = await self._verb("episodes", "view", str(entry.path), "--out", str(folder))
        return _Page(entry.state, target, {"page": True}) if target.is_file() else _why(done)

    async def _replay(self, entry: Entry, target: Path) -> _Page | str:
        done = await self._verb("replay", str(entry.path), "--json", str(target))
        try:
            found = json.loads(target.read_text())
        except (OSError, ValueError):
            return _why(done)
        layers = [{name: one[name] for name in ("name", "compared", "different")} for one in found["layers"]]
        for layer, one in zip(layers, found["layers"], strict=True):
            first = one.get("first")
            layer["first"] = first and f"{first['at_s']:+.3f} s, {first['where']}"
            layer["skipped"] = "; ".join(f"{count}: {why}" for why, count in one["not_compared"].items())
        replay = {"ok": bool(found["ok"]), "reason": str(found.get("reason", "")), "layers": layers}
        return _Page(entry.state, target, {"replay": {**replay, "notes": [str(note) for note in found["notes"]]}})

    async def compare(self, number: int, other: int) -> dict:
        """A page for two results, episode by episode."""
        answer = {"kind": "opened", "what": COMPARISONS, "number": 0, "page": False, "problem": "", "replay": None}
        paths = [self.path("reports", one) for one in (number, other)]
        if None in paths or any(path.suffix != ".json" for path in paths):
            return {**answer, "problem": "expected two results (*.json) that are there"}
        target = self._new_folder() / "report.html"
        verb = ("evaluate", "--result", str(paths[0]), "--against", str(paths[1]), "--report", str(target))
        done = await self._verb(*verb)
        if not target.is_file():
            return {**answer, "problem": _why(done)}
        self._made += 1
        self._keep(COMPARISONS, self._made, _Page((), target, {"page": True}))
        return {**answer, "number": self._made, "page": True}

    def page(self, kind: str, number: int) -> Path | None:
        """The HTML file of an entry that was opened."""
        if kind == "reports":
            path = self.path(kind, number)
            if path is not None and path.suffix == ".html":
                return path
        page = self._pages.get((kind, number))
        return page.path if page is not None and page.path.suffix == ".html" else None

    async def doctor(self) -> dict:
        """The table of `doctor --robot`, worst first: how it is found, and what to do."""
        target = self._new_folder() / "doctor.json"
        arguments = ("gato_ros", "doctor", "--robot", *self._doctor, "--json", str(target))
        done = await self._working.run(*arguments, niceness=BESIDE_THE_LOOP)
        try:
            found = json.loads(target.read_text())
        except (OSError, ValueError):
            return {"kind": "doctor", "rows": [], "problem": _why(done)}
        rows = [{name: str(row[name]) for name in ("level", "what", "found", "fix")} for row in found["findings"]]
        order = ("red", "yellow", "green")
        rows.sort(key=lambda row: order.index(row["level"]) if row["level"] in order else -1)
        return {"kind": "doctor", "rows": rows, "problem": ""}

    async def _verb(self, *arguments: str) -> Done:
        return await self._working.run("gato_ros", *arguments)

    def _keep(self, kind: str, number: int, page: _Page) -> _Page:
        self._pages[kind, number] = page
        self._pages.move_to_end((kind, number))
        while len(self._pages) > KEPT_PAGES:
            _, old = self._pages.popitem(last=False)
            old.path.unlink(missing_ok=True)
        return page

    def _new_folder(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="gato_ros_console_")
        return Path(tempfile.mkdtemp(dir=self._folder.name))


def _why(done: Done) -> str:
    """The last words of a process that made nothing."""
    return done.said.splitlines()[-1] if done.said else f"it ended with {done.code} and made nothing"
