"""A message type by its name: the class that ROS subscribes with."""

from __future__ import annotations

import importlib

from gato_ros.core.errors import SetupError


def message_class(message_type: str) -> type:
    """The class of `sensor_msgs/msg/Imu`.

    Raises:
        SetupError: its package is not installed, or has no such message.
    """
    package, _, name = message_type.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise SetupError(
            expected=f"the message {message_type}, which the contract names",
            got=f"{type(error).__name__}: {error}",
            fix=f"install the ROS package {package} (apt install ros-$ROS_DISTRO-{package.replace('_', '-')}), "
            "or take the channel out of the contract",
        ) from None
