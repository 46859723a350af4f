"""Look at episodes: a page each, whole in one file, or a film, with the cameras, the joints and the actions.

A click on the page's plot takes the film there.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

if TYPE_CHECKING:
    from gato_ros.cli.episode_plot import Plot
    from gato_ros.data.episode import Episode

TEMPLATE = Path(__file__).with_name("episode_page.html.jinja")
ZOOM = 3
"""Of the cameras in a film."""


@dataclass(frozen=True)
class Options:
    """Which episodes, and what to make of them."""

    places: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Files; a folder means all of its episodes."""
    out: Path = Path("out/view")
    """Folder for the pages or films, each named after its episode."""
    format: Literal["html", "mp4"] = "html"
    """A page, or a film with the plot below the cameras."""
    json: Path | None = None
    """Write what was made here as JSON."""


def run(options: Options) -> dict:
    """Make a page or a film of every episode; their paths."""
    from gato_ros.cli.episode_plot import draw_episode
    from gato_ros.cli.progress import counted
    from gato_ros.data.episode import read_episode
    from gato_ros.data.summary import chosen_files

    paths, rows = chosen_files(options.places), []
    options.out.mkdir(parents=True, exist_ok=True)
    with counted("view", len(paths), transient=True) as advance:
        for path in paths:
            episode = read_episode(path)
            plot, target = draw_episode(episode), options.out / f"{path.stem}.{options.format}"
            if options.format == "html":
                page = _page(path, episode, plot)
                _whole(target, lambda partial, page=page: partial.write_text(page))
            else:
                _whole(target, lambda partial, episode=episode, plot=plot: write_episode_film(partial, episode, plot))
            rows.append({"episode": str(path), "view": str(target), "bytes": target.stat().st_size})
            advance(path.name)
    for row in rows:
        print(row["view"])
    return {"ok": True, "episodes": len(rows), "rows": rows}


def write_episode_film(path: Path, episode: Episode, plot: Plot) -> None:
    """An MP4: the cameras, and below them the plot with a line where the film is."""
    from gato_ros.data.film import write_film

    chart = plot.pixels()

    def frames() -> Iterator[np.ndarray]:
        for at_s, picture in zip(episode.stamps_s - episode.stamps_s[0], pictures(episode), strict=True):
            lower = chart.copy()
            lower[:, plot.column(at_s, chart.shape[1])] = (0, 0, 0)
            yield lower if picture is None else np.vstack([_widened(picture, chart.shape[1]), lower])

    write_film(path, frames(), rate_hz(episode))


def pictures(episode: Episode) -> Iterator[np.ndarray | None]:
    """For every step the cameras side by side, uint8 [height width 3]: the step's own, or the latest before it.

    Before the first there is the first; None throughout an episode without pictures.
    """
    keys = [key for key, value in sorted(episode.values.items()) if value.ndim == 4]
    for step in range(len(episode.steps)):
        if not keys or not len(episode.image_steps):
            yield None
            continue
        latest = max(0, int(np.searchsorted(episode.image_steps, step, side="right")) - 1)
        yield np.hstack([episode.values[key][latest] for key in keys])


def rate_hz(episode: Episode) -> float:
    """Steps in a second, as recorded."""
    from gato_ros.data.gaps import usual_period_s

    return 1.0 / (usual_period_s(episode.stamps_s) or 0.05)


def _widened(picture: np.ndarray, width: int) -> np.ndarray:
    import cv2

    zoom = min(ZOOM, width // picture.shape[1]) or 1
    large = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    large = large[: large.shape[0] // 2 * 2, :width]
    margin = width - large.shape[1]
    return np.pad(large, ((0, 0), (margin // 2, margin - margin // 2), (0, 0)))


def _page(path: Path, episode: Episode, plot: Plot) -> str:
    import jinja2

    from gato_ros.data.command_source import command_sources
    from gato_ros.data.summary import summarise
    from gato_ros.data.verification import verify_episode

    one = summarise(path)
    counts = dict(zip(*np.unique(command_sources(episode), return_counts=True)))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE.read_text()).render(
        name=path.name,
        one=one,
        problems=[*verify_episode(path), *one.history.problems],
        labels=[asdict(label) for label in one.history.labels],
        film=_film_data(episode),
        plot=plot.svg(),
        left=plot.left,
        right=plot.right,
        start_s=plot.start_s,
        end_s=plot.end_s,
        cameras=[key for key, value in sorted(episode.values.items()) if value.ndim == 4],
        sources={str(key): int(value) for key, value in counts.items()},
        # The whole contract is in there, too, and would be the longest thing on the page.
        facts={
            **{key: value for key, value in episode.metadata.items() if key != "contract"},
            **{f"outcome: {key}": value for key, value in episode.outcome.items()},
        },
    )


def _film_data(episode: Episode) -> str | None:
    """The cameras as a data URL; None without pictures."""
    from gato_ros.data.film import write_film

    frames = pictures(episode)
    first = next(frames, None)
    if first is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "episode.mp4"
        write_film(film, pictures(episode), rate_hz(episode), keyframe_every=10)
        return "data:video/mp4;base64," + base64.b64encode(film.read_bytes()).decode()


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file under another name first, and put it on the disk before it gets its own."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
