"""What every input device of teleop_node offers, and which there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rclpy.node import Node

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.teleop.operator_input import OperatorInput
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.runtime.parameters import TeleopParameters

if TYPE_CHECKING:
    from gato_ros.nodes.teleop.terminal import TerminalLine

DEVICES = ("keyboard", "joy", "spacemouse", "expert")


class Device(Protocol):
    """One way for an operator to say what the arm should do. All calls come from one thread."""

    screen: TerminalLine | None
    """The terminal that it reads, if it is one."""
    help_text: str
    """What may be pressed."""

    def read(self, now_s: float) -> OperatorInput:
        """The input at `now_s` [s] on the steady clock; the default one where the device is silent."""

    def orders(self, now_s: float) -> list[str]:
        """The orders since the last call: gripper, faster, start and so on."""

    def fault(self, now_s: float) -> str | None:
        """Why the device gives no input, in words, or None."""

    def close(self) -> None:
        """Leave everything as it was found; safe to call twice."""


def make_device(node: Node, robot: Embodiment, given: TeleopParameters, wake: Callable[[], None]) -> Device:
    """The device that the parameters name; `wake` is called when it has received something that may not wait.

    Raises:
        SetupError: no such device, or it cannot work here.
    """
    if given.device not in DEVICES:
        raise unknown_name("a device of teleop_node", given.device, DEVICES)
    if given.device == "keyboard":
        from gato_ros.nodes.teleop.keyboard import KeyboardDevice
        from gato_ros.nodes.teleop.terminal import Terminal

        return KeyboardDevice(Terminal(), given.key_hold_s, given.key_claim_s)
    if given.device == "expert":
        from gato_ros.nodes.teleop.expert import ExpertDevice

        if given.frame != "base":
            raise SetupError(expected="frame base for the expert", got=given.frame, fix="it thinks in the base frame")
        return ExpertDevice(node, robot, given.task, given.hands_on, wake)
    from gato_ros.nodes.teleop.joystick import JoystickDevice
    from gato_ros.nodes.teleop.joystick_mapping import load_mapping

    shipped, joy_topic, motion_topic = {
        "joy": ("gamepad", "joy", None),
        "spacemouse": ("spacemouse", "spacenav/joy", "spacenav/twist_stamped"),
    }[given.device]
    return JoystickDevice(
        node,
        load_mapping(given.mapping or shipped),
        given.input_timeout_s,
        given.unchanged_timeout_s,
        joy_topic,
        motion_topic,
        wake,
    )
