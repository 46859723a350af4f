"""std_msgs/Float32MultiArray and Float64MultiArray: a list of numbers, all of it or some by their places."""

from __future__ import annotations

from typing import Any

from gato_ros.embodiments.decoders.decoder import Decoder, Refused


def _number(message: Any, path: str) -> float:
    # The layout may begin further on; what lies before is padding.
    place, first = int(path.split(".")[1]), int(message.layout.data_offset)
    if first + place >= len(message.data):
        raise Refused(f"{len(message.data) - first} values, so there is no {path}")
    return float(message.data[first + place])


FLOAT32_ARRAY = Decoder("std_msgs/msg/Float32MultiArray", {"data": "array"}, number=_number)
FLOAT64_ARRAY = Decoder("std_msgs/msg/Float64MultiArray", {"data": "array"}, number=_number)
