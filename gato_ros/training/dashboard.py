"""What `train` shows while it works: a live picture on a terminal, a line per report in a log file."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gato_ros.training.loop import CURVES, Progress
from gato_ros.training.supervision import Curve

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 48
"""Characters of a sparkline."""
LOSSES = (
    Curve("train", ("loss",), "training loss"),
    Curve("validation", ("loss",), "validation loss"),
)
CLOSED_LOOP = Curve("closed_loop", ("rate",), "closed-loop success", "%", 100.0)


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """The last values as blocks, lowest to highest; each block the mean of as many values as needed to fit."""
    if not values:
        return ""
    each = -(-len(values) // width)
    means = [sum(values[i : i + each]) / len(values[i : i + each]) for i in range(0, len(values), each)]
    low, high = min(means), max(means)
    reach = (high - low) or 1.0
    return "".join(BLOCKS[round((value - low) / reach * (len(BLOCKS) - 1))] for value in means)


class Dashboard:
    """The curves of one run, those of earlier sittings included."""

    def __init__(
        self, steps: int, batch: int, folder: Path, curves: Sequence[Curve] = (), console: Console | None = None
    ):
        """`curves` are the domain's (`Supervision.curves`), shown between the losses and the closed loop."""
        self._curves = curves
        self._steps, self._batch, self._began, self._note = steps, batch, time.monotonic(), "compiling"
        self._console = console or Console()
        self._step, self._frames_per_s = 0, None
        self._reports = read_curves(folder)
        self._live: Live | None = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[Dashboard]:
        """Show it while the context lasts, if there is a terminal."""
        if not self._console.is_terminal:
            self._say(f"{self._steps} steps of {self._batch}, compiling")
            yield self
            return
        with Live(get_renderable=self._picture, console=self._console, refresh_per_second=2) as self._live:
            yield self

    def note(self, text: str) -> None:
        """What goes on now."""
        self._note = text
        if self._live is None:
            self._say(text)

    def report(self, progress: Progress) -> None:
        """Take in a row of the curves."""
        self._reports.setdefault(progress.kind, {})[progress.step] = progress.values
        self._step, self._note = progress.step, "training"
        self._frames_per_s = progress.values.get("frames_per_s", self._frames_per_s)
        if self._live is None:
            values = " ".join(f"{key} {value:.4g}" for key, value in progress.values.items())
            self._say(f"{progress.kind} step {progress.step} of {self._steps}{self._left()}: {values}")

    def _say(self, text: str) -> None:
        print(f"train: {text}", flush=True)

    def _left(self) -> str:
        if not self._frames_per_s:
            return ""
        minutes = (self._steps - self._step) * self._batch / self._frames_per_s / 60
        return f", {minutes // 60:.0f} h {minutes % 60:.0f} min left"

    def _picture(self) -> Group:
        speed = f", {self._frames_per_s:.0f} frames/s" if self._frames_per_s else ""
        minutes = (time.monotonic() - self._began) / 60
        head = Text(f"train {self._step} of {self._steps}{speed}{self._left()}; {minutes:.0f} min here; {self._note}")
        table = Table("", "latest", "", "course", box=None, padding=(0, 1))
        for curve in (*LOSSES, *self._curves, CLOSED_LOOP):
            values = self._course(curve.kind, curve.keys)
            if values and (curve is CLOSED_LOOP or any(values)):  # an error of 0 all along: there is no such truth
                table.add_row(curve.name, f"{values[-1] * curve.factor:.3g}", curve.unit, sparkline(values))
        bar = Padding(ProgressBar(self._steps, self._step, width=WIDTH + 32), (0, 0))  # alone it ends no line
        return Group(head, bar, table)

    def _course(self, kind: str, keys: Sequence[str]) -> list[float]:
        rows = [row for _, row in sorted(self._reports.get(kind, {}).items()) if all(key in row for key in keys)]
        return [sum(row[key] for key in keys) / len(keys) for row in rows]


def read_curves(folder: Path) -> dict[str, dict[int, dict[str, float]]]:
    """Kind -> step -> values of a run; of a step that was done twice, the later ones."""
    path, reports = folder / CURVES, {}
    for line in path.read_text().splitlines() if path.exists() else []:
        row = json.loads(line)
        reports.setdefault(row.pop("kind"), {})[row.pop("step")] = row
    return reports
