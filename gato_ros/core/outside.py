"""Errors of the world outside: what a disk, a terminal, memory or a library raises, as one line for a user."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import traceback
from concurrent.futures.process import BrokenProcessPool

from gato_ros.core.errors import SetupError

_DISK = {
    errno.ENOENT: ("a file or folder that exists", "check the path"),
    errno.EACCES: ("permission", "change the permissions, or choose another place"),
    errno.EPERM: ("permission", "change the permissions, or choose another place"),
    errno.EROFS: ("a place that can be written", "choose a place that is not read-only"),
    errno.ENOSPC: ("room on the disk", "make room, or choose another place"),
    errno.EDQUOT: ("room in the quota", "make room, or choose another place"),
    errno.EFBIG: ("a file within the limit of its size", "raise the limit (`ulimit -f`), or choose another place"),
    errno.ENAMETOOLONG: ("a name that the file system takes", "shorten it"),
    errno.EISDIR: ("a file", "name a file in it"),
    errno.ENOTDIR: ("a folder", "check the path: a part of it is a file"),
    errno.EEXIST: ("a place that is free", "move away what is there, or choose another place"),
    errno.ENOTEMPTY: ("an empty folder", "choose another place"),
    errno.ELOOP: ("a link that leads somewhere", "mend the link: it leads to itself"),
    errno.EMFILE: ("a file to open", "raise the limit of open files (`ulimit -n`)"),
    errno.ENFILE: ("a file to open", "raise the limit of open files of this machine"),
    errno.ENOMEM: ("memory", "stop what else runs, or work on less at once"),
    errno.EAGAIN: ("a process or thread to start", "raise the limit of processes (`ulimit -u`)"),
    errno.EIO: ("a disk that works", "look at the system's log (`dmesg`): the disk may be failing"),
    errno.ESTALE: ("a network disk that is there", "mount it again"),
    errno.ENODEV: ("a device that is there", "check the path"),
    errno.ENXIO: ("a device that is there", "check the path"),
    errno.ETXTBSY: ("a program that nobody writes", "wait until it is written"),
    errno.EINVAL: ("a place that can be used so", "choose another place"),
}
"""Number -> what was expected, and what to do."""
_OTHER = ("an operating system that does it", "see the message; `python -m gato_ros doctor` looks at this machine")


def setup_error_from(error: BaseException) -> SetupError | None:
    """The line for an error that the world outside has made; None where the fault is more likely in our own code."""
    if isinstance(error, SetupError):
        return error
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        got = str(error).partition("\n")[0][:200] or "none left"
        return SetupError(expected="enough memory", got=got, fix="stop what else runs, or work on less at once")
    if isinstance(error, UnicodeError):
        return _of_text(error)
    if isinstance(error, BrokenProcessPool):
        return SetupError(
            expected="worker processes that live",
            got="one that was ended from outside or crashed",
            fix="is memory short? take fewer --workers; `python -m gato_ros doctor` looks at the libraries",
        )
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return SetupError(expected="a path", got="a NUL in it", fix="take it out")
    if isinstance(error, subprocess.SubprocessError):
        return SetupError(expected="a program that does its work", got=_shown(error), fix="run it by hand to see more")
    return _of_library(error)


def _of_system(error: OSError) -> SetupError:
    expected, fix = _DISK.get(error.errno or 0, _OTHER)
    said = error.strerror or str(error) or type(error).__name__
    places = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes))]
    if places and os.path.islink(places[0]) and error.errno == errno.ENOENT:
        expected, fix = "a link that leads somewhere", "mend the link"
    where = f" ({' and '.join(shortened(place) for place in places)})" if places else ""
    return SetupError(expected=expected, got=f"{said}{where}", fix=fix)


def _of_text(error: UnicodeError) -> SetupError:
    if isinstance(error, UnicodeDecodeError):
        got = f"byte 0x{error.object[error.start]:02x} at place {error.start}"
        return SetupError(expected="a text file in UTF-8", got=got, fix="is it the right file? convert it (`iconv`)")
    if isinstance(error, UnicodeEncodeError):
        got = f"{error.object[error.start : error.start + 1]!a} at place {error.start}"
        fix = "mend the text or the name, or set LC_ALL=C.UTF-8"
        return SetupError(expected=f"a text that {error.encoding} can write", got=got, fix=fix)
    return SetupError(expected="a text in UTF-8", got=str(error), fix="convert it")


def _of_library(error: BaseException) -> SetupError | None:
    """Of a package that is missing, cannot be loaded, or finds no device."""
    if isinstance(error, ImportError) and not (error.name or "gato_ros").startswith("gato_ros"):
        return SetupError(
            expected=f"the package {error.name}, working",
            got=_shown(error),
            fix="run `make venv`; `python -m gato_ros doctor` names what is missing",
        )
    if isinstance(error, ImportError) and "cannot open shared object" in str(error):
        return SetupError(
            expected="a library of the system", got=_shown(error), fix="`python -m gato_ros doctor` names it"
        )
    frames = traceback.extract_tb(error.__traceback__)
    if _no_device(error, frames):
        wanted = os.environ.get("JAX_PLATFORMS", "")
        return SetupError(
            expected=f"a device for JAX{f' as JAX_PLATFORMS={wanted} asks' if wanted else ''}",
            got=_shown(error),
            fix="unset JAX_PLATFORMS to take what is there" if wanted else "`python -m gato_ros doctor` looks at it",
        )
    if isinstance(error, RecursionError) and frames and f"{os.sep}gato_ros{os.sep}" not in frames[-1].filename:
        return SetupError(
            expected="a file with fewer levels", got="one that is nested too deep", fix="is it the right file?"
        )
    return None


def _no_device(error: BaseException, frames: traceback.StackSummary) -> bool:
    """Whether JAX has failed because it has no device, which it says in many ways (one is an empty AssertionError)."""
    # A worker's frames come as the text of its cause.
    if not any("jax/_src" in frame.filename for frame in frames) and "jax/_src" not in str(error.__cause__):
        return False
    if "Unable to initialize backend" in str(error):
        return True
    jax = sys.modules.get("jax")
    if jax is None:  # it was a worker's: the environment is the same
        return bool(os.environ.get("JAX_PLATFORMS"))
    try:
        jax.devices()
    except Exception:
        return True
    return False


def _shown(error: BaseException) -> str:
    """An error in one short line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if said else ''}{said[:300]}"


def shortened(place: str | os.PathLike) -> str:
    """A path as it can be printed, without the middle of a very long one."""
    text = os.fspath(place).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 120 else f"{text[:60]}...{text[-50:]}"
