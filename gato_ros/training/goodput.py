"""Where the time of a training goes: the share that its steps have, and a trace of some of them."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

SKIPPED, TRACED = 3, 5
"""Steps of a sitting before the trace begins, the first of which compiles, and steps in it."""


class Goodput:
    """A clock of one sitting. What is no step (compiling, validation, closed loop, checkpoints) runs `aside`."""

    def __init__(self) -> None:
        self._began, self._aside_s = time.monotonic(), 0.0

    @contextlib.contextmanager
    def aside(self, state: Any) -> Iterator[None]:
        """Time of something else. `state` is what the last step gives: a device computes later than it is called."""
        jax.block_until_ready(state)
        began = time.monotonic()
        try:
            yield
        finally:
            self._aside_s += time.monotonic() - began

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def goodput(self) -> float:
        """The share of the time since the start that the steps had, waiting for batches included."""
        elapsed = self.elapsed_s
        return 1.0 - self._aside_s / elapsed if elapsed else 1.0


class Trace:
    """A trace of TRACED steps, which TensorBoard's profile page and xprof open."""

    def __init__(self, folder: Path, first: int):
        """`first`: steps done before this sitting."""
        self._folder, self._begin, self._end = folder, first + SKIPPED, first + SKIPPED + TRACED
        self._runs = self._begun = False

    def after(self, step: int, values: Any) -> None:
        """Begin or end it after `step`, which gave `values`."""
        if step == self._begin:
            jax.block_until_ready(values)
            jax.profiler.start_trace(str(self._folder))
            self._runs = self._begun = True
        elif step == self._end:
            jax.block_until_ready(values)
            self.close()

    def close(self) -> None:
        """End it where the training ends before it does; say so where it had not begun."""
        if not self._begun:
            print(f"no trace: the training ended within {SKIPPED} steps", file=sys.stderr)
        if self._runs:
            jax.profiler.stop_trace()
            self._runs = False
