"""What every verb's options have to be before it begins: numbers in range, texts that can be written, places to write.

A place is tried, not guessed: a file without a name is made there and is gone at once.
"""

from __future__ import annotations

import dataclasses
import tempfile
import typing
from pathlib import Path
from typing import Annotated, Any

from gato_ros.core.bounds import check_bounds
from gato_ros.core.errors import SetupError
from gato_ros.core.outside import setup_error_from, shortened


@dataclasses.dataclass(frozen=True)
class Written:
    """That a path is written: `as_folder`, or as a file."""

    as_folder: bool


OutFile = Annotated[Path, Written(as_folder=False)]
OutFolder = Annotated[Path, Written(as_folder=True)]


def check_options(options: Any) -> None:
    """Refuse what no verb could use; SetupError names the option."""
    check_bounds(options)
    _check_texts(options, "--")
    hints = typing.get_type_hints(type(options), include_extras=True)
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if not isinstance(value, Path):
            continue
        how = next(_marks(hints[field.name]), Written(as_folder=False) if field.name == "json" else None)
        if how:
            check_place(f"--{field.name.replace('_', '-')}", value, how.as_folder)


def check_place(name: str, path: Path, as_folder: bool) -> None:
    """SetupError where `path` cannot be written."""
    what = "a folder" if as_folder else "a file"
    refused = SetupError(expected=f"{what} that can be written for {name}", got=_seen(path), fix="choose another place")
    try:
        if path.is_symlink() and not path.exists():
            raise refused
        if path.exists() and (path.is_dir() if not as_folder else not path.is_dir()):
            raise refused
        if path.exists() and not as_folder and not path.is_file():  # a device, a pipe
            return
        Path(f"{path.absolute()}.partial").exists()  # too long a name says so here
        holder = path if as_folder and path.exists() else _nearest(path)
        if not holder.is_dir():
            raise refused
        with tempfile.TemporaryFile(dir=holder):
            pass
    except OSError as error:
        raise SetupError(
            expected=f"{what} that can be written for {name}",
            got=f"{error.strerror or error} ({shortened(path)})",
            fix=setup_error_from(error).fix,
        ) from None


def _nearest(path: Path) -> Path:
    """The closest thing above `path` that is there."""
    return next((parent for parent in path.absolute().parents if parent.exists()), Path("/"))


def _seen(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return f"{shortened(path)}, a link that leads nowhere"
    return f"{shortened(path)}, {'a folder' if path.is_dir() else 'a file' if path.exists() else 'below a file'}"


def _check_texts(options: Any, prefix: str) -> None:
    for field in dataclasses.fields(options):
        value, name = getattr(options, field.name), f"{prefix}{field.name.replace('_', '-')}"
        if dataclasses.is_dataclass(value):
            _check_texts(value, f"{name}.")
            continue
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, (str, Path)) and "\0" in str(one):
                raise SetupError(expected=f"{name} without a NUL", got=ascii(str(one))[:80], fix="take it out")
            if isinstance(one, str):
                try:
                    one.encode()
                except UnicodeEncodeError:
                    raise SetupError(expected=f"{name} in UTF-8", got=ascii(one)[:80], fix="mend the text") from None


def _marks(hint: Any):
    yield from (one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Written))
    for part in typing.get_args(hint):
        yield from _marks(part)
