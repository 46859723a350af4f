"""Pictures out of a film, one after the other."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SIZE = re.compile(r"Video: .*?, (\d{2,5})x(\d{2,5})")


def read_film(path: Path, begin_s: float, count: int) -> Iterator[np.ndarray]:
    """uint8 [height width 3] RGB: `count` pictures from the first one at or after `begin_s`; fewer where it ends.

    Raises:
        RuntimeError: ffmpeg cannot read it; its words are in the message.
    """
    import imageio_ffmpeg

    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    about = subprocess.run([ffmpeg, "-hide_banner", "-i", str(path)], capture_output=True, text=True).stderr
    if (size := SIZE.search(about)) is None:
        raise RuntimeError(f"ffmpeg finds no film in {path}: {about.strip()[-200:]}")
    width, height = map(int, size.groups())
    command = [ffmpeg, "-loglevel", "error", "-ss", f"{begin_s:.6f}", "-i", str(path), "-frames:v", str(count)]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None  # pipes
        try:
            while len(data := process.stdout.read(height * width * 3)) == height * width * 3:
                yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
            words = process.stderr.read().decode(errors="replace").strip()
            if process.wait():
                raise RuntimeError(f"ffmpeg could not read {path}: {words[-200:]}")
        finally:
            process.kill()
