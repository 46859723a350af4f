"""A process that does not outlive the one that started it, however that one ends. Linux only."""

from __future__ import annotations

import os
import signal

from gato_ros.core.processes import signal_with_parent

ENVIRONMENT = "GATO_ROS_END_WITH_PARENT"
"""A launcher that may leave its nodes behind (`ros2 launch` does on SIGTERM) sets it to its process number, or to 1
where a debugger may stand between. Our code between fork and exec could find a lock of JAX held: there is none."""


def end_with_parent() -> None:
    """From now on SIGTERM comes when the parent is gone; a node then ends as it does on any SIGTERM."""
    signal_with_parent(signal.SIGTERM)


def end_with_parent_if_requested() -> None:
    """`end_with_parent`, where the environment variable is set. SIGTERM at once where that launcher is gone already."""
    launcher = os.environ.get(ENVIRONMENT, "")
    if not launcher.isdecimal() or launcher == "0":
        return
    end_with_parent()
    if launcher != "1" and os.getppid() != int(launcher):
        os.kill(os.getpid(), signal.SIGTERM)
