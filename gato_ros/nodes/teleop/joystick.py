"""A gamepad (Joy), or a 3D mouse (TwistStamped, its buttons as Joy), through whatever node publishes them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import Joy

from gato_ros.core.teleop.operator_input import OperatorInput
from gato_ros.core.teleop.repeat_watch import RepeatWatch
from gato_ros.core.teleop.stick import past_dead_zone
from gato_ros.nodes.runtime.qos import JOYSTICK
from gato_ros.nodes.teleop.joystick_mapping import JoystickMapping

UNPLUGGED_S = 1.0
"""After so long a silence [s] the dead man's button has to be seen released before it counts again."""


class JoystickDevice:
    """Keeps the newest messages. Ages are by receipt: whose clock made the stamps is not known.

    Args:
        timeout_s: a device that is silent for longer has let go.
        unchanged_timeout_s: one that moves the arm and repeats its messages for longer, too; 0: never.
        motion_topic: of a TwistStamped with the deflections; None: they are axes of the Joy.
        wake: called after every message, so that a press or release waits for nothing.
    """

    screen, help_text = None, ""

    def __init__(
        self,
        node: Node,
        mapping: JoystickMapping,
        timeout_s: float,
        unchanged_timeout_s: float,
        joy_topic: str,
        motion_topic: str | None,
        wake: Callable[[], None],
    ):
        self._mapping, self._timeout_s, self._wake = mapping, timeout_s, wake
        self._repeats, self._unchanged_s = RepeatWatch(unchanged_timeout_s), unchanged_timeout_s
        self._deflection, self._moved_s = np.zeros(4), None
        self._buttons, self._pressed_s = np.zeros(0), None
        self._seen_released, self._refusals = False, {Joy: "", TwistStamped: ""}
        self._orders: list[str] = []
        self._needed: list[tuple[Subscription, Callable[[], float | None]]] = [
            (node.create_subscription(Joy, joy_topic, self._on_joy, JOYSTICK), lambda: self._pressed_s)
        ]
        if motion_topic is not None:
            self._needed.append(
                (node.create_subscription(TwistStamped, motion_topic, self._on_motion, JOYSTICK), lambda: self._moved_s)
            )
        self._motion_apart = motion_topic is not None

    def _on_joy(self, message: Joy) -> None:
        now_s, axes = time.monotonic(), np.array(message.axes)
        self._repeats.received("joy", (message.axes.tobytes(), message.buttons.tobytes()), now_s)
        refusal = self._mapping.missing(len(axes)) or ("" if np.isfinite(axes).all() else "an axis is not finite")
        self._refusals[Joy] = refusal
        if refusal:
            self._pressed_s = None
            return self._wake()
        # spacenav tells of a button only when it has been pressed once.
        buttons = np.zeros(max(len(message.buttons), self._mapping.buttons_needed), int)
        buttons[: len(message.buttons)] = message.buttons
        if self._pressed_s is None or now_s - self._pressed_s > UNPLUGGED_S:
            self._seen_released, self._buttons = False, np.ones_like(buttons)
        self._seen_released |= not buttons[self._mapping.dead_man]
        self._orders += self._mapping.pressed(self._buttons, buttons)
        self._buttons, self._pressed_s = buttons, now_s
        if not self._motion_apart:
            self._deflection, self._moved_s = self._mapping.deflection(axes), now_s
        self._wake()

    def _on_motion(self, message: TwistStamped) -> None:
        linear, angular = message.twist.linear, message.twist.angular
        whole = (linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)
        self._repeats.received("motion", whole, time.monotonic())
        moved = np.array([linear.x, linear.y, linear.z, angular.z])
        finite = bool(np.isfinite(moved).all())
        self._refusals[TwistStamped] = "" if finite else "a motion is not finite"
        if finite:
            self._deflection, self._moved_s = past_dead_zone(moved, self._mapping.dead_zone), time.monotonic()
        self._wake()

    def read(self, now_s: float) -> OperatorInput:
        return OperatorInput(self._deflection, held=True) if self._held and not self.fault(now_s) else OperatorInput()

    @property
    def _held(self) -> bool:
        return bool(self._seen_released and self._buttons[self._mapping.dead_man])

    def orders(self, now_s: float) -> list[str]:
        taken, self._orders = self._orders, []
        return taken

    def fault(self, now_s: float) -> str | None:
        for refusal in filter(None, self._refusals.values()):
            return refusal
        for subscription, received_s in self._needed:
            if received_s() is not None and now_s - received_s() <= self._timeout_s:
                continue
            topic = subscription.topic_name
            if not subscription.get_publisher_count():
                return f"nobody publishes {topic}: is the joystick's node running, in this namespace?"
            if received_s() is None:
                return f"{topic} has a publisher, but nothing has arrived: is the device plugged in?"
            return f"{topic} is silent: unplugged?"
        if self._held and self._deflection.any() and self._repeats.stuck(now_s):
            return (
                f"the joystick has not changed for {self._unchanged_s:g} s, which counts as let go: "
                "move the stick, or release the dead man's button and press it again"
            )
        return None

    def close(self) -> None:
        pass
