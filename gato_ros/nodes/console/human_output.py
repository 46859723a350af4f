"""A motion that a browser holds, as a human's proposals to the guard: as teleop_node makes them."""

from __future__ import annotations

import time

import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.teleop.operator_input import DeadMan, OperatorInput
from gato_ros.core.teleop.stick import twist_of
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.console.board import Board
from gato_ros.nodes.console.hold import Hold
from gato_ros.nodes.messages.proposal import proposal_messages
from gato_ros.nodes.runtime.qos import COMMAND
from gato_ros.nodes.teleop.human_gripper import HumanGripper


class HumanOutput:
    """Publishes on the contract's human topics while a motion is held, and then a standstill once. One thread.

    The publishers are there only while somebody commands: another operator's node warns of a second one.
    """

    def __init__(self, node: Node, robot: Embodiment, board: Board, hold: Hold, speed_scale: float, ramp_s: float):
        self._node, self._robot, self._board, self._hold = node, robot, board, hold
        self._speed_scale = speed_scale
        self._period_s = 1.0 / robot.control_rate_hz
        self.full_speed = robot.jog_upper
        """[4] vx vy vz [m/s], wz [rad/s] at a speed scale of 1."""
        self._dead_man, self._gripper = DeadMan(ramp_s), HumanGripper(robot)
        self._publishers: tuple = ()
        self._due_s, self._claimed = 0.0, False

    @property
    def busy(self) -> bool:
        """Whether a motion is under way, or its end has still to be said."""
        return self._claimed or self._hold.active

    def command(self, somebody: bool) -> None:
        """Whether a browser commands: then the guard has to find the publishers before the first press."""
        node, wire = self._node, self._robot.wire
        if somebody and not self._publishers:
            self._gripper = HumanGripper(self._robot)
            self._publishers = (
                node.create_publisher(TwistStamped, wire.human_twist, COMMAND),
                node.create_publisher(JointState, wire.human_gripper, COMMAND),
            )
        elif self._publishers and not somebody and not self.busy:
            for publisher in self._publishers:
                node.destroy_publisher(publisher)
            self._publishers = ()

    def _look_at_gripper(self, now_s: float) -> None:
        if (state := self._board.newest("gripper", now_s)) is not None:
            self._gripper.seen(*state)
        if (opening_m := self._board.newest("gripper_command", now_s)) is not None:
            self._gripper.commanded(opening_m)

    def step(self) -> None:
        """Look at the buttons, and propose where that is due."""
        now_s = time.monotonic()
        self._look_at_gripper(now_s)
        # A takeover must not drop what the gripper holds: nothing moves before that is known.
        given = self._hold.read(now_s, self._robot.gripper.stroke_m)
        if self._gripper.opening_m is None or not self._publishers:
            given = OperatorInput()
        if given.claims and given.opening_m is not None:
            self._gripper.set(given.opening_m)
        wanted = self._dead_man.step(given, now_s)
        self._claimed = given.claims
        if wanted.deflection is None or not (wanted.at_once or now_s >= self._due_s):
            return
        self._propose(wanted.deflection)
        # Deadlines, not pauses: the rate is the control rate, whatever a look takes.
        on_time = not wanted.at_once and now_s - self._due_s < self._period_s
        self._due_s = (self._due_s if on_time else now_s) + self._period_s
        if not given.claims:
            self._gripper.let_go()

    def _propose(self, deflection: np.ndarray) -> None:
        twist = twist_of(deflection, self.full_speed, self._speed_scale)
        stamp = self._node.get_clock().now().to_msg()
        messages = proposal_messages(self._robot, ArmAction(twist, self._gripper.opening_m), stamp)
        for publisher, message in zip(self._publishers, messages):
            publisher.publish(message)

    def close(self) -> None:
        """End a motion that is under way: a standstill, once."""
        if self._claimed and self._publishers:
            self._propose(np.zeros(4))
