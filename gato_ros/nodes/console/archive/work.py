"""Processes that read for the page: one at a time, at a low priority, and ended with whoever waits for them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

LOW, BESIDE_THE_LOOP = 10, 2
"""Niceness: of what reads files; of what listens to the loop, and must not take its own lateness for the loop's."""
LIMIT_S = 600.0
LONGEST_LINE = 4 << 20
LAST_WORDS = 600
"""So many characters are kept of what a process says before it fails."""


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    code: int
    said: str
    """The end of what it wrote on stderr, or on stdout where that is empty."""


class Work:
    """Runs modules of this package. One thread, with an event loop."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def run(self, *arguments: str, niceness: int = LOW) -> Done:
        """`python -m ARGUMENTS`, to its end; it is killed where the caller is cancelled, or after ten minutes."""
        async with self._one_at_a_time:
            process = await self._start(arguments, niceness, asyncio.subprocess.PIPE)
            try:
                out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
            except asyncio.TimeoutError:
                return Done(-1, f"not done after {LIMIT_S:.0f} s")
            finally:
                await _end(process)
        words = (err.decode(errors="replace").strip() or out.decode(errors="replace").strip())[-LAST_WORDS:]
        return Done(process.returncode or 0, words)

    async def lines(self, arguments: Sequence[str], asked: Sequence[str]) -> AsyncIterator[str]:
        """A line for each that is asked; fewer where the process ends early."""
        async with self._one_at_a_time:
            process = await self._start(arguments, LOW, asyncio.subprocess.DEVNULL)
            try:
                for line in asked:
                    process.stdin.write(f"{line}\n".encode())
                    await process.stdin.drain()
                    answer = await asyncio.wait_for(process.stdout.readline(), LIMIT_S)
                    if not answer:
                        return
                    yield answer.decode()
            except (asyncio.TimeoutError, ConnectionError, ValueError):
                return  # what has no answer is said to have none
            finally:
                await _end(process)

    async def _start(self, arguments: Sequence[str], niceness: int, errors: int) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        command = ("-m", "gato_ros.nodes.console.archive.quiet", str(niceness), *arguments)
        return await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=pipe, stdout=pipe, stderr=errors, limit=LONGEST_LINE
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        try:
            process.kill()
        except ProcessLookupError:
            return
        await process.wait()
