"""What every input device of teleop_node offers, and which there are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rclpy.node import Node

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.teleop.operator_input import OperatorInput
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.nodes.runtime.parameters import TeleopParameters

if TYPE_CHECKING:
    from gato_ros.nodes.teleop.terminal import TerminalLine

DEVICES = ("keyboard", "joy", "spacemouse", "pose", "leader", "expert")


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
        "pose": ("hand", "joy", None),
        "leader": ("hand", "joy", None),
    }[given.device]
    joystick = JoystickDevice(
        node,
        load_mapping(given.mapping or shipped),
        given.input_timeout_s,
        given.unchanged_timeout_s,
        joy_topic,
        motion_topic,
        wake,
    )
    if given.device not in ("pose", "leader"):
        return joystick
    from gato_ros.core.teleop.clutch import Clutch
    from gato_ros.nodes.teleop.hand import HandDevice

    if given.frame != "base":
        raise SetupError(expected=f"frame base for {given.device}", got=given.frame, fix="set hand_yaw_deg instead")
    leader = load_embodiment(given.leader or given.embodiment) if given.device == "leader" else None
    clutch = Clutch(given.hand_scale, math.radians(given.hand_yaw_deg))
    return HandDevice(node, robot, joystick, clutch, given.input_timeout_s, leader, wake)
