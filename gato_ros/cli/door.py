"""The one door through which errors leave the front door: one line, an exit code, nothing half-written.

What the world outside does (a full disk, a file that is no text, Ctrl-C, a closed pipe) is no fault of the program and
reads like every other refusal. What is left is a fault of ours and says so. GATO_ROS_TRACEBACK=1 shows where either
came from.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

from gato_ros.core.outside import setup_error_from

TRACEBACK = "GATO_ROS_TRACEBACK"
"""Environment variable: `1` prints the traceback above the line."""
SUCCESS, REPORTED, REFUSED, FAULT, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 70, 130, 141
EXIT_CODES = {
    SUCCESS: "success",
    REPORTED: "the verb did its work and reports a failure",
    REFUSED: "an input or the environment cannot be used; nothing was begun, or what was begun is left whole",
    FAULT: "a fault of gato_ros",
    INTERRUPTED: "interrupted (Ctrl-C)",
    PIPE_CLOSED: "nobody reads the output any more (`... | head`)",
}


def passed(name: str, work: Callable[[], int]) -> int:
    """What `work` returns, or the exit code of the error that ends it, said in one line on stderr.

    Args:
        name: the verb, in front of the line.
    """
    _open_streams()
    with _threads_through(name):
        try:
            code = work()
            sys.stdout.flush()
            return code
        except SystemExit as end:
            if isinstance(end.__context__, BrokenPipeError):  # rich ends the process by itself
                return PIPE_CLOSED
            raise
        except KeyboardInterrupt as error:
            return _say(f"gato_ros {name}: interrupted", INTERRUPTED, error)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                _drop_output()
                return PIPE_CLOSED
            return _report(name, error)


def worded(name: str, error: BaseException) -> str:
    """The line for an error."""
    known = setup_error_from(error)
    if known is not None:
        return " ".join(f"gato_ros {name}: {known}".split())
    said = " ".join(str(error).split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return (
        f"gato_ros {name}: this is a fault of gato_ros: {type(error).__name__}{': ' if said else ''}{said}{place}; "
        f"run again with {TRACEBACK}=1 and report it"
    )


def _report(name: str, error: Exception) -> int:
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    code = _say(worded(name, error), FAULT if setup_error_from(error) is None else REFUSED, error)
    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # the output itself is what failed: Python would complain again at its end
        _drop_output()
    return code


def _say(line: str, code: int, error: BaseException) -> int:
    if os.environ.get(TRACEBACK) == "1":
        traceback.print_exception(error)
    # Nobody may be there to read it; the exit code stays.
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
    return code


@contextlib.contextmanager
def _threads_through(name: str) -> Iterator[None]:
    """An error in a thread is a line too; one where nobody can catch it, only with the traceback."""
    before = threading.excepthook, sys.unraisablehook

    def in_thread(failure) -> None:
        if failure.exc_value is not None:
            _say(worded(name, failure.exc_value), FAULT, failure.exc_value)

    def nowhere(failure) -> None:
        # An object that could not end well, after an error that was said: a file on a full disk is closed again.
        if failure.exc_value is not None and os.environ.get(TRACEBACK) == "1":
            traceback.print_exception(failure.exc_value)

    threading.excepthook, sys.unraisablehook = in_thread, nowhere
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before


def _open_streams() -> None:
    """Streams that were closed before the start lead nowhere, and no character is too odd to be printed."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:  # else the next file to be opened takes the number, and what is printed goes into it
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+" if number == 0 else "w"))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")


def _nobody_reads() -> bool:
    """Whether the reader of stdout has gone."""
    try:
        watch = select.poll()
        watch.register(sys.stdout.fileno(), select.POLLOUT)
        return any(event & select.POLLERR for _, event in watch.poll(0))
    except (OSError, ValueError, AttributeError):
        return False


def _drop_output() -> None:
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
