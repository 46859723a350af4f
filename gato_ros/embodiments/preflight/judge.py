"""Whether a robot is ready to move: every judgement over what was observed, for the doctor and as a gate."""

from __future__ import annotations

from collections.abc import Iterable

from gato_ros.core.check_result import Finding
from gato_ros.core.errors import unknown_name
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.preflight import nodes as loop
from gato_ros.embodiments.preflight import quality, values, wire
from gato_ros.embodiments.preflight.robot_snapshot import RobotSnapshot

PARTS = ("robot", "guard", "policy")
"""What may be expected to run."""
ROLES = ("policy", "guard")
"""Who asks before it gets active."""


def judge(robot: Embodiment, seen: RobotSnapshot, parts: Iterable[str] = PARTS) -> list[Finding]:
    """Rows of the doctor's table.

    Args:
        parts: what is expected to run; the absence of others is nothing.
    """
    parts = set(parts)
    found = loop.judge_nodes(seen) + loop.judge_time(seen)
    if "robot" in parts:
        found += _sensors(robot, seen, seen.keys) + wire.judge_recorded(robot, seen)
    if "guard" in parts:
        found += loop.judge_guard(robot, seen)
        if "robot" in parts:
            found += loop.judge_commands(robot, seen)
    found += loop.judge_proposals(robot, seen)
    found += quality.judge_quality(seen, all_topics(robot), loop.commands(robot))
    if "policy" in parts:
        found += loop.judge_policy(robot, seen)
    found += values.judge_ranges(robot, seen) + loop.judge_latency(robot, seen)
    return found + loop.judge_weights(seen) + loop.judge_disk(seen) + loop.judge_nudge(seen)


def against_activation(robot: Embodiment, seen: RobotSnapshot, role: str) -> list[Finding]:
    """What is red of all that concerns one node: the policy its sensors, the guard its robot."""
    if role not in ROLES:
        raise unknown_name("a role", role, ROLES)
    found = loop.judge_nodes(seen) + loop.judge_time(seen)
    found += quality.judge_quality(seen, all_topics(robot), loop.commands(robot))
    if role == "guard":
        found += _sensors(robot, seen, ()) + loop.judge_commands(robot, seen)
    else:
        # Not the guard: what nobody listens to moves nothing, and a guard asks for itself.
        found += _sensors(robot, seen, seen.keys) + values.judge_ranges(robot, seen)
        # Another policy beside it; a guard, which has to take over from one that died, does not wait for that.
        found += loop.judge_proposals(robot, seen)
        found += loop.judge_latency(robot, seen) + loop.judge_weights(seen)
    return [finding for finding in found if finding.level == "red"]


def for_recording(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """What is not as the contract has it, for a recorder: first what makes a recording impossible (`unusable`)."""
    found = loop.judge_time(seen) + _sensors(robot, seen, None) + loop.judge_proposals(robot, seen)
    found += wire.judge_recorded(robot, seen)
    found += quality.judge_quality(seen, all_topics(robot), loop.commands(robot)) + values.judge_ranges(robot, seen)
    return sorted((finding for finding in found if finding.level != "green"), key=lambda one: not one.unusable)


def all_topics(robot: Embodiment) -> tuple[str, ...]:
    """Every topic of the contract."""
    own = (*(sensor.topic for sensor in wire.sensors(robot)), *loop.commands(robot), *loop.proposals(robot))
    return tuple(dict.fromkeys((*own, *robot.recorded)))


def _sensors(robot: Embodiment, seen: RobotSnapshot, keys: tuple[str, ...] | None) -> list[Finding]:
    wanted = wire.sensors(robot, keys)
    found = [row for sensor in wanted for row in wire.judge_sensor(robot, sensor, seen)]
    found += wire.judge_sync(robot, wanted, seen)
    for key in robot.image_keys:
        if keys is None or key in keys:
            found += values.judge_pictures(robot, key, seen)
    for key in robot.listened:
        if keys is None or key in keys:
            found += values.judge_channel(robot, key, seen)
    found += values.judge_joints(robot, seen)
    return found + (values.judge_gripper(robot, seen) if keys is None or keys else [])
