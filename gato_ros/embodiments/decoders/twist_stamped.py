"""geometry_msgs/TwistStamped: a velocity in the frame of its header."""

from gato_ros.embodiments.decoders.decoder import TWIST, Decoder

TWIST_STAMPED = Decoder("geometry_msgs/msg/TwistStamped", {"twist": TWIST}, stamped=True, framed=True)
