"""sensor_msgs/Image and sensor_msgs/CompressedImage: pictures; how they are read is in `embodiments/pictures`."""

from gato_ros.embodiments.decoders.decoder import Decoder

IMAGE = Decoder("sensor_msgs/msg/Image", gives="picture", stamped=True, framed=True)
COMPRESSED_IMAGE = Decoder("sensor_msgs/msg/CompressedImage", gives="picture", stamped=True, framed=True)
