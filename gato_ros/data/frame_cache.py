"""What training reads from episodes, kept so that a second training starts at once: frames, and their order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container
from functools import cache
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.data.cache_place import cache_folder, cached_file
from gato_ros.data.episodes.episode import episode_paths
from gato_ros.data.episodes.stream import open_episode
from gato_ros.data.frames import SUFFIX, Frames, load_frames, rendered_steps, save_rendered_steps


def kept_file(episode: Path, suffix: str, save: Callable[[Path], None]) -> Path | None:
    """The file kept for an episode, made by `save` where there is none; None where there is no room, which is said.

    It is named after the episode and its size: another recording of the same name has another file.
    """
    name = f"{episode.stem}-{episode.stat().st_size}{suffix}"
    if (found := cached_file(episode.parent, name)) is not None:
        return found
    folder = cache_folder(episode.parent)
    if folder is None:
        _say_no_room(episode.parent, "no folder for it can be written")
        return None
    try:
        save(folder / name)
    except OSError as error:
        _say_no_room(episode.parent, f"{error.strerror or error} in {folder}")
        return None
    return folder / name


@cache
def _say_no_room(data: Path, reason: str) -> None:
    """Once for a folder and a reason."""
    text = (
        f"gato_ros: what is read from {data} is not kept ({reason}): it stays in memory, and the next training reads "
        "the episodes again; make room there, or name another folder with XDG_CACHE_HOME"
    )
    print(text, file=sys.stderr, flush=True)


def episode_frames(path: Path) -> Frames:
    """The rendered steps of a recorded episode; kept."""
    kept = kept_file(path, SUFFIX, lambda target: save_rendered_steps(target, open_episode(path)))
    return rendered_steps(open_episode(path)) if kept is None else load_frames(kept)


def frame_parts(folder: Path, skip: Container[Path] = ()) -> list[Frames]:
    """The frames of a folder, file by file: its `*.frames.npz` and the rendered steps of its episodes (kept).

    Args:
        skip: episodes that do not count (`admission.left_out`).

    Raises:
        SetupError: the folder holds neither.
    """
    folder = Path(folder)
    parts = [load_frames(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    parts += [episode_frames(path) for path in episode_paths(folder) if path not in skip]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise SetupError(
            expected=f"episodes or frames in {folder}", got="none", fix="run `python -m gato_ros collect` first"
        )
    return parts
