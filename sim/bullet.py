"""PyBullet, for the modules of this room that compute with it; SetupError where it is missing."""

from gato_ros.sim.engine import require_simulator

require_simulator()

import pybullet  # noqa: E402
from pybullet_utils import bullet_client  # noqa: E402

__all__ = ["bullet_client", "pybullet"]
