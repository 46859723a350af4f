"""sensor_msgs/Imu. A covariance that begins with -1 says that the sensor does not measure that part."""

from __future__ import annotations

from typing import Any

from gato_ros.embodiments.decoders.decoder import Decoder, Field, Refused

NOT_MEASURED = -1.0


def _prepare(message: Any, wanted: tuple[Field, ...]) -> None:
    for name in dict.fromkeys(one.path.split(".")[0] for one in wanted):
        if float(getattr(message, f"{name}_covariance")[0]) == NOT_MEASURED:
            raise Refused(f"{name}_covariance begins with -1: this sensor does not measure {name}")


IMU = Decoder(
    "sensor_msgs/msg/Imu",
    {"orientation": "rotation", "angular_velocity": "vector", "linear_acceleration": "vector"},
    stamped=True,
    framed=True,
    prepare=_prepare,
)
