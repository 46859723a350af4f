"""Pictures to an H.264 film."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from gato_ros.data.disk_error import disk_error


def side_by_side(cameras: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of several cameras as one, uint8 [height width 3]; black below those that are lower than the highest.

    Both sides are even, as films want them. Of a robot without cameras it is black.
    """
    if not cameras:
        return np.zeros((128, 128, 3), np.uint8)
    height = -(-max(picture.shape[0] for picture in cameras) // 2) * 2
    row = np.hstack([np.pad(one, ((0, height - one.shape[0]), (0, 0), (0, 0))) for one in cameras])
    return row if row.shape[1] % 2 == 0 else np.pad(row, ((0, 0), (0, 1), (0, 0)))


class Film:
    """An MP4 that grows picture by picture; leaving the with-block finishes it, or ends ffmpeg after an exception."""

    def __init__(
        self, path: Path, rate_hz: float, keyframe_every: int | None = None, most_bits_s: int | None = None
    ) -> None:
        """Nothing is written before the first picture.

        Args:
            keyframe_every: pictures from one that stands for itself to the next: few make jumps quick, files large.
            most_bits_s: the film's rate stays below; None: as good as the pictures need.
        """
        self.path, self.pictures = path, 0
        self._rate_hz = rate_hz
        self._options = ["-g", str(keyframe_every)] if keyframe_every else []
        if most_bits_s:
            self._options += ["-maxrate", str(most_bits_s), "-bufsize", str(2 * most_bits_s)]
        self._ffmpeg: subprocess.Popen | None = None

    def add(self, picture: np.ndarray) -> None:
        """uint8 [height width 3] RGB, all of one even size.

        Raises:
            OSError, RuntimeError: as `close`.
        """
        if self._ffmpeg is None:
            self._ffmpeg = self._start(*picture.shape[:2])
        self.pictures += 1
        assert self._ffmpeg.stdin is not None  # a pipe
        try:
            self._ffmpeg.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError:
            self.close()  # it ended early, and this says why

    def close(self) -> None:
        """Finish the film.

        Raises:
            ValueError: no pictures.
            OSError: the disk is full or refuses.
            RuntimeError: ffmpeg failed otherwise; its words are in the message.
        """
        if self._ffmpeg is None:
            raise ValueError("no pictures to film")
        ffmpeg, self._ffmpeg = self._ffmpeg, None
        try:
            _, output = ffmpeg.communicate()
        finally:
            ffmpeg.kill()
            ffmpeg.wait()
        words = output.decode(errors="replace").strip()
        refused = disk_error(words, self.path)
        if ffmpeg.returncode == -signal.SIGXFSZ:
            refused = OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self.path))
        if refused is not None:  # about the end of a file ffmpeg may say it, and still end with 0
            raise refused
        if ffmpeg.returncode:
            raise RuntimeError(f"ffmpeg could not write {self.path}: {words}")

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self.close()
        elif self._ffmpeg is not None:
            self._ffmpeg.kill()
            self._ffmpeg.communicate()

    def _start(self, height: int, width: int) -> subprocess.Popen:
        # Not imageio's write_frames: that runs Python between fork and exec, which can hang where JAX has its threads.
        return subprocess.Popen(
            _command(self.path, height, width, self._rate_hz, self._options),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )


def write_film(path: Path, pictures: Iterable[np.ndarray], rate_hz: float, keyframe_every: int | None = None) -> None:
    """Write pictures, uint8 [height width 3] RGB of one even size, as an MP4; arguments and errors as of `Film`."""
    with Film(path, rate_hz, keyframe_every) as film:
        for picture in pictures:
            film.add(picture)


def _command(path: Path, height: int, width: int, rate_hz: float, options: Sequence[str]) -> list[str]:
    import imageio_ffmpeg

    return [
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
        *options,
        "-f",
        "mp4",
        str(path),
    ]
