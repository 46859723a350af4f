"""One channel of a contract read from messages: fields, rotation, operators, range of what is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.core.sensing.operators import forward
from gato_ros.embodiments.channels import Channel, ContinuousChannel, ImageChannel, TextChannel
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.decoders.registry import decoder_of
from gato_ros.embodiments.decoders.text import text_value
from gato_ros.embodiments.decoders.transform import LOOKUP


class ChannelReader:
    """Pure: the same message gives the same value, live, from a recording and from an import."""

    def __init__(self, channel: Channel):
        """`channel` has a topic or a transform, and is no picture."""
        if isinstance(channel, ImageChannel) or channel.source is not None:
            raise ValueError(f"a channel that is read from a message of its own, got {channel!r}")
        self.channel = channel
        self._decoder = decoder_of(channel.type) if channel.type else LOOKUP
        self._fields = tuple(self._decoder.field(path) for path in channel.fields or ())
        self._operators = tuple(one.operator for one in channel.apply or ())

    def value(self, message: Any) -> np.ndarray:
        """float32 of the channel's shape.

        Raises:
            Refused: it is of another frame, lacks a field, or holds what is not finite, no rotation, or out of place.
        """
        channel = self.channel
        if self._decoder.framed and channel.frame_id is not None and message.header.frame_id != channel.frame_id:
            raise Refused(f"in frame {message.header.frame_id!r}, expected {channel.frame_id!r}")
        if isinstance(channel, TextChannel):
            return text_value(message, channel.size_bytes)
        values = self._decoder.values(message, self._fields, channel.rotation)
        if values.shape != channel.shape:
            raise Refused(f"{values.size} values, expected {channel.shape[0]}")
        with np.errstate(over="ignore", invalid="ignore"):
            value = forward(self._operators, values).astype(np.float32)
        if not np.isfinite(value).all():
            raise Refused("not finite after the channel's operators")
        if not isinstance(channel, ContinuousChannel) and not (value[0] % 1 == 0 and 0 <= value[0] < channel.values):
            raise Refused(f"{value[0]:g}, expected a whole number from 0 to {channel.values - 1}")
        return value
