"""HDF5 files: robomimic's (`data/demo_0/...`, many episodes) and ALOHA's (one episode, `action` at the top)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.imports.source import LeftOut, Pictures, SourceEpisode, as_column, as_picture, decoded

SUFFIXES = (".hdf5", ".h5")
ENCODED = (b"\xff\xd8", b"\x89P")
"""How a JPEG and a PNG begin."""
ACTIONS = ("actions", "action")
LEAST_PIXELS = 16
"""Height and width of a picture of depth, at least."""
NOT_OF_THE_STEP = ("next_obs", "next_observations")
"""Robomimic's copy of the observations, a step later."""


class Hdf5Source:
    """A file, or all files of a folder."""

    def __init__(self, place: Path):
        """SetupError: no such file, or none that holds an episode."""
        self._place = Path(place)
        if self._place.is_dir():
            files = sorted(path for path in self._place.rglob("*") if path.suffix in SUFFIXES)
        else:
            files = [self._place] if self._place.is_file() else []
        self._where: dict[str, tuple[Path, str]] = {}
        self._unreadable: dict[str, str] = {}
        self.made_by_us = ""
        for path in files:
            self._look_into(path)
        if not self._where:
            nothing = "no file *.hdf5 or *.h5" if not files else "no group with `actions` or `action`"
            raise SetupError(
                expected=f"an HDF5 file with episodes at {place}, as robomimic's or ALOHA's",
                got=next(iter(self._unreadable.values()), nothing),
                fix="see docs/how-to/import.md for what is read",
            )

    def _look_into(self, path: Path) -> None:
        import h5py

        stem = str(path.relative_to(self._place).with_suffix("")) if self._place.is_dir() else path.stem
        stem = stem.replace("/", "-")
        try:
            with h5py.File(path) as file:
                if isinstance(data := file.get("data"), h5py.Group):
                    if isinstance(about := data.attrs.get("gato_ros"), str):
                        self.made_by_us = json.loads(about)["embodiment"]
                    for name in sorted(data, key=_number):
                        self._where[f"{stem}-{name}"] = (path, f"data/{name}")
                elif any(name in file for name in ACTIONS):
                    self._where[stem] = (path, "/")
        except (OSError, ValueError, KeyError) as error:
            self._unreadable[stem] = f"a file that HDF5 cannot read ({type(error).__name__})"

    def __len__(self) -> int:
        return len(self._where) + len(self._unreadable)

    def names(self) -> list[str]:
        return [*self._where, *self._unreadable]

    def episode(self, name: str) -> SourceEpisode:
        import h5py

        if name in self._unreadable:
            raise LeftOut(self._unreadable[name])
        path, place = self._where[name]
        try:
            with h5py.File(path) as file:
                return self._read(name, path, place, file)
        except OSError as error:
            raise LeftOut(f"a file that HDF5 cannot read ({type(error).__name__})") from None

    def _read(self, name: str, path: Path, place: str, file: Any) -> SourceEpisode:
        group = file[place]
        actions = next((group[key] for key in ACTIONS if key in group), None)
        if actions is None or actions.ndim == 0 or not len(actions):
            raise LeftOut("no actions")
        rows = len(actions)
        columns, names, cameras, sources = {}, {}, [], None
        for key, found in _datasets(group):
            if found.ndim == 0 or len(found) != rows or key.split("/")[0] in NOT_OF_THE_STEP:
                continue
            if key == "command_source" and found.dtype.kind == "S":
                sources = np.array([text.decode() for text in found[:]])
            elif _holds_pictures(found):
                cameras.append(key)
            elif (values := as_column(found[:])) is not None:
                columns[key] = values
                if "names" in found.attrs:
                    names[key] = tuple(str(text) for text in found.attrs["names"])
        times = columns["stamps_s"][:, 0] if "stamps_s" in columns else None
        success = {"yes": True, "no": False}.get(str(group.attrs.get("success", "")))
        return SourceEpisode(
            str(group.attrs.get("name", name)) if self.made_by_us else name,
            columns,
            tuple(cameras),
            lambda wanted: _pictures(path, place, wanted, rows),
            names,
            times,
            task=str(group.attrs.get("task", "")),
            success=success,
            commanded_by=sources,
            as_seen=bool(self.made_by_us),
        )


def _number(name: str) -> tuple[str, int]:
    """demo_10 after demo_9."""
    head, _, tail = name.rpartition("_")
    return (head, int(tail)) if tail.isdigit() else (name, -1)


def _datasets(group: Any) -> Iterator[tuple[str, Any]]:
    import h5py

    found: list[str] = []
    group.visit(lambda key: found.append(key))
    for key in found:
        if isinstance(group[key], h5py.Dataset):
            yield key, group[key]


def _holds_pictures(found: Any) -> bool:
    """Pixels, depth, or a JPEG or PNG a row: as bytes of any length, or in a row of bytes with padding."""
    import h5py

    if found.dtype == np.uint8 and found.ndim in (3, 4) and found.ndim - (found.shape[-1] in (1, 3)) == 3:
        return True
    if found.dtype in (np.uint16, np.float32):  # depth; a smaller square is a matrix
        return found.ndim - (found.ndim == 4 and found.shape[-1] == 1) == 3 and min(found.shape[1:3]) >= LEAST_PIXELS
    if found.dtype == np.uint8 and found.ndim == 2:
        return bytes(found[0, :2]) in ENCODED
    if h5py.check_vlen_dtype(found.dtype) == np.uint8 or found.dtype.kind == "S":
        return bytes(np.asarray(found[0]).tobytes()[:2]) in ENCODED
    return False


def _pictures(path: Path, place: str, wanted: Sequence[str], rows: int) -> Iterator[Pictures]:
    import h5py

    with h5py.File(path) as file:
        group: Any = file[place]
        found: dict[str, Any] = {key: group[key] for key in wanted}
        encoded = {key: one.ndim < 3 for key, one in found.items()}
        for row in range(rows):
            yield {
                key: decoded(np.asarray(one[row]).tobytes()) if encoded[key] else as_picture(one[row])
                for key, one in found.items()
            }
