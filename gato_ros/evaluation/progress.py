"""A progress bar on a terminal; in a log file, where a bar shows nothing until its end, a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

LOG_EVERY_S = 30.0


@contextlib.contextmanager
def counted(
    title: str,
    total: int,
    done: int = 0,
    quiet: bool = False,
    log_every_s: float = LOG_EVERY_S,
    transient: bool = False,
) -> Iterator[Callable[[str], None]]:
    """Yields `advance(note)`, to be called when one more of `total` is done.

    Args:
        title: what is counted, one word.
        done: how many were done before.
        quiet: show nothing.
        log_every_s: shortest time between two lines of a log [s].
        transient: the bar goes when all is done, because a table follows; in a log it is not there at all.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    # A redraw costs as much as a control tick: twice a second is enough.
    with Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        refresh_per_second=2,
        transient=transient,
        disable=quiet or (transient and not sys.stdout.isatty()),
    ) as progress:
        bar, count, printed_s = progress.add_task("", total=total, completed=done, note=""), done, time.monotonic()

        def advance(note: str) -> None:
            nonlocal count, printed_s
            count += 1
            progress.update(bar, completed=count, note=note)
            if not quiet and not progress.console.is_terminal and time.monotonic() - printed_s >= log_every_s:
                printed_s = time.monotonic()
                print(f"{title}: {count} of {total}; {note}", flush=True)

        yield advance
