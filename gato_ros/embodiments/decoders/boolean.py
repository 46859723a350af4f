"""std_msgs/Bool: 0 or 1, without a stamp."""

from gato_ros.embodiments.decoders.decoder import Decoder

BOOL = Decoder("std_msgs/msg/Bool", {"data": "number"})
