"""The policies that come with the package, and the one judgement of what a user's name for weights means.

Without JAX: verbs ask it before they load anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from gato_ros.core.errors import SetupError

SHIPPED = Path(__file__).resolve().parent / "weights"
PARAMETERS_FILE, CONFIG_FILE = "params.safetensors", "config.json"


def shipped_policies() -> list[Path]:
    """The folders of the policies that come with the package."""
    return _with_weights(SHIPPED)


def weights_folder(name: str | Path, besides: Iterable[str] = ()) -> Path:
    """The folder that `name` means: a path, or the name of a shipped policy.

    Args:
        besides: words that the caller takes in place of weights, like `hold`; for the message.

    Raises:
        SetupError: it has no weights, or half of them.
    """
    given = Path(name)
    for folder in (given, *([SHIPPED / given] if _is_a_name(name) else [])):
        if str(name) and (folder / PARAMETERS_FILE).is_file():
            if not (folder / CONFIG_FILE).is_file():
                raise SetupError(
                    expected=f"{CONFIG_FILE} beside {PARAMETERS_FILE} in {folder}",
                    got="none",
                    fix="name a folder that `train` wrote",
                )
            return folder
    kinds = [*besides, f"a folder with weights ({PARAMETERS_FILE}, {CONFIG_FILE})", "or the name of a shipped policy"]
    raise SetupError(
        expected=f"a policy: {', '.join(kinds)}",
        got=f"{str(name)!r}, " + (f"a folder without {PARAMETERS_FILE}" if given.is_dir() else "no such folder"),
        fix=_nearest(str(name)),
    )


def _is_a_name(name: str | Path) -> bool:
    return str(name) not in ("", ".", "..") and Path(name).name == str(name)


def _nearest(name: str) -> str:
    """What to do about a name that means no weights."""
    given, shipped = Path(name), [folder.name for folder in shipped_policies()]
    inside, siblings = (_with_weights(folder) if name else [] for folder in (given, given.parent))
    near = difflib.get_close_matches(given.name, [*shipped, *(folder.name for folder in siblings)], n=1)
    parts = [f"did you mean {str(inside[-1])!r}?"] if inside else [f"did you mean {near[0]!r}?"] if near else []
    if siblings:
        parts.append(f"beside it there are: {', '.join(folder.name for folder in siblings)}")
    return "; ".join([*parts, f"shipped are: {', '.join(shipped) or 'none'}"])


def _with_weights(folder: Path) -> list[Path]:
    """The folders in `folder` that hold weights."""
    try:
        return sorted(path.parent for path in folder.glob(f"*/{PARAMETERS_FILE}"))
    except OSError:  # a folder that may not be read has nothing to offer
        return []
