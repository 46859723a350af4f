"""The Sawyer's topics, both ways: fields by name, as fake_sawyer.py knows them, and the ROS 1 message of Intera.

Runs under the system's Python, beside the real rospy. The definitions in msg/ have the checksums of intera_core_msgs.
"""

import json

import genpy
from intera_core_msgs.msg import (
    CollisionDetectionState,
    HomingCommand,
    HomingState,
    IOComponentCommand,
    IOComponentStatus,
    IODataStatus,
    IODeviceStatus,
    IOStatus,
    JointCommand,
    RobotAssemblyState,
)
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty, Float64

GRIPPER, CUFF = "/io/end_effector/right_gripper", "/io/robot/cuff"
LIMB = "/robot/limb/right"

STATES = {
    "/robot/joint_states": JointState,
    "/robot/state": RobotAssemblyState,
    "/robot/homing_states": HomingState,
    f"{LIMB}/collision_detection_state": CollisionDetectionState,
    f"{CUFF}/state": IODeviceStatus,
    f"{GRIPPER}/state": IODeviceStatus,
}
"""What the robot publishes."""

COMMANDS = {
    f"{LIMB}/joint_command": JointCommand,
    f"{LIMB}/joint_command_timeout": Float64,
    "/robot/set_super_enable": Bool,
    "/robot/set_super_reset": Empty,
    "/robot/set_super_stop": Empty,
    "/robot/set_homing_mode": HomingCommand,
    f"{GRIPPER}/command": IOComponentCommand,
}
"""What it subscribes to."""

LATCHED = (f"{LIMB}/joint_command_timeout",)
TYPES = {bool: "bool", int: "int", float: "float"}


def message(topic: str, fields: dict):
    """The ROS 1 message with these fields."""
    kind = (STATES | COMMANDS)[topic]
    if kind is IODeviceStatus:
        return _device_status(topic.split("/")[-2], fields)
    if kind is IOComponentCommand:
        signals = {
            name: {"format": {"type": TYPES[type(value)]}, "data": [value]} for name, value in fields["set"].items()
        }
        return IOComponentCommand(_time(fields["number"]), "set", json.dumps({"signals": signals}))
    return kind(**fields)


def fields(topic: str, received) -> dict:
    """The fields of a ROS 1 message."""
    if isinstance(received, IODeviceStatus):
        signals = {signal.name: json.loads(signal.data)[0] for signal in received.signals}
        return {**signals, "acknowledged": [time.to_nsec() for time in received.commands]}
    if isinstance(received, IOComponentCommand):
        signals = json.loads(received.args)["signals"] if received.op == "set" else {}
        return {
            "set": {name: signal["data"][0] for name, signal in signals.items()},
            "number": received.time.to_nsec(),
        }
    return {name: getattr(received, name) for name in received.__slots__ if name != "header"}


def _device_status(name: str, values: dict):
    ready = IOStatus(tag=IOStatus.READY)
    signals = [
        IODataStatus(key, json.dumps({"type": TYPES[type(value)], "role": "input"}), json.dumps([value]), ready)
        for key, value in values.items()
        if key != "acknowledged"
    ]
    return IODeviceStatus(
        device=IOComponentStatus(name, ready),
        signals=signals,
        commands=[_time(number) for number in values.get("acknowledged", ())],
    )


def _time(number: int):
    """A command's number is its time in nanoseconds."""
    return genpy.Time(*divmod(number, 10**9))
