"""A domain that is no part of the package: a Python file with an object `DOMAIN`, named by its path."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Collection, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from gato_ros.core.errors import SetupError
from gato_ros.domains.domain import Domain

SUFFIX = ".py"
OBJECT = "DOMAIN"
WHERE = "see docs/how-to/domains.md#one-of-your-own"
_METHODS = ("contract", "supervision", "environment", "expert")
_paths: dict[str, str] = {}
_loaded: dict[str, Domain] = {}


def is_file(name: str) -> bool:
    """Whether that is how a file is named, and not a domain of the package."""
    return name.endswith(SUFFIX)


def known_files() -> dict[str, str]:
    """Name -> absolute path of the domains that were loaded from files: what a worker process needs to know."""
    return dict(_paths)


def remember_files(paths: Mapping[str, str]) -> None:
    """Make domains known by name, as another process knows them."""
    _paths.update(paths)


def domain_of_file(path: str, taken: Collection[str]) -> Domain:
    """The domain in that file; from now on its name stands for it.

    Args:
        taken: names that it may not have.

    Raises:
        SetupError: no such file, one that cannot be run, or no domain in it.
    """
    place = str(Path(path).resolve())
    if place not in _loaded:
        domain: Any = getattr(_module(place), OBJECT, None)
        _check(domain, path, taken)
        if _paths.get(domain.name, place) != place:
            fix = "give one of them another name"
            raise SetupError(expected="domains of different names", got=f"{domain.name} in two files", fix=fix)
        _loaded[place], _paths[domain.name] = domain, place
    return _loaded[place]


def _module(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise SetupError(expected="a Python file with a domain", got=f"no file {path}", fix="check the path")
    found = spec_from_file_location(f"gato_ros_domain_{Path(path).stem}", path)
    assert found is not None and found.loader is not None, "a file that ends in .py has a loader"
    module = module_from_spec(found)
    # Whoever looks up a class of it by the name of its module finds it (dataclasses do).
    sys.modules[module.__name__] = module
    try:
        found.loader.exec_module(module)
    except SetupError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
        got = f"{type(error).__name__}: {error}" + (f", line {line}" if line else "")
        raise SetupError(expected=f"a file that can be run: {path}", got=got, fix="mend it") from error
    return module


def _check(domain: Any, path: str, taken: Collection[str]) -> None:
    missing = [name for name in (*get_type_hints(Domain), *_METHODS) if not hasattr(domain, name)]
    if missing:
        got = f"one without {', '.join(missing)}" if domain is not None else "no such object"
        raise SetupError(expected=f"an object {OBJECT} with the members of a domain in {path}", got=got, fix=WHERE)
    # They become parts of names of files, and options hold several tasks with commas between them.
    unfit = [repr(one) for one in (domain.name, *domain.tasks) if not re.fullmatch(r"\w+", one)]
    if unfit or not domain.tasks:
        got = ", ".join(unfit) or "no task"
        raise SetupError(expected=f"names of letters, digits and _ in {path}, one task at least", got=got, fix=WHERE)
    if domain.name in taken:
        raise SetupError(
            expected=f"a new name for the domain in {path}", got=repr(domain.name), fix="choose another: it is taken"
        )
