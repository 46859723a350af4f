"""Every misconfiguration by itself: the doctor names it, and the gate of whoever it concerns stays shut."""

from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.timing.arrivals import Timing
from gato_ros.embodiments.preflight.judge import against_activation, for_recording, judge
from gato_ros.embodiments.preflight.quality import clash
from gato_ros.embodiments.preflight.robot_snapshot import Clipped, Endpoint, Joints, Nudge, Quality, Status
from gato_ros.embodiments.preflight.wire import IMAGE, JOINT_STATE, TWIST
from tests.embodiments.robot_snapshots import (
    ANGLES,
    ARM,
    BEST_EFFORT,
    DRIVER,
    GRIPPER,
    GRIPPER_COMMAND,
    GUARD,
    JOINTS,
    LEFT,
    LIVELY,
    POLICY,
    PROPOSED,
    RIGHT,
    ROBOT,
    also,
    field,
    gripper,
    joints,
    on,
    picture,
    timed,
    well,
)
from tests.robots_of_others import robot_of_others

NAMES = list(ROBOT.arm.joints)
BOTH, P, G, NOBODY = ("policy", "guard"), ("policy",), ("guard",), ()
RED, YELLOW = "red", "yellow"


def position(i, value):
    changed = ANGLES.copy()
    changed[i] = value
    return changed


MISCONFIGURATIONS = [
    # id, what is changed, colour, a word of the row, a word of what it says, whose gate stays shut
    ("camera missing", on(LEFT, publishers=()), RED, LEFT, "nobody publishes", P),
    (
        "camera in another namespace",
        lambda seen: replace(on(LEFT, publishers=())(seen), elsewhere={LEFT: (f"/arm2/{LEFT}",)}),
        RED,
        LEFT,
        f"there is /arm2/{LEFT}",
        P,
    ),
    ("joint states missing", on(JOINTS, publishers=()), RED, JOINTS, "nobody publishes", BOTH),
    ("gripper states missing", on(GRIPPER, publishers=()), RED, GRIPPER, "nobody publishes", P),
    ("camera mute", on(LEFT, timing=Timing()), RED, LEFT, "nothing arrives", P),
    (
        "camera compressed",
        on(LEFT, publishers=(Endpoint(DRIVER, "sensor_msgs/msg/CompressedImage"),)),
        RED,
        LEFT,
        "CompressedImage, expected sensor_msgs/msg/Image",
        P,
    ),
    (
        "two drivers",
        also(JOINTS, "/sawyer/old_driver"),
        RED,
        JOINTS,
        "2 publishers: /sawyer/driver, /sawyer/old_driver",
        BOTH,
    ),
    ("camera slow", timed(LEFT, 5.0), RED, f"{LEFT}: rate", "5.0 Hz", P),
    ("camera a little slow", timed(LEFT, 15.0), YELLOW, f"{LEFT}: rate", "control goes at 20 Hz", NOBODY),
    ("joint states slow", timed(JOINTS, 8.0), RED, f"{JOINTS}: rate", "8.0 Hz", BOTH),
    ("joint states a little slow", timed(JOINTS, 15.0), YELLOW, f"{JOINTS}: rate", "one that is lost", NOBODY),
    ("joint states stopped", timed(JOINTS, silent_s=1.5), RED, f"{JOINTS}: rate", "nothing for 1.5 s", BOTH),
    ("joint states with gaps", timed(JOINTS, longest_gap_s=0.3), YELLOW, f"{JOINTS}: rate", "a gap of 300 ms", NOBODY),
    (
        "one message only",
        on(JOINTS, timing=Timing(received=1, silent_s=0.4, age_s=0.0)),
        RED,
        f"{JOINTS}: rate",
        "one message in all",
        BOTH,
    ),
    (
        "no stamps",
        timed(JOINTS, unstamped=400, repeated=399, age_s=1.8e9),
        RED,
        f"{JOINTS}: stamps",
        "carry none",
        BOTH,
    ),
    ("stamps stand still", timed(JOINTS, repeated=399), RED, f"{JOINTS}: stamps", "stand still", BOTH),
    (
        "stamps that stopped",
        timed(JOINTS, repeated=60, standing=61, stands_s=0.6),
        RED,
        f"{JOINTS}: stamps",
        "stand still over 61",
        BOTH,
    ),
    ("stamps go back", timed(LEFT, 20.0, backwards=3), RED, f"{LEFT}: stamps", "go back 3 times", P),
    ("old messages repeated", timed(GRIPPER, repeated=100), RED, f"{GRIPPER}: stamps", "100 of 400 repeat", P),
    ("clock ahead", timed(JOINTS, age_s=-0.3), RED, f"{JOINTS}: stamps", "0.300 s in the future", BOTH),
    ("clock a little ahead", timed(JOINTS, age_s=-0.02), YELLOW, f"{JOINTS}: stamps", "20 ms in the future", NOBODY),
    ("clock behind", timed(JOINTS, age_s=2.0), RED, f"{JOINTS}: stamps", "2.000 s old", BOTH),
    ("camera late", timed(LEFT, 20.0, age_s=0.09), YELLOW, f"{LEFT}: stamps", "90 ms old", NOBODY),
    ("one side on simulated time", timed(LEFT, 20.0, age_s=1.7e9), RED, f"{LEFT}: stamps", "simulated", P),
    ("cameras apart", timed(LEFT, 20.0, age_s=0.13), RED, "sensors together", f"{LEFT} is 125 ms older", P),
    (
        "cameras swapped",
        on(LEFT, frame_ids=frozenset({"basket_front_right"})),
        RED,
        f"{LEFT}: frame",
        "'basket_front_right', expected 'basket_front_left'",
        P,
    ),
    (
        "frame with a slash",
        on(RIGHT, frame_ids=frozenset({"/basket_front_right"})),
        RED,
        f"{RIGHT}: frame",
        "'/basket_front_right'",
        P,
    ),
    (
        "picture of another size",
        picture(refused="640x480 pixels, expected 128x128"),
        RED,
        f"{LEFT}: picture",
        "640x480",
        P,
    ),
    ("picture without colour", picture(encoding="mono8"), RED, f"{LEFT}: picture", "mono8", P),
    ("picture black", picture(brightness=0.7, contrast=1.0), RED, f"{LEFT}: picture", "black", P),
    ("picture white", picture(brightness=254.0, contrast=3.0), RED, f"{LEFT}: picture", "white", P),
    ("picture of one colour", picture(contrast=0.3), RED, f"{LEFT}: picture", "one colour", P),
    ("picture frozen", picture(different=1), RED, f"{LEFT}: picture", "80 frames equal", P),
    ("joint missing", field(joints=joints(NAMES[:-1], ANGLES[:-1])), RED, f"{JOINTS}: names", "no right_j6", BOTH),
    (
        "joints with a prefix",
        field(joints=joints([f"sawyer/{name}" for name in NAMES])),
        RED,
        f"{JOINTS}: names",
        "no right_j0",
        BOTH,
    ),
    (
        "joint doubled",
        field(joints=joints([*NAMES, NAMES[0]], [*ANGLES, 0.0])),
        RED,
        f"{JOINTS}: names",
        "right_j0 named more than once",
        BOTH,
    ),
    ("velocities missing", field(joints=joints(velocity=())), RED, f"{JOINTS}: names", "0 values of velocity", BOTH),
    (
        "joint not a number",
        field(joints=joints(position=position(2, np.nan))),
        RED,
        f"{JOINTS}: values",
        "not finite: right_j2",
        BOTH,
    ),
    (
        "velocity infinite",
        field(joints=joints(velocity=position(3, np.inf))),
        RED,
        f"{JOINTS}: values",
        "not finite: right_j3",
        BOTH,
    ),
    (
        "joint out of range",
        field(joints=joints(position=position(6, 1.7))),
        RED,
        f"{JOINTS}: range",
        "right_j6 at 1.700 rad",
        BOTH,
    ),
    ("joints in degrees", field(joints=joints(position=np.degrees(ANGLES))), RED, f"{JOINTS}: range", "range", BOTH),
    (
        "joint speeds in degrees",
        field(joints=joints(velocity=np.full(7, 30.0))),
        RED,
        f"{JOINTS}: speed",
        "30.00 rad/s",
        BOTH,
    ),
    (
        "driver not connected",
        field(joints=joints(position=np.zeros(7))),
        YELLOW,
        f"{JOINTS}: values",
        "exactly 0",
        NOBODY,
    ),
    ("gripper of another name", field(gripper=gripper(name="finger_joint")), RED, f"{GRIPPER}: names", "no gripper", P),
    ("gripper in percent", field(gripper=gripper(60.0)), RED, f"{GRIPPER}: opening", "the stroke is 0 to 0.085 m", P),
    ("gripper negative", field(gripper=gripper(-0.02)), RED, f"{GRIPPER}: opening", "-0.02", P),
    ("gripper not a number", field(gripper=gripper(np.nan)), RED, f"{GRIPPER}: values", "not finite", P),
    ("gripper without force", field(gripper=gripper(effort=())), RED, f"{GRIPPER}: names", "0 values of effort", P),
    ("gripper force in percent", field(gripper=gripper(effort=(900.0,))), RED, f"{GRIPPER}: force", "40 N", P),
    ("second publisher of commands", also(ARM, "/sawyer/moveit_servo"), RED, ARM, "/sawyer/moveit_servo commands", G),
    ("two guards", also(GRIPPER_COMMAND, GUARD), RED, GRIPPER_COMMAND, "2 guard_nodes", G),
    ("no guard", on(ARM, publishers=()), RED, ARM, "nobody commands", G),
    (
        "no robot subscribes",
        on(ARM, subscribers=(Endpoint("/sawyer/recorder_node", JOINT_STATE),)),
        RED,
        ARM,
        "no robot subscribes",
        G,
    ),
    (
        "robot subscribes to another type",
        on(ARM, subscribers=(Endpoint(DRIVER, "std_msgs/msg/Float64MultiArray"),)),
        RED,
        ARM,
        "subscribes to std_msgs/msg/Float64MultiArray",
        G,
    ),
    (
        "robot asks for kept commands",
        on(ARM, subscribers=(Endpoint(DRIVER, JOINT_STATE, Quality(kept=True)),)),
        RED,
        f"{ARM}: quality",
        "transient local",
        BOTH,
    ),
    (
        "policy of another quality",
        on(PROPOSED, publishers=(Endpoint("/sawyer/my_policy", TWIST),)),
        RED,
        f"{PROPOSED}: quality",
        "a deadline of inf s is offered, 0.1 s requested",
        BOTH,
    ),
    (
        "viewer of another quality",
        on(LEFT, subscribers=(Endpoint("/rviz", IMAGE),)),
        YELLOW,
        f"{LEFT}: quality",
        "/rviz receives nothing",
        NOBODY,
    ),
    ("two policies", also(PROPOSED, "/sawyer/other", TWIST, LIVELY), RED, PROPOSED, "2 publishers", P),
    (
        "twist of another type",
        on(PROPOSED, publishers=(Endpoint(POLICY, "geometry_msgs/msg/Twist"),)),
        RED,
        PROPOSED,
        "geometry_msgs/msg/Twist, expected",
        P,
    ),
    ("twist in another frame", on(PROPOSED, frame_ids=frozenset({"pinch"})), RED, f"{PROPOSED}: frame", "'pinch'", P),
    ("guard away", field(guard=None), RED, "guard_node", "says nothing", NOBODY),
    ("guard hangs", field(guard=Status("ok", "ok", {}, silent_s=4.0)), RED, "guard_node", "nothing for 4.0 s", NOBODY),
    (
        "guard latched",
        field(guard=Status("error", "latched", {"reasons": "emergency_stop"})),
        RED,
        "guard_node",
        "emergency_stop",
        NOBODY,
    ),
    (
        "guard unarmed and without joints",
        field(guard=Status("error", "latched", {"reasons": "not_armed,stale_state"})),
        RED,
        "guard_node",
        "stale_state",
        NOBODY,
    ),
    (
        "guard inactive",
        field(guard=Status("warn", "inactive", {"reasons": "joint_states: rate: 5 Hz"})),
        RED,
        "guard_node",
        "5 Hz",
        NOBODY,
    ),
    (
        "guard switched off in part",
        field(guard=Status("warn", "ok", {"reasons": "", "off": "workspace"})),
        YELLOW,
        "guard_node: parts",
        "workspace",
        NOBODY,
    ),
    (
        "guard in shadow mode",
        field(guard=Status("ok", "ok", {"reasons": "", "shadow": "on"})),
        YELLOW,
        "guard_node: mode",
        "shadow",
        NOBODY,
    ),
    ("guard of another contract", field(guard_digest="0" * 64), RED, "guard_node: contract", "000000000000", NOBODY),
    ("policy away", field(policy=None), RED, "policy_node", "says nothing", NOBODY),
    ("policy failed", field(policy=Status("error", "NonFiniteError: logits")), RED, "policy_node", "logits", NOBODY),
    ("policy without input", field(policy=Status("warn", "stale joint_states")), RED, "policy_node", "stale", NOBODY),
    ("policy inactive", field(policy=Status("warn", "inactive: joint_states")), RED, "policy_node", "inactive", NOBODY),
    (
        "out of the trained range",
        field(clipped={"sawyer/pinch/pose": Clipped(0.9, "value 2 at 0.6 m")}),
        RED,
        "range of sawyer/pinch/pose",
        "90 %",
        P,
    ),
    ("policy too slow", field(act_ms_p99=63.0), RED, "time for an action", "63.0 ms", P),
    ("policy slow", field(act_ms_p99=41.0), YELLOW, "time for an action", "41.0 ms", NOBODY),
    (
        "clocks of two kinds",
        field(simulated_time={GUARD: False, POLICY: True}),
        RED,
        "time",
        "true for /sawyer/policy",
        BOTH,
    ),
    ("simulated time without a clock", field(simulated_time={GUARD: True}), RED, "time", "no publishers", BOTH),
    ("a clock nobody goes by", field(clocks=1), YELLOW, "time", "go by the wall clock", NOBODY),
    ("a node twice", field(nodes=(GUARD, POLICY, POLICY)), RED, "nodes", POLICY, BOTH),
    ("weights of another robot", field(weights=("mine", "expected 2 cameras; got 1")), RED, "weights", "2 cameras", P),
    ("disk full", field(disk=("recordings", 900.0)), RED, "disk", "0.9 GiB", NOBODY),
    ("disk nearly full", field(disk=("recordings", 3000.0)), YELLOW, "disk", "2.9 GiB", NOBODY),
    ("gripper inverted", field(nudge=Nudge(commanded_m=0.02, moved_m=-0.019)), RED, "nudge", "wrong way", NOBODY),
    ("gripper stuck", field(nudge=Nudge(commanded_m=-0.02, moved_m=0.001)), RED, "nudge", "does not follow", NOBODY),
    ("gripper silent", field(nudge=Nudge(commanded_m=0.02, moved_m=np.nan)), RED, "nudge", "not follow", NOBODY),
    ("nudge refused", field(nudge=Nudge(refused="the gripper holds something")), RED, "nudge", "holds", NOBODY),
]


@pytest.mark.parametrize(
    ("change", "level", "what", "found", "roles"),
    [row[1:] for row in MISCONFIGURATIONS],
    ids=[row[0] for row in MISCONFIGURATIONS],
)
def test_a_misconfiguration_is_named_and_shuts_the_gates_it_concerns(change, level, what, found, roles):
    seen = change(well())
    wrong = [row for row in judge(ROBOT, seen) if row.level != "green"]
    assert any(row.level == level and what in row.what and found in f"{row.found} {row.fix}" for row in wrong), wrong
    assert all(row.fix for row in wrong), "a row without anything to do"
    for role in ("policy", "guard"):
        reasons = against_activation(ROBOT, replace(seen, guard=None, policy=None), role)
        assert bool(reasons) == (role in roles), (role, reasons)
        # The gate says the same as the doctor, of what concerns it.
        assert not reasons or any(what in row.what and found in f"{row.found} {row.fix}" for row in reasons)


def test_at_least_twenty_five_of_them_shut_a_gate():
    assert sum(bool(row[5]) for row in MISCONFIGURATIONS) >= 25


def harmless():
    order = [3, 0, 6, 1, 5, 2, 4]
    yield "as it is", well()
    yield "joints in another order", replace(well(), joints=joints([NAMES[i] for i in order], ANGLES[order]))
    yield "more joints than the arm's", replace(well(), joints=joints(["head_pan", *NAMES], [9.9, *ANGLES]))
    yield (
        "the gripper's joint among the arm's",
        replace(
            well(),
            joints=Joints((*NAMES, "gripper"), np.tile([*ANGLES, 0.05], (2, 1)), np.zeros((2, 8)), np.zeros((2, 0))),
        ),
    )
    yield "a camera quicker than needed", timed(LEFT, 60.0)(well())
    yield "a gripper that overshoots a little", replace(well(), gripper=gripper(0.0862))
    yield (
        "our simulator's pictures of an arm that stands",
        picture(different=1)(on(LEFT, publishers=(Endpoint("/sawyer/sim_node", IMAGE, BEST_EFFORT),))(well())),
    )
    yield "a person with a gamepad", also(ROBOT.wire.human_twist, "/sawyer/teleop_node", TWIST)(well())
    yield (
        "a listener at the commands",
        on(ARM, subscribers=(Endpoint(DRIVER, JOINT_STATE), Endpoint("/_ros2cli_12", "std_msgs/msg/String")))(well()),
    )
    yield (
        "nothing but sensors known",
        replace(well(), clipped=None, act_ms_p99=None, weights=None, disk=None, guard_digest=None, simulated_time={}),
    )
    yield (
        "unarmed, and the policy is silent",
        replace(well(), guard=Status("error", "latched", {"reasons": "not_armed,missing_proposal", "off": ""})),
    )
    yield "armed", replace(well(), guard=Status("ok", "ok", {"reasons": "", "off": ""}))
    # A simulator in lockstep repeats itself until somebody commands it.
    lockstep = replace(well(), simulated=True, clocks=1, simulated_time={GUARD: True, POLICY: True})
    yield "lockstep", timed(JOINTS, 2.0, repeated=7, age_s=0.4)(lockstep)


@pytest.mark.parametrize("seen", [seen for _, seen in harmless()], ids=[name for name, _ in harmless()])
def test_what_is_well_is_green_and_opens_both_gates(seen):
    assert [row for row in judge(ROBOT, seen) if row.level != "green"] == []
    assert against_activation(ROBOT, seen, "policy") == against_activation(ROBOT, seen, "guard") == []


def test_what_is_left_out_on_purpose_is_not_missed():
    alone = replace(on(ARM, publishers=())(well()), guard=None, policy=None)
    assert [row for row in judge(ROBOT, alone, ("robot",)) if row.level != "green"] == []
    # A policy that reads no picture does not ask for one, and the guard asks for joint states alone.
    blind = replace(on(LEFT, publishers=())(well()), keys=("gripper/opening",))
    assert against_activation(ROBOT, blind, "policy") == []
    assert against_activation(ROBOT, on(GRIPPER, publishers=())(well()), "guard") == []


def test_a_role_that_there_is_not_is_refused():
    with pytest.raises(SetupError, match="did you mean 'guard'"):
        against_activation(ROBOT, well(), "gard")


@pytest.mark.parametrize(
    ("offered", "requested", "said"),
    [
        (Quality(), Quality(), ""),
        (Quality(), BEST_EFFORT, ""),
        (BEST_EFFORT, Quality(), "best effort"),
        (Quality(kept=True), Quality(), ""),
        (Quality(), Quality(kept=True), "volatile"),
        (Quality(deadline_s=0.05), Quality(deadline_s=0.1), ""),
        (Quality(deadline_s=0.2), Quality(deadline_s=0.1), "0.2 s"),
        (Quality(), Quality(manual_liveliness=True), "manual"),
        (Quality(manual_liveliness=True), Quality(), ""),
        (Quality(), Quality(lease_s=1.0), "lease"),
    ],
)
def test_quality_fits_as_dds_judges_it(offered, requested, said):
    assert said in clash(offered, requested) and bool(said) == bool(clash(offered, requested))


UNUSABLE = {
    *("camera missing", "camera in another namespace", "joint states missing", "gripper states missing", "camera mute"),
    *("no stamps", "stamps stand still", "stamps that stopped", "clock behind", "one side on simulated time"),
    *(
        "joint states stopped",
        "cameras swapped",
        "frame with a slash",
        "picture of another size",
        "joint missing",
        "joints with a prefix",
    ),
    *("joint doubled", "velocities missing", "joint not a number", "velocity infinite", "gripper of another name"),
    *("gripper not a number", "gripper without force", "simulated time without a clock"),
}
"""What keeps every message of a sensor out of a recording."""


@pytest.mark.parametrize("case", MISCONFIGURATIONS, ids=[case[0] for case in MISCONFIGURATIONS])
def test_a_recorder_gets_the_doctors_words_and_what_is_unusable(case):
    name, change, level, what, found, _ = case
    seen = change(well())
    rows = for_recording(ROBOT, seen)
    assert set(rows) <= set(judge(ROBOT, seen)) and "green" not in {row.level for row in rows}
    named = [row for row in rows if what in row.what and found in row.found + row.fix]
    assert {row.unusable for row in named} <= {name in UNUSABLE}
    assert (name in UNUSABLE) == any(row.unusable for row in rows)
    if what.split(":")[0] in (LEFT, RIGHT, JOINTS, GRIPPER):
        assert level in {row.level for row in named}


def test_a_recorder_has_nothing_to_say_of_a_robot_that_is_well():
    assert for_recording(ROBOT, well()) == []


def two_nodes(arm, *others):
    """Joint states from a publisher each."""
    received = replace(joints(arm, np.zeros(len(arm)) + 0.1), beside=others)
    return replace(also(JOINTS, "/sawyer/head")(well()), joints=received)


def test_two_nodes_that_share_the_joint_topic_are_well():
    seen = two_nodes(NAMES, ("head_pan",))
    assert all(row.level == "green" for row in judge(ROBOT, seen) if JOINTS in row.what)
    (row,) = [row for row in judge(ROBOT, two_nodes(NAMES, tuple(NAMES[:2]))) if "publishers" in row.found]
    assert row.level == "red"


def test_joints_in_two_halves_are_to_be_merged():
    rows = [row for row in judge(ROBOT, two_nodes(NAMES[:4], tuple(NAMES[4:]))) if row.level == "red"]
    (row,) = [row for row in rows if row.what == f"{JOINTS}: names"]
    assert "no right_j4, right_j5, right_j6" in row.found and "merge them into one message" in row.fix
    assert not any("end all but" in row.fix for row in rows)


def test_a_gripper_needs_no_effort_where_no_grasp_is_observed(tmp_path):
    robot = robot_of_others(tmp_path, ("gripper/grasp",))
    seen = replace(well(), gripper=gripper(effort=()))
    assert [row for row in judge(robot, seen, ("robot",)) if GRIPPER in row.what and row.level != "green"] == []
    (row,) = [row for row in judge(ROBOT, seen) if row.what == f"{GRIPPER}: names"]
    assert "a contract without a gripper_grasp observation" in row.fix
