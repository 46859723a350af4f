"""What a part of a mixture learns to write from: collected scenes, or texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import SCENES

if TYPE_CHECKING:
    from gato_ros.models.config import GatoConfig
    from gato_ros.training.mixture.writing import Source

Both = tuple["Source", "Source"]
"""To train on, and to hold out."""


def sources(
    domain: str, tasks: Sequence[str], data: Sequence[Path], limit: int | None, model: GatoConfig
) -> tuple[Both, dict[str, int]]:
    """The sources of a part, and how many scenes, or tokens of text, each entry of its data has.

    Args:
        tasks: kinds of questions; of text they count for nothing.
        data: folders by `collect`; of text names of sources, files or folders.
        limit: take the first so many scenes, or paragraphs, of each.

    Raises:
        SetupError: nothing there, or too little to hold some out.
    """
    return _scenes(tasks, data, limit, model) if domain == SCENES else _texts(data, limit, model)


def _scenes(
    kinds: Sequence[str], folders: Sequence[Path], limit: int | None, model: GatoConfig
) -> tuple[Both, dict[str, int]]:
    from gato_ros.domains.scenes.domain import COLLECTED
    from gato_ros.domains.scenes.source import SceneSource
    from gato_ros.domains.scenes.spec import SPEC
    from gato_ros.evaluation.training_run.data import VALIDATION_SHARE, domain_recordings

    training, validation, counts = domain_recordings(tuple(folders), SPEC, (COLLECTED,), limit, 0.0, VALIDATION_SHARE)
    return (SceneSource(training, kinds, model), SceneSource(validation, kinds, model)), counts


def _texts(entries: Sequence[Path], limit: int | None, model: GatoConfig) -> tuple[Both, dict[str, int]]:
    from gato_ros.domains.text.source import TextSource
    from gato_ros.domains.text.sources import held_out, paragraphs

    counts: dict[str, int] = {}
    parts: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for entry in map(str, entries):
        found = paragraphs(entry)[:limit]
        counts[entry] = len(TextSource(found, model))
        print(f"train: {len(found)} paragraphs of {entry}, {counts[entry]} tokens", flush=True)
        for one in found:
            parts[held_out(one)][one] = None
    if not (parts[True] and parts[False]):
        raise SetupError(
            expected="enough paragraphs to hold one in twenty out",
            got=f"{len(parts[True])} held out and {len(parts[False])} to learn from",
            fix="name more text as data of the part",
        )
    return (TextSource(list(parts[False]), model), TextSource(list(parts[True]), model)), counts
