"""nav_msgs/Odometry: where a base is in the frame of its header, and how it moves in its own."""

from gato_ros.embodiments.decoders.decoder import POSE, TWIST, Decoder

ODOMETRY = Decoder(
    "nav_msgs/msg/Odometry", {"pose": {"pose": POSE}, "twist": {"twist": TWIST}}, stamped=True, framed=True
)
