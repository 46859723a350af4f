"""A contact sheet of failed episodes: one film of all side by side, and one picture of how each ended."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import cv2
import numpy as np

from gato_ros.data.exports.video import write_film
from gato_ros.evaluation.episode import PLAIN, Clip, Job, film_job
from gato_ros.evaluation.outcomes import EpisodeOutcome

FILM, PICTURE = "failures.mp4", "failures.png"
BAR_HEIGHT_PX = 24
LARGE_SHEET = 16
"""Up to so many tiles are shown at twice the cameras' size."""


def film_failures(outcomes: Mapping[Job, EpisodeOutcome], folder: Path, count: int, pool: Executor) -> dict | None:
    """Run failed episodes again with pictures and write their sheet into `folder`.

    Returns what was filmed, ready for JSON; None, and nothing is written, if no episode failed.
    """
    chosen = failures_to_film(outcomes, count)
    if not chosen:
        return None
    clips = list(pool.map(film_job, chosen))
    same = [clip.outcome.row() == outcomes[clip.job].row() for clip in clips]
    film, picture = write_sheet(clips, folder, [title(clip, alike) for clip, alike in zip(clips, same)])
    rows = [
        {
            "set": clip.job.object_set,
            "condition": clip.job.condition,
            "seed": clip.job.seed,
            "failure": outcomes[clip.job].failure,
            "reproduced": alike,
        }
        for clip, alike in zip(clips, same)
    ]
    return {"film": str(film), "picture": str(picture), "episodes": rows}


def failures_to_film(outcomes: Mapping[Job, EpisodeOutcome], count: int) -> list[Job]:
    """Up to `count` failed jobs, the first of each kind (world, set, failure) before the second of any."""
    seen: Counter = Counter()
    ranked = []
    for job, outcome in outcomes.items():
        if not outcome.success:
            kind = (job.condition, job.object_set, outcome.failure)
            ranked.append((seen[kind], job))
            seen[kind] += 1
    chosen = [job for _, job in sorted(ranked, key=lambda one: one[0])[:count]]
    order = {job: place for place, job in enumerate(outcomes)}
    return sorted(chosen, key=order.__getitem__)


def write_sheet(clips: Sequence[Clip], folder: Path, titles: Sequence[str]) -> tuple[Path, Path]:
    """Write FILM and PICTURE into `folder`, each whole or not at all; returns their paths.

    A tile shows both cameras under the clip's title and its tick; a shorter episode stays at its last frame.
    """
    if not clips:
        raise ValueError("no clips to show")
    folder.mkdir(parents=True, exist_ok=True)
    scale = 2 if len(clips) <= LARGE_SHEET else 1
    length = max(len(clip.frames) for clip in clips)

    def sheet(tick: int) -> np.ndarray:
        return _grid(
            [
                _tile(clip, title, min(tick, len(clip.frames) - 1), scale)
                for clip, title in zip(clips, titles, strict=True)
            ]
        )

    film, picture = folder / FILM, folder / PICTURE
    _whole(film, lambda path: write_film(path, map(sheet, range(length)), clips[0].rate_hz))
    _whole(picture, lambda path: _save_picture(path, sheet(length - 1)))
    return film, picture


def title(clip: Clip, reproduced: bool) -> str:
    """Set, seed, world and failure of a clip; what it was if running it again did not give the same."""
    world = "" if clip.job.condition == PLAIN else f" {clip.job.condition}"
    ending = clip.outcome.ending
    return f"{clip.job.object_set} {clip.job.seed}{world}: {ending}" + ("" if reproduced else " (differs)")


def _tile(clip: Clip, text: str, tick: int, scale: int) -> np.ndarray:
    """uint8 [height width 3] RGB: a bar with the text above the picture of that tick."""
    picture = cv2.imdecode(np.frombuffer(clip.frames[tick], np.uint8), cv2.IMREAD_COLOR)
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    bar = np.full((BAR_HEIGHT_PX, picture.shape[1], 3), 30, np.uint8)
    text = f"{text}  t {tick}"
    room = picture.shape[1] - 8
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    cv2.putText(
        bar,
        text,
        (4, BAR_HEIGHT_PX - 8),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.5 * min(1.0, room / width),
        (255, 255, 255),
        1,
        cv2.LINE_AA,
    )
    return np.vstack([bar, picture])


def _grid(tiles: list[np.ndarray]) -> np.ndarray:
    columns = max(1, round(math.sqrt(len(tiles))))
    blank = np.zeros_like(tiles[0])
    tiles = tiles + [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.vstack(rows)


def _save_picture(path: Path, picture: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes())


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make the file under another name first; ffmpeg goes by the ending, so that stays."""
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
