"""A process that does not outlive the one that started it, however that one ends. Linux only."""

from __future__ import annotations

import os
import signal

from gato_ros.core.processes import signal_with_parent

ENVIRONMENT = "GATO_ROS_END_WITH_PARENT"
"""Set to 1 by a launcher that may leave its nodes behind, as `ros2 launch` does on SIGTERM."""


def end_with_parent() -> None:
    """From now on SIGTERM comes when the parent is gone; a node then ends as it does on any SIGTERM."""
    signal_with_parent(signal.SIGTERM)


def end_with_parent_if_requested() -> None:
    """`end_with_parent`, where the environment variable is set to 1."""
    if os.environ.get(ENVIRONMENT) == "1":
        end_with_parent()
