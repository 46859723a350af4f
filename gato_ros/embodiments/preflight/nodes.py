"""Judgements of our own nodes before a robot may move: commands, guard, policy, time, weights, disk, gripper nudge."""

from __future__ import annotations

import math
from collections import Counter

from gato_ros.core.check_result import Finding, green, red, yellow
from gato_ros.core.guard.guard import NOT_ARMED
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.neighbours.placement import joint_states_topic
from gato_ros.embodiments.preflight.robot_snapshot import RobotSnapshot, Status, Topic
from gato_ros.embodiments.preflight.wire import JOINT_STATE, TWIST, base_name, obeys, wrong_types

GUARD, POLICY = "guard_node", "policy_node"
NOT_ACTIVE = ("unconfigured", "inactive")
HOW_ACTIVE = "mend what it names and activate it: ros2 lifecycle set {} activate"
SILENT_S = 2.5
"""A node that says its status every second or oftener is gone after so long [s]."""
NARROW_SHARE = 0.7
"""Of the control period: what takes longer leaves too little for camera, wire and guard."""
LEAST_FREE_MIB, ENOUGH_FREE_MIB = 2048.0, 4096.0
"""As the recorder's parameters finish_below_megabytes and start_above_megabytes."""
MOVED_SHARE = 0.3
"""Of a nudge that the gripper has to follow."""

ARM_TYPES = {
    "joint_state": JOINT_STATE,
    "float64_multi_array": "std_msgs/msg/Float64MultiArray",
    "joint_trajectory": "trajectory_msgs/msg/JointTrajectory",
    "twist": TWIST,
}
"""Of arm commands, by the contract's `arm_command_kind`."""


def commands(robot: Embodiment) -> dict[str, str]:
    """Topics that the robot obeys, and their type."""
    of_base = {} if robot.base_part is None else {robot.base_topics[1]: TWIST}
    arm, gripper = robot.wire.arm_command, robot.wire.gripper_command
    return {arm: ARM_TYPES[robot.wire.arm_command_kind], gripper: JOINT_STATE, **of_base}


def proposals(robot: Embodiment) -> dict[str, str]:
    """Topics that the guard receives of a policy and of a person, and their type."""
    wire, (arm, gripper) = robot.wire, robot.proposal_topics
    of_base = {} if robot.base_part is None else {robot.base_topics[0]: TWIST}
    return {
        arm: robot.arm_part.message,
        gripper: JOINT_STATE,
        wire.human_twist: TWIST,
        wire.human_gripper: JOINT_STATE,
        **of_base,
    }


def judge_commands(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """Only the guard speaks to the robot, and the robot listens."""
    found = []
    for name, kind in commands(robot).items():
        topic = seen.topics.get(name, Topic())
        found += wrong_types(name, kind, topic, seen, obeyed=True)
        strangers = sorted(one.node for one in topic.publishers if base_name(one.node) != GUARD)
        if strangers:
            found.append(
                red(
                    name,
                    f"{', '.join(strangers)} commands the robot past the guard",
                    "end it, or remap its topic: only guard_node may command; SROS 2 keeps others out",
                )
            )
        elif len(topic.publishers) > 1:
            found.append(
                red(
                    name,
                    f"{len(topic.publishers)} guard_nodes command the robot",
                    "end all but one, or give each robot a namespace",
                )
            )
        elif not topic.publishers:
            found.append(red(name, "nobody commands the robot", "start guard_node in this namespace"))
        if not any(obeys(one, seen) for one in topic.subscribers):
            found.append(red(name, "no robot subscribes", "start the robot or its driver, or remap its command topic"))
    return found or [green("commands", "only guard_node commands, and a robot subscribes")]


def judge_proposals(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """One policy and one person at most, of the right types and frame."""
    found = []
    for name, kind in proposals(robot).items():
        topic = seen.topics.get(name, Topic())
        found += wrong_types(name, kind, topic, seen)
        if len(topic.publishers) > 1:
            who = ", ".join(sorted(one.node for one in topic.publishers))
            found.append(
                red(
                    name,
                    f"{len(topic.publishers)} publishers: {who}",
                    "the guard takes one policy and one person: end the others",
                )
            )
        part = robot.base_part if name == robot.base_topics[0] else None
        frame = robot.base_frame if part is None else part.frame_id
        if kind == TWIST and (wrong := sorted(topic.frame_ids - {frame})):
            found.append(
                red(
                    f"{name}: frame",
                    f"{', '.join(map(repr, wrong))}, expected {frame!r}",
                    "propose in the base frame" if part is None else "propose in the contract's frame_id",
                )
            )
    return found or [green("proposals", "at most one policy and one person propose")]


def _silent(node: str, last: Status | None, fix: str) -> Finding:
    return red(node, "says nothing" if last is None else f"has said nothing for {last.silent_s:.1f} s", fix)


def judge_guard(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """Alive, not latched but for want of a reset, whole, with this contract's limits."""
    guard = seen.guard
    if guard is None or guard.silent_s > SILENT_S:
        return [_silent(GUARD, guard, "start guard_node in this namespace; look at its log")]
    found, reasons = [], guard.values.get("reasons", "")
    if guard.message.startswith(NOT_ACTIVE):
        found.append(red(GUARD, "; ".join(filter(None, (guard.message, reasons))), HOW_ACTIVE.format(GUARD)))
    waits = reasons.split(",")[0] == NOT_ARMED
    # Beside a latch stand the faults of this very moment; without a reset nobody needs to propose.
    speaks_against = [
        reason for reason in reasons.split(",") if reason != NOT_ARMED and not reason.endswith("_proposal")
    ]
    if guard.message == "latched" and (not waits or speaks_against):
        found.append(
            red(
                GUARD,
                f"latched: {reasons}",
                f"mend that, then call {GUARD}/reset; docs/reference/safety.md has the reasons",
            )
        )
    found += _others_unseen(robot, reasons.split(","))
    if off := guard.values.get("off", ""):
        found.append(yellow(f"{GUARD}: parts", f"switched off: {off}", "empty its parameter switched_off"))
    if guard.values.get("shadow") == "on":
        found.append(yellow(f"{GUARD}: mode", "shadow: no policy moves the arm", "set its parameter shadow to false"))
    if seen.guard_digest not in (None, robot.guard_digest):
        found.append(
            red(
                f"{GUARD}: contract",
                f"another than {robot.name} here (digest {seen.guard_digest[:12]}, expected {robot.guard_digest[:12]})",
                "give all nodes one `embodiment`, of one version",
            )
        )
    state = "waits for its first reset" if waits else guard.message
    return found or [green(GUARD, f"alive, {state}, nothing switched off")]


def _others_unseen(robot: Embodiment, reasons: list[str]) -> list[Finding]:
    """A row for each other arm that the guard does not see as it should."""
    found = []
    for fault, _, name in (reason.partition("_neighbour:") for reason in reasons):
        if name in robot.guard_neighbours:
            topic = joint_states_topic(robot.guard_neighbours[name], robot.neighbour(name))
            said = f"{GUARD} says of its joint states: {fault}"
            found.append(red(f"other arm: {name}", said, f"is its robot on, and publishes {topic}?"))
    return found


def judge_policy(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """Alive, without a complaint."""
    policy = seen.policy
    if policy is None or policy.silent_s > SILENT_S:
        return [_silent(POLICY, policy, "start policy_node in this namespace (it compiles first); look at its log")]
    if policy.message.startswith(NOT_ACTIVE):
        return [red(POLICY, policy.message, HOW_ACTIVE.format(POLICY))]
    if policy.level == "error":
        return [red(POLICY, policy.message, f"mend that, then call {POLICY}/reset")]
    if policy.level == "warn":
        return [red(POLICY, policy.message, "it proposes nothing while this is so")]
    return [green(POLICY, f"alive, {policy.message}")]


def judge_latency(robot: Embodiment, seen: RobotSnapshot) -> list[Finding]:
    """Time for an action against the control period."""
    took_ms, period_ms = seen.act_ms_p99, 1e3 / robot.control_rate_hz
    if took_ms is None:
        return []
    what, said = "time for an action", f"{took_ms:.1f} ms (99th percentile) of {period_ms:.0f} ms"
    fix = "a smaller model, another precision, a quicker or quieter machine: docs/benchmarks/speed.md"
    if not took_ms <= period_ms:  # NaN too
        return [red(what, said, fix)]
    return [yellow(what, said, fix) if took_ms > NARROW_SHARE * period_ms else green(what, said)]


def judge_time(seen: RobotSnapshot) -> list[Finding]:
    """All nodes on one clock, and a clock that somebody publishes."""
    what, on = "time", seen.simulated_time
    if not on:
        return []
    simulated = sorted(node for node, value in on.items() if value)
    wall = sorted(node for node, value in on.items() if not value)
    if simulated and wall:
        return [
            red(
                what,
                f"use_sim_time is true for {', '.join(simulated)} and false for {', '.join(wall)}",
                "set it alike on all nodes",
            )
        ]
    if simulated and seen.clocks != 1:
        return [
            red(
                what,
                f"use_sim_time is true and /clock has {seen.clocks or 'no'} publishers",
                "start one simulator that publishes /clock, or set use_sim_time to false",
                unusable=not seen.clocks,
            )
        ]
    if wall and seen.clocks:
        return [
            yellow(
                what,
                "somebody publishes /clock, and the nodes go by the wall clock",
                "set use_sim_time, if the robot is that simulator",
            )
        ]
    return [green(what, f"{'simulated' if simulated else 'wall'} time on {len(on)} nodes")]


def judge_nodes(seen: RobotSnapshot) -> list[Finding]:
    """No name twice: services and parameters of two nodes with one name answer at random."""
    twice = sorted(name for name, count in Counter(seen.nodes).items() if count > 1)
    if twice:
        return [
            red(
                "nodes",
                f"{', '.join(twice)}: there more than once",
                "end what is left over from an earlier start, or give each robot a namespace",
            )
        ]
    return [green("nodes", f"{len(seen.nodes)} in this namespace{seen.settings and ', '}{seen.settings}")]


def judge_weights(seen: RobotSnapshot) -> list[Finding]:
    """Whether the policy was made for this robot."""
    if seen.weights is None:
        return []
    name, fault = seen.weights
    return (
        [red("weights", f"{name}: {fault}", "name weights of this contract")]
        if fault
        else [green("weights", f"{name} fits the contract")]
    )


def judge_disk(seen: RobotSnapshot) -> list[Finding]:
    """Room for recordings."""
    if seen.disk is None:
        return []
    folder, free_mib = seen.disk
    what, said = "disk for recordings", f"{free_mib / 1024.0:.1f} GiB free in {folder}"
    if free_mib < LEAST_FREE_MIB:
        return [red(what, said, "make room, or record elsewhere")]
    if free_mib < ENOUGH_FREE_MIB:
        return [yellow(what, said, "the recorder begins no episode with less than 4 GiB")]
    return [green(what, said)]


def judge_nudge(seen: RobotSnapshot) -> list[Finding]:
    """Whether the gripper opens when it is commanded to."""
    nudge, what = seen.nudge, "gripper nudge"
    if nudge is None:
        return []
    if nudge.refused:
        return [red(what, f"not made: {nudge.refused}", "mend that and ask again")]
    moved = nudge.moved_m / nudge.commanded_m
    said = f"commanded {nudge.commanded_m * 1e3:+.1f} mm, moved {nudge.moved_m * 1e3:+.1f} mm"
    if not math.isfinite(moved) or abs(moved) < MOVED_SHARE:
        return [red(what, f"{said}: it does not follow", "is the gripper on, and does its driver subscribe?")]
    if moved < 0.0:
        return [red(what, f"{said}: the wrong way", "the driver's polarity is inverted: 0 m is closed")]
    return [green(what, said)]
