"""LeRobot datasets of versions 2.0, 2.1 and 3.0, read without LeRobot: parquet, films or pictures, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.imports.film import read_film
from gato_ros.data.imports.source import LeftOut, Pictures, SourceEpisode, as_column, decoded

VERSIONS = ("v2.0", "v2.1", "v3.0")
OF_OURS = "command_source"
"""A column that exports of ours have, and no others."""


class LeRobotSource:
    """A folder with `meta/info.json`."""

    def __init__(self, place: Path):
        """SetupError: no such folder, or a version that is not known."""
        self._place = Path(place)
        try:
            self._info = json.loads((self._place / "meta/info.json").read_text())
            self._version, self._features = self._info["codebase_version"], self._info["features"]
        except (OSError, ValueError, KeyError) as error:
            raise SetupError(
                expected=f"a LeRobot dataset in {place}, a folder with meta/info.json",
                got=_why_not(self._place, error),
                fix="name the folder that holds `meta` and `data`",
            ) from None
        if self._version not in VERSIONS:
            raise SetupError(
                expected=f"a LeRobot dataset of version {', '.join(VERSIONS)}",
                got=str(self._version),
                fix="convert it with LeRobot's own scripts, or open an issue",
            )
        self.made_by_us = str(self._info.get("robot_type") or "") if OF_OURS in self._features else ""

    @cached_property
    def _rows(self) -> dict[str, dict]:
        """What `meta` says about each episode, by name."""
        meta = self._place / "meta"
        if self._version == "v3.0":
            import pyarrow.parquet as parquet

            found: list[dict] = []
            for path in sorted((meta / "episodes").rglob("*.parquet")):
                schema = parquet.read_schema(path).names
                wanted = [name for name in schema if not name.startswith("stats/")]
                found += parquet.read_table(path, columns=wanted).to_pylist()
        else:
            found = [json.loads(line) for line in (meta / "episodes.jsonl").read_text().splitlines() if line.strip()]
        return {f"episode_{row['episode_index']:06d}": row for row in found}

    def __len__(self) -> int:
        return len(self._rows)

    def names(self) -> list[str]:
        return list(self._rows)

    def episode(self, name: str) -> SourceEpisode:
        row = self._rows[name]
        kinds = {key: feature["dtype"] for key, feature in self._features.items()}
        cameras = tuple(key for key, kind in kinds.items() if kind in ("video", "image"))
        try:
            table = self._table(row)
        except (OSError, KeyError, ValueError) as error:
            raise LeftOut(f"a table that cannot be read ({type(error).__name__})") from None
        if len(table) != int(row["length"]):
            raise LeftOut("a table with another number of rows than `meta` says")
        columns = {}
        for key in table.column_names:
            if kinds.get(key) not in ("video", "image", "string", None):
                values = as_column(np.array(table[key].to_pylist()))
                if values is not None:
                    columns[key] = values
        names = {key: texts for key in columns if (texts := _names(self._features[key].get("names")))}
        source = np.array(table[OF_OURS].to_pylist()) if OF_OURS in table.column_names else None
        success = bool(columns["next.success"].any()) if "next.success" in columns else None
        return SourceEpisode(
            name,
            columns,
            cameras,
            lambda wanted: self._pictures(row, table, kinds, wanted),
            names,
            columns["recorded_s"][:, 0] if self.made_by_us else columns["timestamp"][:, 0],
            float(self._info["fps"]),
            "; ".join(map(str, row.get("tasks") or ())),
            success,
            source,
            {key: table[key].to_pylist() for key in table.column_names if kinds.get(key) == "string"},
            bool(self.made_by_us),
        )

    def _table(self, row: dict) -> Any:
        """The episode's rows."""
        import pyarrow.compute as compute

        number = int(row["episode_index"])
        if self._version == "v3.0":
            place = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
        else:
            place = {"episode_chunk": number // self._info["chunks_size"], "episode_index": number}
        table = _parquet(self._place / self._info["data_path"].format(**place))
        return table.filter(compute.field("episode_index") == number)

    def _pictures(self, row: dict, table: Any, kinds: dict[str, str], wanted: Sequence[str]) -> Iterator[Pictures]:
        streams = {
            key: self._film(row, key) if kinds[key] == "video" else _stored(table[key], self._place) for key in wanted
        }
        for step in range(len(table)):
            found = {}
            for key, stream in streams.items():
                picture = next(stream, None)
                if picture is None:
                    raise LeftOut(f"a film of {key} that ends before the episode (step {step})")
                found[key] = picture
            yield found

    def _film(self, row: dict, key: str) -> Iterator[np.ndarray]:
        number, fps = int(row["episode_index"]), float(self._info["fps"])
        about = self._features[key]
        said = {**(about.get("video_info") or {}), **(about.get("info") or {})}
        if said.get("is_depth_map") or said.get("video.is_depth_map"):
            raise LeftOut(f"a film of depth ({key}), which LeRobot packs in a way of its own: export it as pictures")
        if self._version == "v3.0":
            place = {name: row[f"videos/{key}/{name}"] for name in ("chunk_index", "file_index")}
            begin_s = float(row[f"videos/{key}/from_timestamp"])
        else:
            place = {"episode_chunk": number // self._info["chunks_size"], "episode_index": number}
            begin_s = 0.0
        path = self._place / self._info["video_path"].format(video_key=key, **place)
        if not path.is_file():
            raise LeftOut(f"no film of {key}")
        try:
            # Half a picture early: the time of the first one is rounded somewhere.
            yield from read_film(path, max(0.0, begin_s - 0.5 / fps), int(row["length"]))
        except RuntimeError:
            raise LeftOut(f"a film of {key} that ffmpeg cannot read") from None


@lru_cache(maxsize=2)
def _parquet(path: Path) -> Any:
    """A file holds many episodes, which are read one after the other."""
    import pyarrow.parquet as parquet

    return parquet.read_table(path)


def _why_not(place: Path, error: Exception) -> str:
    """What is wrong with the folder, in our words; the library's follow where only it knows."""
    if not place.is_dir():
        return "no such folder"
    if isinstance(error, FileNotFoundError):
        return "no meta/info.json there"
    if isinstance(error, KeyError):
        return f"a meta/info.json without {error}"
    if isinstance(error, ValueError):
        return f"a meta/info.json that is no JSON ({error})"
    return f"a meta/info.json that cannot be read ({error})"


def _stored(column: Any, folder: Path) -> Iterator[np.ndarray]:
    for row in column:
        picture = row.as_py()
        data = picture["bytes"] if picture["bytes"] is not None else (folder / picture["path"]).read_bytes()
        yield decoded(data)


def _names(said: Any) -> tuple[str, ...]:
    """LeRobot has lists of names, and lists by the kind of names."""
    if isinstance(said, dict):
        said = next((value for value in said.values() if isinstance(value, list)), None)
    return tuple(map(str, said)) if isinstance(said, list) else ()
