"""Episodes as a LeRobot dataset, format v3.0: parquet for values, a film or PNGs for cameras, JSON for what it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.text import text_from_value
from gato_ros.data.exports.lerobot_files import arrow_table, write_json, write_table, write_tasks
from gato_ros.data.exports.lerobot_statistics import counted, no_counts, picture_spread, spread
from gato_ros.data.exports.selection import Selection, Take, action_names, value_names, write_whole
from gato_ros.data.exports.video import Film

VERSION = "v3.0"
Pictures = Literal["mp4", "png"]
FILES_PER_CHUNK = 1000
FILE_BYTES = 100 * 2**20
"""A file of values is full above this."""
ROW_GROUP_BYTES = 16 * 2**20
"""So much of an episode's PNGs is in memory at once."""
PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
KEYFRAME_EVERY = 2
"""As LeRobot films: any frame is one step from one that stands for itself."""
BOOKKEEPING = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


def export_lerobot(
    selection: Selection, target: Path, pictures: Pictures = "mp4", done: Callable[[str], None] = lambda name: None
) -> int:
    """Write the folder `target`, whole or not at all; the steps in it.

    Args:
        pictures: a film (H.264, small, not exact) or a PNG for every step (exact).

    Raises:
        SetupError: the target exists, or an episode lacks steps.
    """
    total = 0

    def write(folder: Path) -> None:
        nonlocal total
        dataset = _Dataset(folder, selection, pictures)
        try:
            for take in selection.takes():
                dataset.add(take)
                done(take.name)
        finally:
            dataset.close()
        dataset.finish()
        total = dataset.frames

    write_whole(target, write)
    return total


def features(selection: Selection, take: Take, pictures: Pictures) -> dict[str, dict]:
    """What `info.json` says about every column; SetupError for a camera that cannot be filmed."""
    state = [
        name
        for key, values in _numbers(selection, take).items()
        for name in value_names(selection.robot, key, values.shape[1])
    ]
    actions = list(action_names(selection.robot))
    row = {
        name: {"dtype": "float32", "shape": [len(actions)], "names": actions} for name in ("action", "executed_action")
    }
    row["observation.state"] = {"dtype": "float32", "shape": [len(state)], "names": state}
    for key, (height, width, _) in take.cameras.items():
        if pictures == "mp4" and (height % 2 or width % 2):
            raise SetupError(
                expected="cameras of even height and width, for films have no others",
                got=f"{key} {width}x{height}",
                fix="export with --pictures png",
            )
        row[camera_name(key)] = {
            "dtype": "video" if pictures == "mp4" else "image",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
        }
        if pictures == "mp4":
            row[camera_name(key)]["info"] = {
                "video.fps": selection.fps,
                "video.height": height,
                "video.width": width,
                "video.channels": 3,
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.is_depth_map": False,
                "has_audio": False,
            }
    flags = {"next.done": "bool", "next.success": "bool", "recorded_s": "float64", "command_source": "string"}
    texts = {text_name(key): "string" for key in _texts(selection, take)}
    single = {**texts, **flags, **BOOKKEEPING}
    return row | {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in single.items()}


def text_name(key: str) -> str:
    """`observation.task_text` for `task/text`."""
    return "observation." + key.replace("/", "_")


def _texts(selection: Selection, take: Take) -> dict[str, np.ndarray]:
    """Observations that are texts: their bytes among the numbers of the state would be dead joints to LeRobot."""
    return {key: values for key, values in take.vectors.items() if key in selection.robot.texts}


def _numbers(selection: Selection, take: Take) -> dict[str, np.ndarray]:
    return {key: values for key, values in take.vectors.items() if key not in selection.robot.texts}


def camera_name(key: str) -> str:
    """`observation.images.basket_front_left` for `basket_front_left/pixels`: no slashes there."""
    return "observation.images." + key.removesuffix("/pixels").replace("/", "_")


@dataclass
class _Dataset:
    folder: Path
    selection: Selection
    pictures: Pictures
    frames: int = 0
    tasks: dict[str, int] = field(default_factory=dict)
    _features: dict[str, dict] = field(default_factory=dict)
    _episodes: list[dict] = field(default_factory=list)
    _values: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _counts: dict[str, np.ndarray] = field(default_factory=dict)
    _writer: Any = None
    _file: int = 0
    _bytes: int = 0

    def add(self, take: Take) -> None:
        if not self._features:
            self._features = features(self.selection, take, self.pictures)
        number, columns = len(self._episodes), self._columns(take)
        if self._writer is not None and self._bytes > FILE_BYTES:
            self.close()
            self._file, self._bytes = self._file + 1, 0
        row = {
            "episode_index": number,
            "tasks": [take.task],
            "length": len(take),
            **{f"data/{name}": value for name, value in _place(self._file).items()},
            "dataset_from_index": self.frames,
            "dataset_to_index": self.frames + len(take),
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }
        if self.pictures == "mp4":
            self._write(columns)
            films, counts = self._film(take, number)
            row |= films
        else:
            counts = self._write_with_pngs(take, columns)
        self._episodes.append(row | self._statistics(take, columns, counts))
        self.frames += len(take)

    def _write(self, columns: dict[str, Any]) -> None:
        import pyarrow.parquet as parquet

        table = arrow_table(columns, self._features)
        if self._writer is None:
            path = self.folder / "data" / f"{PLACE.format(**_place(self._file))}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = parquet.ParquetWriter(path, table.schema)
        self._writer.write_table(table)
        self._bytes += table.nbytes

    def _write_with_pngs(self, take: Take, columns: dict[str, Any]) -> dict[str, np.ndarray]:
        """The episode's rows, some at a time; how often each colour of each camera has each value [3 256]."""
        counts = no_counts(take.cameras)
        pngs: dict[str, list[dict]] = {key: [] for key in take.cameras}
        first = size = 0

        def write_rows(end: int) -> None:
            nonlocal first, size
            rows = {name: values[first:end] for name, values in columns.items()}
            self._write(rows | {camera_name(key): pngs[key] for key in pngs})
            first, size = end, 0
            for found in pngs.values():
                found.clear()

        for step, pictures in enumerate(take.pictures()):
            for key, pixels in pictures.items():
                counts[key] += counted(pixels)
                pngs[key].append(_png(pixels))
                size += len(pngs[key][-1]["bytes"])
            if size > ROW_GROUP_BYTES:
                write_rows(step + 1)
        if first < len(take):
            write_rows(len(take))
        return counts

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def finish(self) -> None:
        """What is known once all episodes are there."""
        meta = self.folder / "meta"
        write_table(meta / "episodes" / f"{PLACE.format(**_place(0))}.parquet", self._episodes)
        write_tasks(meta / "tasks.parquet", list(self.tasks))
        statistics = {name: spread(np.concatenate(parts)) for name, parts in self._values.items()}
        statistics |= {name: picture_spread(counts, self.frames) for name, counts in self._counts.items()}
        write_json(meta / "stats.json", statistics)
        write_json(
            meta / "info.json",
            {
                "codebase_version": VERSION,
                "robot_type": self.selection.robot.name,
                "total_episodes": len(self._episodes),
                "total_frames": self.frames,
                "total_tasks": len(self.tasks),
                "chunks_size": FILES_PER_CHUNK,
                "data_files_size_in_mb": FILE_BYTES // 2**20,
                "video_files_size_in_mb": 200,
                "fps": self.selection.fps,
                "splits": {"train": f"0:{len(self._episodes)}"},
                "data_path": f"data/{PLACE}.parquet",
                "video_path": f"videos/{{video_key}}/{PLACE}.mp4" if self.pictures == "mp4" else None,
                "features": self._features,
            },
        )

    def _columns(self, take: Take) -> dict[str, Any]:
        steps = np.arange(len(take))
        task = self.tasks.setdefault(take.task, len(self.tasks))
        last = steps == len(take) - 1
        return {
            "action": take.actions,
            "executed_action": take.executed,
            "observation.state": np.concatenate([*_numbers(self.selection, take).values()], 1, dtype=np.float32),
            **{text_name(key): _as_texts(rows) for key, rows in _texts(self.selection, take).items()},
            "next.done": last,
            "next.success": last & (take.success is True),
            "recorded_s": take.stamps_s,
            "command_source": take.sources.tolist(),
            # LeRobot looks frames up by this time, so it is that of an even clock; `recorded_s` is what it was.
            "timestamp": (steps / self.selection.fps).astype(np.float32),
            "frame_index": steps,
            "episode_index": np.full(len(take), len(self._episodes)),
            "index": steps + self.frames,
            "task_index": np.full(len(take), task),
        }

    def _film(self, take: Take, number: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Where the films of an episode lie; how often each colour of each camera has each value [3 256]."""
        counts, rate, row = no_counts(take.cameras), self.selection.fps, {}
        with ExitStack() as stack:
            films = {}
            for key in take.cameras:
                name = camera_name(key)
                path = self.folder / "videos" / name / f"{PLACE.format(**_place(number))}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                films[key] = stack.enter_context(Film(path, rate, KEYFRAME_EVERY))
                row |= {f"videos/{name}/{what}": value for what, value in _place(number).items()}
                row |= {f"videos/{name}/from_timestamp": 0.0, f"videos/{name}/to_timestamp": len(take) / rate}
            for pictures in take.pictures():
                for key, pixels in pictures.items():
                    counts[key] += counted(pixels)
                    films[key].add(pixels)
        return row, counts

    def _statistics(self, take: Take, columns: dict[str, Any], counts: dict[str, np.ndarray]) -> dict[str, Any]:
        """Columns `stats/*` of one episode; what all have together is gathered on the way."""
        row: dict[str, Any] = {}
        for name, feature in self._features.items():
            if feature["dtype"] in ("string", "video", "image"):
                continue
            values = np.asarray(columns[name], np.float64).reshape(len(take), -1)
            self._values.setdefault(name, []).append(values)
            row |= {f"stats/{name}/{key}": value for key, value in spread(values).items()}
        for key, found in counts.items():
            name = camera_name(key)
            self._counts[name] = self._counts.get(name, 0) + found
            row |= {f"stats/{name}/{what}": value for what, value in picture_spread(found, len(take)).items()}
        return row


def _as_texts(rows: np.ndarray) -> list[str]:
    """Of [T size]; most steps say what the one before said."""
    found: dict[bytes, str] = {}
    return [found.setdefault(row.tobytes(), text_from_value(row)) for row in rows]


def _place(number: int) -> dict[str, int]:
    chunk, file = divmod(number, FILES_PER_CHUNK)
    return {"chunk_index": chunk, "file_index": file}


def _png(picture: np.ndarray) -> dict[str, Any]:
    import cv2

    return {"bytes": cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes(), "path": None}
