"""Prints the largest resident memory [MiB] of this process after a short episode, and after a long one."""

import importlib.util
import os
import resource
import sys
from pathlib import Path

from gato_ros.bench.memory import write_contract, write_episodes


def use(folder: Path, out: Path) -> None:
    from gato_ros.cli.episode_verbs import view as episodes_view
    from gato_ros.data.checks.verification import verify_episode
    from gato_ros.data.episodes.statistics import read_figures
    from gato_ros.data.episodes.stream import open_episode
    from gato_ros.data.exports.selection import select
    from gato_ros.data.frames import load_frames, save_rendered_steps

    path = folder / "b.mcap"
    assert not (problems := verify_episode(path)), problems
    read_figures(path)
    save_rendered_steps(out / "frames.npz", open_episode(path))
    load_frames(out / "frames.npz").pixels([0, 1])
    episodes_view.run(episodes_view.Options((path,), out / "view"))
    if importlib.util.find_spec("h5py"):
        from gato_ros.data.exports.hdf5 import export_hdf5

        export_hdf5(select([path]), out / "x.hdf5")
    if importlib.util.find_spec("pyarrow"):
        from gato_ros.data.exports.lerobot import export_lerobot

        export_lerobot(select([path]), out / "mp4")
        export_lerobot(select([path]), out / "png", "png")


def main(root: Path) -> None:
    contract = write_contract(root, 240, 320)
    os.environ["GATO_ROS_EMBODIMENTS"] = str(contract.parent)
    peaks = []
    for name, seconds in (("short", 2), ("long", 12)):
        write_episodes(root / name, contract, seconds / 60)
        use(root / name, root / f"{name}_out")
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(*peaks)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
