"""sensor_msgs/Range: a distance. By REP-117 +Inf means that nothing is near, -Inf that something is too near."""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.embodiments.decoders.decoder import Decoder, Refused


def _number(message: Any, path: str) -> float:
    value, lower, upper = (float(getattr(message, name)) for name in (path, "min_range", "max_range"))
    if path != "range" or np.isnan(value):
        return value
    if not lower < upper:
        raise Refused(f"min_range {lower:g} is not below max_range {upper:g}")
    return float(np.clip(value, lower, upper))  # what is infinite is at that end of what it can measure


RANGE = Decoder(
    "sensor_msgs/msg/Range",
    dict.fromkeys(("range", "min_range", "max_range"), "number"),
    stamped=True,
    number=_number,
)
