"""An action as messages of an episode, one for each of its parts, and its values again.

Each is the standard message for its kind: a `TwistStamped`, or a `JointState` with velocities or positions. Of the
usual action, vx vy vz wz and an opening, the types alone say which is which. Of any other the channel's metadata says
the `part`, and the `form` of its values: the twist's components in their order, or the field of the joint state.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.data import messages
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.part import TWIST_STAMPED

ARM, GRIPPER, BASE = "arm", "gripper", "base"
PARTS = (ARM, GRIPPER)
"""Of every action; some have a base besides."""
_OF_TYPE = {messages.TWIST: ARM, messages.JOINT_STATE: GRIPPER}
"""Whose message of the usual action is of that type."""
_USUAL = "vx vy vz wz"
_FIELDS = ("position", "velocity")

Written = tuple[str, memoryview, dict[str, str]]
"""Message type, the message, and what its channel says beside the role."""


def action_messages(robot: Embodiment, action: Action, stamp_ns: int) -> dict[str, Written]:
    """Part -> its message. Of the gripper it holds the action's own value, an opening [m] or a joint's angle [rad]."""
    part, values = robot.arm_part, np.asarray(action.values[robot.arm_key], np.float64)
    if part.message == TWIST_STAMPED:
        frame = robot.tool_frame if getattr(part, "frame", "base") == "tool" else robot.base_frame
        form, kind = " ".join(part.names), messages.TWIST
        arm = messages.twist_stamped(values, stamp_ns, frame, part.names)
    else:
        form, kind = part.field, messages.JOINT_STATE
        arm = messages.joint_state(part.names, stamp_ns, **{form: values})
    gripper = messages.joint_state([robot.gripper.joint], stamp_ns, action.values[robot.gripper_key])
    # Of the usual action nothing is said: files are to the byte what they were before there was a choice.
    about = {} if robot.usual_actions else {"part": ARM, "form": form}
    of_gripper = {} if robot.usual_actions else {"part": GRIPPER, "form": "position"}
    written = {ARM: (kind, arm, about), GRIPPER: (messages.JOINT_STATE, gripper, of_gripper)}
    if (base := robot.base_part) is not None:
        moved = messages.twist_stamped(action.values[str(robot.base_key)], stamp_ns, base.frame_id, base.names)
        written[BASE] = (messages.TWIST, moved, {"part": BASE, "form": " ".join(base.names)})
    return written


def part_of(role: str, message_type: str, metadata: Mapping[str, str]) -> str:
    """Which part of a label or of what was executed a channel holds; nothing of other channels."""
    if role not in (roles.LABEL, roles.EXECUTED) or message_type not in _OF_TYPE:
        return ""
    return metadata.get("part") or _OF_TYPE[message_type]


def read_part(message_type: str, metadata: Mapping[str, str], data: bytes) -> np.ndarray:
    """[values] of a message that `action_messages` wrote.

    Raises:
        ValueError: a form that no part has.
    """
    if message_type == messages.TWIST:
        components = metadata.get("form", _USUAL).split()
        if unknown := [name for name in components if name not in COMPONENTS]:
            raise ValueError(f"a twist has no component {unknown[0]}")
        return messages.read_twist(data, components)
    if (field := metadata.get("form", "position")) not in _FIELDS:
        raise ValueError(f"a joint state has no field {field}")
    return np.array(getattr(messages.read(messages.JOINT_STATE, data), field))
