"""Episodes as one HDF5 file in robomimic's layout: `data/demo_0/{obs/*, actions, rewards, dones}` and attributes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gato_ros.data.disk_file import DiskFile
from gato_ros.data.exports.selection import Selection, Take, action_names, value_names, write_whole
from gato_ros.version import __version__


def export_hdf5(selection: Selection, target: Path, done: Callable[[str], None] = lambda name: None) -> int:
    """Write `target`, whole or not at all; the steps in it.

    Raises:
        SetupError: the target exists, or an episode lacks steps.
        OSError: the disk is full or refuses.
    """
    import h5py

    total = 0

    def write(path: Path) -> None:
        nonlocal total
        with DiskFile(path) as disk, h5py.File(disk, "w") as file:
            data = file.create_group("data")
            for number, take in enumerate(selection.takes()):
                _write_take(data.create_group(f"demo_{number}"), take, selection, disk.check)
                total += len(take)
                done(take.name)
            robot = selection.robot
            data.attrs["total"] = total
            data.attrs["env_args"] = json.dumps({"env_name": robot.name, "type": 0, "env_kwargs": {}})
            data.attrs["gato_ros"] = json.dumps(
                {
                    "version": __version__,
                    "embodiment": robot.name,
                    "contract_digest": robot.digest,
                    "rate_hz": selection.fps,
                }
            )
            file.create_group("mask").create_dataset(
                "train", data=np.array([f"demo_{n}" for n in range(len(selection.summaries))], dtype="S16")
            )

    write_whole(target, write)
    return total


def _write_take(group, take: Take, selection: Selection, check: Callable[[], None]) -> None:
    last = np.arange(len(take)) == len(take) - 1
    group.attrs.update(
        {
            "num_samples": len(take),
            "name": take.name,
            "task": take.task,
            "success": "unknown" if take.success is None else "yes" if take.success else "no",
        }
    )
    for name, values in (("actions", take.actions), ("executed_actions", take.executed)):
        group.create_dataset(name, data=values).attrs["names"] = list(action_names(selection.robot))
    group.create_dataset("rewards", data=(last & (take.success is True)).astype(np.float32))
    group.create_dataset("dones", data=last.astype(np.int64))
    group.create_dataset("stamps_s", data=take.stamps_s)
    group.create_dataset("command_source", data=take.sources.astype("S16"))
    observations = group.create_group("obs")
    # robomimic takes flat names: a slash would make groups.
    for key, values in take.vectors.items():
        names = value_names(selection.robot, key, values.shape[1])
        observations.create_dataset(key.replace("/", "_"), data=values).attrs["names"] = names
    cameras = {
        key: observations.create_dataset(
            key.replace("/", "_"),
            (len(take), *shape),
            np.uint8,
            chunks=(1, *shape),
            compression="gzip",
            compression_opts=4,
        )
        for key, shape in take.cameras.items()
    }
    for step, pictures in enumerate(take.pictures() if cameras else ()):
        for key, pixels in pictures.items():
            cameras[key][step] = pixels
        check()
    check()
