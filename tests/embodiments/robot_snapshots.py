"""A robot that is well, as a preflight sees it, and how to break one thing of it."""

from dataclasses import replace

import numpy as np

from gato_ros.core.timing.arrivals import Timing
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.preflight.nodes import commands, proposals
from gato_ros.embodiments.preflight.robot_snapshot import (
    Clipped,
    Endpoint,
    Joints,
    Pictures,
    Quality,
    RobotSnapshot,
    Status,
    Topic,
)
from gato_ros.embodiments.preflight.wire import JOINT_STATE, sensors

ROBOT = load_embodiment()
WIRE = ROBOT.wire
LEFT, RIGHT = (ROBOT.observations[key].topic for key in ROBOT.image_keys)
LEFT_KEY = ROBOT.image_keys[0]
JOINTS, GRIPPER = WIRE.joint_states.topic, WIRE.gripper_states.topic
ARM, GRIPPER_COMMAND = WIRE.arm_command, WIRE.gripper_command
PROPOSED = WIRE.proposal_twist
DRIVER, GUARD, POLICY, DOCTOR = (f"/sawyer/{name}" for name in ("driver", "guard_node", "policy_node", "doctor"))
BEST_EFFORT = Quality(reliable=False)
LIVELY = Quality(deadline_s=0.1, lease_s=0.1)
ANGLES = np.array([0.1371, -0.9177, -0.6417, 1.5575, 0.4264, 1.0745, -0.0847])


def timing(rate_hz, **changed):
    period_s = 1.0 / rate_hz
    return replace(
        Timing(
            received=int(4 * rate_hz),
            silent_s=0.5 * period_s,
            period_s=period_s,
            age_s=0.005,
            longest_gap_s=1.5 * period_s,
        ),
        **changed,
    )


def joints(names=None, position=ANGLES, velocity=None, effort=()):
    names = tuple(ROBOT.arm.joints if names is None else names)
    velocity = np.zeros(len(names)) if velocity is None else velocity
    return Joints(names, *(np.array([values, values], np.float64) for values in (position, velocity, effort)))


def gripper(opening_m=0.05, effort=(0.0,), name=ROBOT.gripper.joint):
    return joints((name,), (opening_m,), (), effort)


def well() -> RobotSnapshot:
    topics = {}
    for sensor in sensors(ROBOT):
        camera = bool(sensor.frame_id)
        topics[sensor.topic] = Topic(
            (Endpoint(DRIVER, sensor.kind, BEST_EFFORT if camera else Quality()),),
            (Endpoint(POLICY, sensor.kind, BEST_EFFORT), Endpoint(DOCTOR, sensor.kind, BEST_EFFORT)),
            timing(20.0 if camera else 100.0),
            frozenset({sensor.frame_id}),
        )
    for name, kind in commands(ROBOT).items():
        topics[name] = Topic((Endpoint(GUARD, kind),), (Endpoint(DRIVER, kind),))
    for name, kind in proposals(ROBOT).items():
        policy = name in (WIRE.proposal_twist, WIRE.proposal_gripper)
        topics[name] = Topic(
            (Endpoint(POLICY, kind, LIVELY),) if policy else (),
            (Endpoint(GUARD, kind, LIVELY if policy else Quality()),),
            frame_ids=frozenset({ROBOT.base_frame}) if policy else frozenset(),
        )
    return RobotSnapshot(
        listened_s=4.0,
        topics=topics,
        nodes=(DOCTOR, DRIVER, GUARD, POLICY),
        observers=frozenset({"recorder_node", DOCTOR}),
        joints=joints(),
        gripper=gripper(),
        pictures={key: Pictures(80, different=80) for key in ROBOT.image_keys},
        guard=Status("error", "latched", {"reasons": "not_armed", "off": ""}),
        policy=Status("ok", "proposing", {}),
        guard_digest=ROBOT.guard_digest,
        simulated_time={GUARD: False, POLICY: False},
        clipped={"gripper/opening": Clipped(0.0, "")},
        act_ms_p99=11.0,
        weights=("sawyer_mastery", ""),
        disk=("recordings", 50_000.0),
    )


def on(name, **changed):
    """Change fields of one topic."""
    return lambda seen: replace(seen, topics={**seen.topics, name: replace(seen.topics[name], **changed)})


def timed(name, rate_hz=100.0, **changed):
    return on(name, timing=timing(rate_hz, **changed))


def also(name, node, kind=JOINT_STATE, quality=Quality()):  # noqa: B008, frozen
    """One more publisher."""
    return lambda seen: on(name, publishers=(*seen.topics[name].publishers, Endpoint(node, kind, quality)))(seen)


def field(**changed):
    return lambda seen: replace(seen, **changed)


def picture(**changed):
    return lambda seen: replace(seen, pictures={**seen.pictures, LEFT_KEY: replace(seen.pictures[LEFT_KEY], **changed)})
