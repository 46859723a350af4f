"""What every verb's options have to be before it begins: numbers in range, texts that can be written, places to write.

A place is tried, not guessed: a file without a name is made there and is gone at once.
"""

from __future__ import annotations

import dataclasses
import os
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


WORDS = {"text", "note", "by"}
"""Options that may be an empty text."""


@dataclasses.dataclass(frozen=True)
class Run:
    """That a path is a program; where it is the default, a verb says by itself that it is not installed."""

    made_by: str = ""
    """What to run where there is none."""


Program = Annotated[Path, Run()]
OutFile = Annotated[Path, Written(as_folder=False)]
OutFolder = Annotated[Path, Written(as_folder=True)]


def check_options(options: Any) -> None:
    """Refuse what no verb could use; SetupError names the option."""
    check_bounds(options)
    _check_texts(options, "--")
    _check_not_empty(options)
    hints = typing.get_type_hints(type(options), include_extras=True)
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if not isinstance(value, Path):
            continue
        how = next(_marks(hints[field.name]), Written(as_folder=False) if field.name == "json" else None)
        name = f"--{field.name.replace('_', '-')}"
        if isinstance(how, Written):
            check_place(name, value, how.as_folder)
        elif isinstance(how, Run) and value != field.default and not (value.is_file() and os.access(value, os.X_OK)):
            fix = how.made_by or "check the path"
            raise SetupError(expected=f"a program for {name}", got=shortened(value), fix=fix)


def check_place(name: str, path: Path, as_folder: bool) -> None:
    """SetupError where `path` cannot be written."""
    expected = f"{'a folder' if as_folder else 'a file'} that can be written for {name}"
    try:
        if problem := _problem(path, as_folder):
            raise SetupError(expected=expected, got=f"{shortened(path)}, {problem}", fix="choose another place")
    except OSError as error:
        got = f"{error.strerror or error} ({shortened(path)})"
        raise SetupError(expected=expected, got=got, fix=setup_error_from(error).fix) from None


def _problem(path: Path, as_folder: bool) -> str | None:
    """Why `path` cannot be written; OSError where the system says it better."""
    if path.exists():
        if path.is_dir() != as_folder:
            return "a folder" if path.is_dir() else "a file"
        if not (path.is_dir() or path.is_file()):  # a device or a pipe
            return None
    elif path.is_symlink():
        return "a link that leads nowhere"
    path.with_name(f"{path.name}.partial").exists()  # too long a name says so here
    holder = path if as_folder and path.exists() else _nearest(path)
    if not holder.is_dir():
        return f"below {shortened(holder)}, which is no folder"
    with tempfile.TemporaryFile(dir=holder):
        return None


def _nearest(path: Path) -> Path:
    """The closest thing above `path` that is there, if only as a link that leads nowhere."""
    return next((parent for parent in path.absolute().parents if os.path.lexists(parent)), Path("/"))


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


def _check_not_empty(options: Any) -> None:
    """An empty name, as an unset variable of a shell gives it, is not none; an empty list is nothing to do."""
    for field in dataclasses.fields(options):
        value, name = getattr(options, field.name), f"--{field.name.replace('_', '-')}"
        if field.default is None and field.name not in WORDS and value == "":
            raise SetupError(
                expected=f"a name after {name}", got="an empty one", fix="leave the option out, or name one"
            )
        if value == () and field.default != () and field.default_factory is dataclasses.MISSING:
            raise SetupError(expected=f"at least one for {name}", got="none", fix="name some")


def _marks(hint: Any):
    yield from (one for one in getattr(hint, "__metadata__", ()) if isinstance(one, (Written, Run)))
    for part in typing.get_args(hint):
        yield from _marks(part)
