"""geometry_msgs/PoseStamped: a place and a rotation in the frame of its header."""

from gato_ros.embodiments.decoders.decoder import POSE, Decoder

POSE_STAMPED = Decoder("geometry_msgs/msg/PoseStamped", {"pose": POSE}, stamped=True, framed=True)
