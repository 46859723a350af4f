"""geometry_msgs/WrenchStamped: a force and a torque in the frame of its header."""

from gato_ros.embodiments.decoders.decoder import Decoder

WRENCH_STAMPED = Decoder(
    "geometry_msgs/msg/WrenchStamped",
    {"wrench": {"force": "vector", "torque": "vector"}},
    stamped=True,
    framed=True,
)
