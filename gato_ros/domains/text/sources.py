"""Texts by paragraph: of files that a user names, or of what this machine has already. None of them is shipped."""

from __future__ import annotations

import ast
import hashlib
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from gato_ros.core.errors import SetupError

PYTHON, WORDNET, FILES = "python", "wordnet", "files"
WORDNET_FOLDER = Path("/usr/share/wordnet")
"""Where Debian's package wordnet-base puts it."""
HELD_OUT_EVERY = 20
SHORTEST = 20
"""Characters of a paragraph."""
_SKIPPED = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "__pycache__", "turtledemo"}


def paragraphs(entry: str) -> list[str]:
    """The different paragraphs of a source, in an order of their own, the same on every machine.

    Args:
        entry: `python` (the documentation strings of the standard library, PSF licence), `wordnet` (definitions), a
            text file, or a folder of `.txt` files.

    Raises:
        SetupError: no such file, or no text in it.
    """
    if entry == PYTHON:
        texts: Iterable[str] = _documentation()
    elif entry == WORDNET:
        texts = _definitions(WORDNET_FOLDER)
    else:
        texts = map(_read, _files(Path(entry)))
    found = {part: None for text in texts for part in _split(text)}
    if not found:
        raise SetupError(
            expected=f"paragraphs of {SHORTEST} characters or more in {entry}", got="none", fix="name another file"
        )
    return sorted(found, key=_digest)


def held_out(paragraph: str) -> bool:
    """Whether a paragraph is kept for evaluation: one in HELD_OUT_EVERY, by its own sha256."""
    return int(_digest(paragraph)[:8], 16) % HELD_OUT_EVERY == 0


def is_here(entry: str) -> bool:
    """Whether this machine has a source."""
    return entry == PYTHON or (entry == WORDNET and (WORDNET_FOLDER / "data.noun").is_file())


def _digest(paragraph: str) -> str:
    return hashlib.sha256(paragraph.encode()).hexdigest()


def _split(text: str) -> Iterator[str]:
    for part in re.split(r"\n\s*\n", text):
        lines = [line.rstrip() for line in part.expandtabs().splitlines() if line.strip()]
        indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
        joined = "\n".join(line[indent:] for line in lines)
        if len(joined) >= SHORTEST:
            yield joined


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise SetupError(
            expected=f"a text file, a folder of .txt files, `{PYTHON}` or `{WORDNET}`",
            got=str(path),
            fix="check the path",
        )
    return files


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode().replace("\0", "")
    except UnicodeDecodeError as error:
        raise SetupError(
            expected=f"UTF-8 in {path}", got=f"a byte at {error.start} that is none", fix="convert it"
        ) from None


def _documentation() -> Iterator[str]:
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if _SKIPPED & set(path.relative_to(library).parts):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                yield ast.get_docstring(node) or ""


def _definitions(folder: Path) -> Iterator[str]:
    """`word, synonym: meaning` of WordNet's data files."""
    if not is_here(WORDNET):
        raise SetupError(
            expected=f"WordNet in {folder}", got="none", fix="install Debian's wordnet-base, or leave it out"
        )
    for name in ("data.noun", "data.verb", "data.adj", "data.adv"):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            fields, bar, meaning = line.partition(" | ")
            if line.startswith("  ") or not bar:
                continue
            parts = fields.split()
            words = parts[4 : 4 + 2 * int(parts[3], 16) : 2]
            yield f"{', '.join(words).replace('_', ' ')}: {meaning.strip()}"
