"""A terminal whose keys come one by one, also over SSH; it is put back as it was, however the process ends."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import termios
import time

from gato_ros.core.errors import SetupError

STALE_S = 0.25
"""Keys that nobody read for longer than this [s] are old."""
ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
LONGEST = 16
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~]|[^\[O\x1b])")
"""A whole escape sequence: those of keys like Delete hold digits, which are keys of their own here."""


def keys_in(text: str) -> tuple[list[str], str]:
    """The keys of what a terminal sent (characters, and arrows by name), and an unfinished sequence at its end."""
    found = []
    while text:
        if text[0] != "\x1b":
            found.append(text[0])
            text = text[1:]
            continue
        sequence = _SEQUENCE.match(text)
        if sequence is None:
            if len(text) == 1 or (text[1] != "\x1b" and len(text) < LONGEST):
                return found, text
            text = text[1:]  # the Escape key, or nothing that a terminal sends
            continue
        if sequence.group()[1] in "[O" and sequence.group()[2:] in ARROWS:
            found.append(ARROWS[sequence.group()[2:]])
        text = text[sequence.end() :]
    return found, ""


def terminal_behind(descriptor: int) -> str | None:
    """The path of the terminal behind an open file, or None; in a container it may be out of sight."""
    try:
        return os.ttyname(descriptor)
    except OSError:
        return None


def _path() -> str:
    """The terminal that was passed as standard input, or else the one that controls the process."""
    if path := terminal_behind(0):
        return path
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise SetupError(
            expected="a terminal for the keyboard",
            got="none",
            fix="start the node in a terminal (`ssh -t` for a remote one), or choose another device",
        ) from None
    return "/dev/tty"


class TerminalLine:
    """A terminal that is written to and never waited for: what it does not take is left out."""

    def __init__(self, path: str):
        # A description of our own: what is set here does not reach the programs that share the standard streams.
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)

    def write(self, text: str) -> None:
        """Whole lines."""
        self._send(f"\r\x1b[K{text}\n")

    def show(self, line: str) -> None:
        """The one line at the bottom, cut to the width of the terminal."""
        try:
            width = os.get_terminal_size(self._file).columns or 80
        except OSError:
            width = 80
        self._send("\r\x1b[K" + line[: width - 1])

    def _send(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._file, text.encode())

    def close(self) -> None:
        """End the line; safe to call twice."""
        if self._file >= 0:
            self._send("\n")
            os.close(self._file)
            self._file = -1


class Terminal(TerminalLine):
    """Keys without Enter and without echo, and one line that is rewritten. Ctrl-C stays what it is.

    Raises:
        SetupError: there is no terminal, or the process runs in its background.
    """

    def __init__(self) -> None:
        super().__init__(_path())
        with contextlib.suppress(OSError):  # not the terminal that controls us: then nobody stops us for using it
            if os.tcgetpgrp(self._file) != os.getpgrp():
                os.close(self._file)
                raise SetupError(
                    expected="the terminal's foreground for the keyboard",
                    got="a job in its background",
                    fix="start it without `&`",
                )
        self._before = termios.tcgetattr(self._file)
        self._keeper = self._start_keeper()
        self._unfinished, self._read_s = "", time.monotonic()
        self.late = False
        """The keys of the last call had waited for long: the process was held up."""
        self.gone = False
        """The other side has hung up."""
        settings = termios.tcgetattr(self._file)
        settings[0] &= ~termios.IXON  # Ctrl-S would stop all output
        settings[3] &= ~(termios.ICANON | termios.ECHO)
        settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0  # so that nothing read means: hung up
        settings[6][termios.VSUSP] = b"\0"  # Ctrl-Z would leave the shell a terminal without echo
        termios.tcsetattr(self._file, termios.TCSAFLUSH, settings)

    def _start_keeper(self) -> subprocess.Popen:
        """A process that puts the terminal back when ours is killed outright: then its pipe ends."""
        saved = subprocess.run(["stty", "-g"], stdin=self._file, capture_output=True, text=True, check=True).stdout
        # The pipe comes as the standard input, where stty wants the terminal.
        return subprocess.Popen(
            ["sh", "-c", 'cat >/dev/null; exec stty "$0" <&1', saved.strip()],
            stdin=subprocess.PIPE,
            stdout=self._file,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def pressed(self) -> list[str]:
        """What was pressed since the last call."""
        self.late = time.monotonic() - self._read_s > STALE_S
        self._read_s = time.monotonic()
        try:
            received = os.read(self._file, 4096)
        except BlockingIOError:
            return []
        except OSError:
            received = b""
        if not received:
            self.gone = True
            return []
        found, self._unfinished = keys_in(self._unfinished + received.decode(errors="ignore"))
        return [key.lower() for key in found]

    def close(self) -> None:
        """Put everything back; safe to call twice."""
        if self._file < 0:
            return
        self._keeper.kill()
        self._keeper.wait()
        self._keeper.stdin.close()
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._file, termios.TCSAFLUSH, self._before)
        super().close()
