"""What has to be well before a node with a life cycle may become active."""

from __future__ import annotations

import time

import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState

from gato_ros.embodiments import Embodiment
from gato_ros.nodes.joint_message import JointsRefused, values_by_name
from gato_ros.nodes.quality import RECORD_SENSOR
from gato_ros.nodes.wire_ears import WireEars

LISTEN_S = 1.0
"""How long a message is waited for [s]; a simulator in lockstep repeats its joint states every half second."""


def preflight(node: Node, robot: Embodiment, role: str) -> list[str]:
    """Reasons against the activation of `node`; empty: go. `role` is "policy" or "guard"."""
    wire, heard = robot.wire, {}
    wanted = [("joints", "", wire.joint_states.topic, JointState, RECORD_SENSOR)]
    if role == "policy":
        wanted += [("image", key, robot.observations[key].topic, Image, RECORD_SENSOR) for key in robot.image_keys]
    ears = WireEars(node, wanted, lambda topic, kept: heard.update({topic.name: kept.data}))
    try:
        end_s = time.monotonic() + LISTEN_S
        while len(heard) < len(wanted) and time.monotonic() < end_s:
            ears.listen()
            time.sleep(0.005)
    finally:
        ears.close()
    reasons = [f"nothing is heard on {topic}" for _, _, topic, _, _ in wanted
               if node.resolve_topic_name(topic) not in heard]
    if data := heard.get(node.resolve_topic_name(wire.joint_states.topic)):
        try:
            values = values_by_name(deserialize_message(data, JointState), "position", robot.arm.joints, closed=False)
            if not np.isfinite(values).all():
                reasons.append("joint states: a value is not finite")
        except JointsRefused as refusal:
            reasons.append(f"joint states: {refusal}")
    reasons += [f"{topic} has more than one publisher" for topic in (wire.arm_command, wire.gripper_command)
                if node.count_publishers(node.resolve_topic_name(topic)) > 1]
    return reasons
