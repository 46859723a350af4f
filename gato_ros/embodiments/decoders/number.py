"""std_msgs/Float32 and Float64: one number, without a stamp."""

from gato_ros.embodiments.decoders.decoder import Decoder

FLOAT32 = Decoder("std_msgs/msg/Float32", {"data": "number"})
FLOAT64 = Decoder("std_msgs/msg/Float64", {"data": "number"})
