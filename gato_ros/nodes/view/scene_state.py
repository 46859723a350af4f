"""What the loop says, kept as the scene of this moment: for nodes that show it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float32MultiArray

from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.kinematics import Kinematics, ToolState
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.messages.joint_state import JointsRefused, values_by_name
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.runtime.qos import CAMERA, STATE_IN, VIEWER
from gato_ros.nodes.view.debug_picture import Scene

FORGET_S = 1.0
"""What was not said again for so long [s] is unknown: a picture must not show a motion that is over."""
HUMAN = "human"


class SceneState:
    """Subscribes to the loop, best effort: nothing is sent again, and no publisher waits. One thread."""

    def __init__(self, node: Node, robot: Embodiment):
        self._node, self._robot, self._kinematics = node, robot, Kinematics(robot)
        self._received: dict[str, tuple[float, Any]] = {}
        self._pictures: list = []
        wire = robot.wire
        node.create_subscription(JointState, wire.joint_states.topic, self._on_joints, STATE_IN)
        node.create_subscription(JointState, wire.gripper_states.topic, self._on_opening("opening"), STATE_IN)
        arm, gripper = robot.proposal_topics
        # Arrows are drawn along the base's axes: other proposals have none.
        in_base = getattr(robot.arm_part, "frame", None) == "base"
        for topic, name in (((arm, "policy"),) if in_base else ()) + ((wire.human_twist, HUMAN),):
            node.create_subscription(TwistStamped, topic, self._on_twist(name), VIEWER)
        node.create_subscription(JointState, gripper, self._on_opening("wanted"), VIEWER)
        node.create_subscription(JointState, wire.arm_command, self._on_command, VIEWER)
        for name in ("guard_node", "policy_node"):
            node.create_subscription(DiagnosticStatus, f"{name}/status", self._keeper(name), STATE_IN)

    def look(self, wanted: bool) -> None:
        """Whether cameras and introspection are wanted from now on: they cost their publishers something."""
        if wanted and not self._pictures:
            self._pictures = [
                self._node.create_subscription(message_class(one.type), one.topic, self._on_image(key), CAMERA)
                for key, one in self._robot.cameras.items()
            ]
            self._pictures.append(
                self._node.create_subscription(
                    Float32MultiArray, "policy_node/introspection", self._on_thought, STATE_IN
                )
            )
        elif self._pictures and not wanted:
            for subscription in self._pictures:
                self._node.destroy_subscription(subscription)
            self._pictures = []

    @property
    def joints(self) -> np.ndarray | None:
        """[joints] [rad]."""
        return self._newest("joints")

    @property
    def opening_m(self) -> float:
        """0 as long as it is unknown."""
        return self._newest("opening") or 0.0

    def tool(self) -> ToolState | None:
        """Where the tool is; None as long as the joints are unknown."""
        return None if (q := self.joints) is None else self._kinematics.tool(q)

    def scene(self, tool: ToolState | None) -> Scene:
        """This moment."""
        guard, policy = self._newest("guard_node"), self._newest("policy_node", 2.0 * FORGET_S)
        values: Mapping[str, str] = values_of(guard) if guard else {}
        source, velocity = values.get("source", ""), self._newest("command")
        commanded = None if tool is None or velocity is None else (tool.jacobian @ velocity)[[0, 1, 2, 5]]
        return Scene(
            cameras={key: self._newest(key) for key in self._robot.image_keys},
            proposed=self._newest(HUMAN if source == HUMAN else "policy"),
            commanded=commanded,
            wanted_opening_m=self._newest("wanted"),
            opening_m=self._newest("opening"),
            tool_m=None if tool is None else tool.position,
            level=guard.message if guard else "",
            reasons=values.get("reasons", ""),
            source=source,
            policy=policy.message if policy else "",
            entropy_nat=self._newest("entropy"),
        )

    def _keep(self, name: str, value: Any) -> None:
        self._received[name] = (time.monotonic(), value)

    def _newest(self, name: str, within_s: float = FORGET_S) -> Any:
        received_s, value = self._received.get(name, (-np.inf, None))
        return value if time.monotonic() - received_s < within_s else None

    def _keeper(self, name: str):
        return lambda message: self._keep(name, message)

    def _on_joints(self, message: JointState) -> None:
        self._keep_values("joints", message, "position", self._robot.arm.joints)

    def _on_command(self, message: JointState) -> None:
        self._keep_values("command", message, "velocity", self._robot.arm.joints)

    def _on_opening(self, name: str):
        def keep(message: JointState) -> None:
            if (value := self._values(message, "position", [self._robot.gripper.joint])) is not None:
                self._keep(name, float(value[0]))

        return keep

    def _keep_values(self, name: str, message: JointState, field: str, joints: list[str]) -> None:
        if (value := self._values(message, field, joints)) is not None:
            self._keep(name, value)

    def _values(self, message: JointState, field: str, joints: list[str]) -> np.ndarray | None:
        """None of a message that is not the contract's: the policy and the guard refuse it, too, and say so."""
        try:
            value = values_by_name(message, field, joints, closed=False)
        except JointsRefused:
            return None
        return value if np.isfinite(value).all() else None

    def _on_twist(self, name: str):
        def keep(message: TwistStamped) -> None:
            linear = message.twist.linear
            twist = np.array([linear.x, linear.y, linear.z, message.twist.angular.z])
            if np.isfinite(twist).all():
                self._keep(name, twist)

        return keep

    def _on_image(self, key: str):
        reader = PictureReader(self._robot.cameras[key])

        def keep(message) -> None:
            try:
                self._keep(key, reader.picture(message))
            except Refused:
                return  # as with joints

        return keep

    def _on_thought(self, message: Float32MultiArray) -> None:
        first = 0
        for part in message.layout.dim:
            if part.label == "entropy_nat":
                entropy = float(np.mean(message.data[first : first + part.size]))
                if np.isfinite(entropy):
                    self._keep("entropy", entropy)
            first += part.size
