"""One YAML contract per robot, the loader that checks it, and kinematics from its URDF."""

from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.loading import load_embodiment

__all__ = ["Embodiment", "load_embodiment"]
