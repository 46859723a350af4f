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
    from gato_ros.cli.episode_verbs.plot import Plot
    from gato_ros.data.episodes.episode import Episode
    from gato_ros.data.episodes.stream import EpisodeStream

TEMPLATE = Path(__file__).with_name("page.html.jinja")
ZOOM = 3
"""Of the cameras in a film."""
PAGE_PIXELS = 500_000_000
"""A page's film has at most so many, all pictures together: at most 640 wide if it must be, then fewer pictures."""
PAGE_WIDTH = 640
PAGE_BYTES = 32 * 2**20
"""And about so many bytes, where it would have had more pixels."""


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
    from gato_ros.cli.episode_verbs.plot import draw_episode
    from gato_ros.data.episodes.stream import open_episode
    from gato_ros.data.episodes.summary import chosen_files
    from gato_ros.evaluation.progress import counted

    paths, rows = chosen_files(options.places), []
    options.out.mkdir(parents=True, exist_ok=True)
    with counted("view", len(paths), transient=True) as advance:
        for path in paths:
            recorded = open_episode(path)
            plot, target = draw_episode(recorded.episode), options.out / f"{path.stem}.{options.format}"
            if options.format == "html":
                page = _page(path, recorded, plot)
                _whole(target, lambda partial, page=page: partial.write_text(page))
            else:
                _whole(target, lambda partial, one=recorded, plot=plot: write_episode_film(partial, one, plot))
            rows.append({"episode": str(path), "view": str(target), "bytes": target.stat().st_size})
            advance(path.name)
    for row in rows:
        print(row["view"])
    return {"ok": True, "episodes": len(rows), "rows": rows}


def write_episode_film(path: Path, recorded: EpisodeStream, plot: Plot) -> None:
    """An MP4: the cameras, and below them the plot with a line where the film is."""
    from gato_ros.data.exports.video import write_film

    chart, episode = plot.pixels(), recorded.episode

    def frames() -> Iterator[np.ndarray]:
        for at_s, picture in zip(episode.stamps_s - episode.stamps_s[0], pictures(recorded), strict=True):
            lower = chart.copy()
            lower[:, plot.column(at_s, chart.shape[1])] = (0, 0, 0)
            yield lower if picture is None else np.vstack([_widened(picture, chart.shape[1]), lower])

    write_film(path, frames(), rate_hz(episode))


def pictures(recorded: EpisodeStream) -> Iterator[np.ndarray | None]:
    """For every step the cameras side by side, uint8 [height width 3]: each camera's own, or its latest before it.

    Before its first there is the first of all; None throughout an episode without pictures. One step is in memory.
    """
    from gato_ros.data.exports.video import side_by_side

    found = recorded.pictures() if recorded.cameras else iter(())
    shown = {key: np.zeros(shape, np.uint8) for key, shape in recorded.cameras.items()}
    ahead = next(found, None)
    if ahead is not None:
        shown |= ahead[1]
    for step in range(len(recorded.episode.steps)):
        while ahead is not None and ahead[0] <= step:
            shown |= ahead[1]
            ahead = next(found, None)
        yield side_by_side([shown[key] for key in recorded.cameras]) if shown else None


def rate_hz(episode: Episode) -> float:
    """Steps in a second, as recorded."""
    from gato_ros.data.checks.gaps import usual_period_s

    return 1.0 / (usual_period_s(episode.stamps_s) or 0.05)


def _widened(picture: np.ndarray, width: int) -> np.ndarray:
    import cv2

    zoom = min(ZOOM, width // picture.shape[1]) or 1
    large = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    large = large[: large.shape[0] // 2 * 2, :width]
    margin = width - large.shape[1]
    return np.pad(large, ((0, 0), (margin // 2, margin - margin // 2), (0, 0)))


def _page(path: Path, recorded: EpisodeStream, plot: Plot) -> str:
    import jinja2

    from gato_ros.data.checks.verification import verify_episode
    from gato_ros.data.episodes.command_source import command_sources
    from gato_ros.data.episodes.summary import summarise

    one, episode = summarise(path), recorded.episode
    counts = dict(zip(*np.unique(command_sources(episode), return_counts=True)))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE.read_text()).render(
        name=path.name,
        one=one,
        problems=[*verify_episode(path), *one.history.problems],
        labels=[asdict(label) for label in one.history.labels],
        film=_film_data(recorded),
        plot=plot.svg(),
        left=plot.left,
        right=plot.right,
        start_s=plot.start_s,
        end_s=plot.end_s,
        cameras=list(recorded.cameras),
        sources={str(key): int(value) for key, value in counts.items()},
        # The whole contract is in there, too, and would be the longest thing on the page.
        facts={
            **{key: value for key, value in episode.metadata.items() if key != "contract"},
            **{f"outcome: {key}": value for key, value in episode.outcome.items()},
        },
    )


def _film_data(recorded: EpisodeStream) -> str | None:
    """The cameras as a data URL; None without pictures."""
    if not recorded.cameras:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.mp4"
        _write_page_film(path, recorded)
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()


def _write_page_film(path: Path, recorded: EpisodeStream) -> None:
    """Every picture of a short episode as it is; a long one's smaller, then fewer, so that a browser can hold them."""
    from gato_ros.data.exports.video import Film, side_by_side

    count, rate = len(recorded.episode.steps), rate_hz(recorded.episode)
    size, every, most_bits_s = None, 1, None
    height, width = side_by_side([np.zeros(shape, np.uint8) for shape in recorded.cameras.values()]).shape[:2]
    if count * height * width > PAGE_PIXELS:
        shrink = min(1.0, PAGE_WIDTH / width)
        size = tuple(max(2, round(shrink * side / 2) * 2) for side in (width, height))
        every = -(-count * size[0] * size[1] // PAGE_PIXELS)
        most_bits_s = int(8 * PAGE_BYTES * rate / count)
    with Film(path, rate / every, keyframe_every=10, most_bits_s=most_bits_s) as film:
        for step, picture in enumerate(pictures(recorded)):
            if step % every == 0:
                film.add(picture if size is None else _resized(picture, size))


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


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
