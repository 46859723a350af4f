"""A hand that the arm follows: a tracked pose (a VR controller, a phone), or a leader arm's joints.

A button of a Joy is the dead man's switch and the clutch: pressed, the tool moves as the hand does; released, the hand
may go back and the arm stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState

from gato_ros.core.teleop.clutch import JUMP_M_S, Clutch, Placed, following
from gato_ros.core.teleop.operator_input import OperatorInput
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.messages.joint_state import JointsRefused, gripper_state, values_by_name
from gato_ros.nodes.runtime.qos import JOYSTICK, STATE_IN
from gato_ros.nodes.teleop.joystick import JoystickDevice

LAG_S = 0.15
"""In which the arm catches up with the hand, where its speed allows it."""
POSE_TOPIC, LEADER_TOPIC = "teleop/pose", "leader/joint_states"


class HandDevice:
    """Keeps the newest messages; ages are by receipt.

    Args:
        switch: the Joy with the dead man's button, and buttons for orders.
        clutch: how the hand's motion becomes the arm's.
        timeout_s: a hand that is silent for longer has let go.
        leader: the leader arm; None: the hand is a PoseStamped.
        wake: called after every message.
    """

    screen, help_text = None, ""

    def __init__(
        self,
        node: Node,
        robot: Embodiment,
        switch: JoystickDevice,
        clutch: Clutch,
        timeout_s: float,
        leader: Embodiment | None,
        wake: Callable[[], None],
    ):
        self._robot, self._switch, self._clutch, self._timeout_s = robot, switch, clutch, timeout_s
        self._kinematics, self._wake, self._full = Kinematics(robot), wake, robot.jog_upper
        self._tool: Placed | None = None
        self._hand: Placed | None = None
        self._hand_s, self._opening_m, self._refusal, self._lost = -np.inf, None, "", False
        node.create_subscription(JointState, robot.wire.joint_states.topic, self._on_joints, STATE_IN)
        if leader is None:
            self._source = node.create_subscription(PoseStamped, POSE_TOPIC, self._on_pose, JOYSTICK)
        else:
            self._leader, self._leader_kinematics = leader, Kinematics(leader)
            self._source = node.create_subscription(JointState, LEADER_TOPIC, self._on_leader, JOYSTICK)

    def _on_joints(self, message: JointState) -> None:
        try:
            self._tool = _placed(
                self._kinematics, values_by_name(message, "position", self._robot.arm.joints, closed=False)
            )
        except JointsRefused:
            return

    def _on_pose(self, message: PoseStamped) -> None:
        p, q = message.pose.position, message.pose.orientation
        values, turn = np.array([p.x, p.y, p.z]), np.array([q.w, q.x, q.y, q.z])
        if not np.isfinite(values).all() or not abs(np.linalg.norm(turn) - 1.0) < 0.01:
            return self._refuse("a pose is not finite, or its quaternion has not the length 1")
        self._take(Placed(values, _rotation(turn)))

    def _on_leader(self, message: JointState) -> None:
        leader = self._leader
        try:
            position = values_by_name(message, "position", leader.arm.joints, closed=False)
            opening_m = gripper_state(message, leader)[0, 0] if leader.gripper.joint in message.name else None
        except JointsRefused as refusal:
            return self._refuse(f"the leader arm: {refusal}")
        if opening_m is not None:
            share = float(np.clip(opening_m / leader.gripper.stroke_m, 0.0, 1.0))
            self._opening_m = share * self._robot.gripper.stroke_m
        self._take(_placed(self._leader_kinematics, position))

    def _refuse(self, why: str) -> None:
        self._refusal, self._hand = why, None
        self._clutch.release()
        self._wake()

    def _take(self, hand: Placed) -> None:
        now_s = time.monotonic()
        if self._hand is not None and self._clutch.engaged:
            # Two messages may arrive together: a hundredth of a second is the least that lies between them.
            way = np.linalg.norm(hand.position - self._hand.position)
            if way > JUMP_M_S * max(now_s - self._hand_s, 0.01):
                self._lost = True
                self._clutch.release()
        self._hand, self._hand_s, self._refusal = hand, now_s, ""
        self._wake()

    def read(self, now_s: float) -> OperatorInput:
        if self.fault(now_s) or not self._switch.read(now_s).held or self._hand is None or self._tool is None:
            self._clutch.release()
            return OperatorInput()
        if not self._clutch.engaged:
            self._clutch.press(self._hand, self._tool)
        ahead = self._clutch.ahead(self._hand, self._tool)
        return OperatorInput(following(ahead, self._full, LAG_S), held=True, opening_m=self._opening_m)

    def orders(self, now_s: float) -> list[str]:
        return self._switch.orders(now_s)

    def fault(self, now_s: float) -> str | None:
        fault = self._switch.fault(now_s)
        if not fault and not self._switch.read(now_s).held:
            self._lost = False
        fault = fault or self._fault(now_s)
        if fault:
            # What comes back begins anew: meanwhile the hand may have gone anywhere.
            self._clutch.release()
        return fault

    def _fault(self, now_s: float) -> str | None:
        if self._refusal:
            return self._refusal
        if now_s - self._hand_s > self._timeout_s:
            there, topic = self._source.get_publisher_count(), self._source.topic_name
            return f"{topic} is silent" if there else f"nobody publishes {topic}"
        if self._tool is None:
            return "nothing is known of the arm yet"
        if self._lost:
            return "the hand jumped, its tracking is lost: release the dead man's button and press it again"
        return None

    def close(self) -> None:
        self._switch.close()


def _placed(kinematics: Kinematics, position: Any) -> Placed:
    tool = kinematics.tool(position)
    return Placed(tool.position, tool.rotation)


def _rotation(quaternion: np.ndarray) -> np.ndarray:
    """[3 3] of w x y z."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
