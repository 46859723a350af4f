"""gato_ros: an open Gato that drives a robot arm under ROS 2."""

__version__ = "0.2.0"
