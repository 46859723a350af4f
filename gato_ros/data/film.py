"""Pictures to an H.264 film."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def write_film(path: Path, pictures: Iterable[np.ndarray], rate_hz: float, keyframe_every: int | None = None) -> None:
    """Write pictures, uint8 [height width 3] RGB of one even size, as an MP4.

    Args:
        keyframe_every: pictures from one that stands for itself to the next: few make jumps quick and files large.

    Raises:
        ValueError: no pictures.
        RuntimeError: ffmpeg failed; its words are in the message.
    """
    import imageio_ffmpeg

    pictures = iter(pictures)
    first = next(pictures, None)
    if first is None:
        raise ValueError("no pictures to film")
    height, width, _ = first.shape
    # Not imageio's write_frames: that runs Python between fork and exec, which can hang where JAX has its threads.
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-y",
        "-loglevel",
        "error",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{width}x{height}",
        "-r",
        f"{rate_hz:g}",
        "-i",
        "-",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-crf",
        "23",
        "-preset",
        "veryfast",
        "-movflags",
        "+faststart",
        *(["-g", str(keyframe_every)] if keyframe_every else []),
        "-f",
        "mp4",
        str(path),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as ffmpeg:
        try:
            for picture in itertools.chain([first], pictures):
                ffmpeg.stdin.write(np.ascontiguousarray(picture).tobytes())
        except BrokenPipeError:
            pass  # it ended early, and says below why
        _, told = ffmpeg.communicate()
    if ffmpeg.returncode:
        raise RuntimeError(f"ffmpeg could not write {path}: {told.decode(errors='replace').strip()}")
