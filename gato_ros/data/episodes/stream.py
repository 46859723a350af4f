"""An episode whose pictures stay on the disk: what is small is read at once, pictures come step by step.

Ten minutes of two VGA cameras are 22 GB of pixels, and a few megabytes of everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gato_ros.data import messages
from gato_ros.data.episodes.content import CAMERA, OBSERVATION, EpisodeContent, kind_of
from gato_ros.data.episodes.episode import FIX, WHAT, Episode
from gato_ros.data.episodes.message_stream import MessageStream, unusable

Pictures = dict[str, np.ndarray]
"""Image key -> uint8 [height width 3] of one step, sorted by key."""


@dataclass(frozen=True)
class EpisodeStream:
    """An episode without its pictures, and a way to them."""

    path: Path
    episode: Episode
    """`values` has no pictures; `image_steps` are the steps at which at least one camera has one."""
    cameras: dict[str, tuple[int, int, int]]
    """Image key -> [height width 3] of its first picture, sorted by key."""

    def pictures(self) -> Iterator[tuple[int, Pictures]]:
        """(index of a step, what the cameras have of it), for each of `image_steps`. Memory: one chunk of the file.

        Raises:
            SetupError: the file has changed since, or can no longer be read.
        """
        row = {step: index for index, step in enumerate(self.episode.steps.tolist())}
        waiting: dict[int, Pictures] = {}
        for message in MessageStream(self.path, WHAT, FIX):
            kind = kind_of(message.channel)
            if kind == CAMERA:
                pictures = waiting.setdefault(message.step, {})
                pictures[message.channel.metadata["key"]] = self._pixels(message.data)
            # A step's observation is its last message (`EpisodeWriter`).
            elif kind == OBSERVATION and message.step in waiting:
                yield row[message.step], dict(sorted(waiting.pop(message.step).items()))
        if waiting:
            raise self._unusable(f"a picture of step {min(waiting)} comes after the step's observation")

    def whole_pictures(self) -> Iterator[tuple[int, Pictures]]:
        """As `pictures`; SetupError at a step that lacks a camera's picture, or has it in another size."""
        for index, found in self.pictures():
            shapes = {key: pixels.shape for key, pixels in found.items()}
            if shapes != self.cameras:
                raise self._unusable(f"at step {self.episode.steps[index]} pictures {shapes}, not {self.cameras}")
            yield index, found

    def _pixels(self, data: bytes) -> np.ndarray:
        try:
            return messages.read_image(data)
        except ValueError as error:
            raise self._unusable(f"{type(error).__name__}: {error}") from None

    def _unusable(self, reason: str):
        return unusable(self.path, WHAT, FIX, reason)


def open_episode(path: Path) -> EpisodeStream:
    """The episode in `path`, read once from end to end, every checksum checked.

    Raises:
        SetupError: the file is missing, cut short, altered, or not an episode.
    """
    stream, content = MessageStream(Path(path), WHAT, FIX), EpisodeContent()
    for message in stream:
        content.add(message)
    return content_stream(stream, content)


def content_stream(stream: MessageStream, content: EpisodeContent) -> EpisodeStream:
    """For whoever gathered the content of the whole stream while reading it; SetupError where it is no episode."""
    try:
        episode = Episode(**content.fields(stream.channels, stream.metadata))
    except (ValueError, KeyError, IndexError) as error:
        raise unusable(stream.path, WHAT, FIX, f"{type(error).__name__}: {error}") from None
    return EpisodeStream(stream.path, episode, dict(sorted(content.shapes.items())))
