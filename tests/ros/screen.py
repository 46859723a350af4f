"""A pseudo-terminal with a program on it: what its user sees and types."""

import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time

from tests.ros.conftest import ROOT


class Screen:
    """`python ARGUMENTS` on a terminal of its own, which controls it or was only passed to it."""

    def __init__(self, *arguments, controlling=True):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        take = (lambda: fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)) if controlling else None
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=take,
        )
        self.text = ""
        os.set_blocking(self.master, False)

    def settings(self):
        return termios.tcgetattr(self.slave)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self) -> str:
        with contextlib.suppress(OSError):
            self.text += os.read(self.master, 65536).decode(errors="replace")
        return self.text

    def wait(self, done, what: str, limit_s: float = 60.0) -> None:
        end_s = time.monotonic() + limit_s
        while not done():
            assert time.monotonic() < end_s, f"waited {limit_s} s for {what}; the screen says {self.read()!r}"
            self.read()
            time.sleep(0.01)

    def shows(self, what: str) -> None:
        self.wait(lambda: what in self.read(), f"{what!r} on the screen")

    def hang_up(self) -> None:
        """As when the connection is lost."""
        os.close(self.master)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for end in (self.master, self.slave):
            with contextlib.suppress(OSError):  # it has hung up
                os.close(end)
