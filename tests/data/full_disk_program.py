"""Runs a writer with files limited to some sizes, as on a full disk, until one suffices; prints what came of each.

A limit on file sizes needs no rights, and what writes meets is the same: an OSError in the middle of a file.
"""

import resource
import signal
import sys
from pathlib import Path


def writer(kind: str, path: Path):
    from gato_ros.data.exports.selection import select

    if kind in ("html", "mp4"):
        from gato_ros.cli.episode_verbs.view import Options, run

        return lambda out: run(Options((path,), out, format=kind))
    if kind == "frames":
        from gato_ros.data.episodes.stream import open_episode
        from gato_ros.data.frames import save_rendered_steps

        return lambda out: save_rendered_steps(out / "frames.npz", open_episode(path))
    if kind == "shard":
        from gato_ros.data.demonstrations.shard import write_shard
        from tests.data.test_demonstrations import EPISODES, HEAD

        return lambda out: write_shard(out / "x.array_record", HEAD, EPISODES)
    selection = select([path])
    if kind == "hdf5":
        from gato_ros.data.exports.hdf5 import export_hdf5

        return lambda out: export_hdf5(selection, out / "x.hdf5")
    if kind.startswith("rlds"):
        from gato_ros.data.exports import split_files
        from gato_ros.data.exports.rlds import export_rlds

        if kind == "rlds_streamed":
            split_files.LIBRARY_BYTES = 0
        return lambda out: export_rlds(selection, out / "x")
    from gato_ros.data.exports.lerobot import export_lerobot

    return lambda out: export_lerobot(selection, out / "x", kind.removeprefix("lerobot_"))


def main(kind: str, path: Path, out: Path, *limits: str) -> None:
    write = writer(kind, path)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for limit in limits:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        try:
            write(out)
            said = "written"
        except OSError:
            said = "refused"
        left = sorted(str(one.relative_to(out)) for one in out.rglob("*")) if out.exists() else []
        print("result", limit, said, *left, flush=True)
        if said == "written":
            break


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
