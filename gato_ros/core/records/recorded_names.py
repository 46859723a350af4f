"""Names of modules in recorded files, and where those modules are now.

An incident names the class of each value by the module that held it when the format was fixed (0.1.0). Modules may
move; what is written in files may not change, or a recording could no longer be replayed bit by bit.
"""

from __future__ import annotations

PRESENT = {
    "gato_ros.core.agreement": "gato_ros.core.guard.agreement",
    "gato_ros.core.arbiter": "gato_ros.core.guard.arbiter",
    "gato_ros.core.arrivals": "gato_ros.core.timing.arrivals",
    "gato_ros.core.clearance": "gato_ros.core.guard.clearance",
    "gato_ros.core.deflection": "gato_ros.core.teleop.stick",
    "gato_ros.core.differential_ik": "gato_ros.core.guard.differential_ik",
    "gato_ros.core.ease": "gato_ros.core.guard.smoothstep",
    "gato_ros.core.exact": "gato_ros.core.records.exact_json",
    "gato_ros.core.finding": "gato_ros.core.check_result",
    "gato_ros.core.freshness": "gato_ros.core.timing.freshness",
    "gato_ros.core.gripper_hold": "gato_ros.core.guard.gripper_hold",
    "gato_ros.core.guard": "gato_ros.core.guard.guard",
    "gato_ros.core.guard_settings": "gato_ros.core.guard.settings",
    "gato_ros.core.hand": "gato_ros.core.teleop.operator_input",
    "gato_ros.core.journal": "gato_ros.core.records.journal",
    "gato_ros.core.joint_slew": "gato_ros.core.guard.joint_slew",
    "gato_ros.core.joint_watch": "gato_ros.core.guard.joint_watch",
    "gato_ros.core.key_hold": "gato_ros.core.teleop.key_hold",
    "gato_ros.core.latch_watch": "gato_ros.core.guard.incident_filter",
    "gato_ros.core.motion": "gato_ros.core.guard.motion",
    "gato_ros.core.pace": "gato_ros.core.timing.pace",
    "gato_ros.core.proposal": "gato_ros.core.guard.proposal",
    "gato_ros.core.seal": "gato_ros.core.records.checksummed_json",
    "gato_ros.core.sensor_checks": "gato_ros.core.timing.sensor_checks",
    "gato_ros.core.singularity": "gato_ros.core.guard.singularity",
    "gato_ros.core.stop_ramp": "gato_ros.core.guard.stop_ramp",
    "gato_ros.core.time_average": "gato_ros.core.guard.moving_average",
    "gato_ros.core.verdict": "gato_ros.core.guard.verdict",
}
"""Module name in a file -> module that holds its classes today. A module that never moved is not listed."""
_RECORDED = {present: recorded for recorded, present in PRESENT.items()}


def present_module(recorded: str) -> str:
    """The module to import for a module name found in a file."""
    return PRESENT.get(recorded, recorded)


def recorded_module(present: str) -> str:
    """The module name to write into a file for a class defined in `present`."""
    return _RECORDED.get(present, present)
