"""The same suite for every robot on the wire: the simulator, the mock, and the Sawyer (its real agent, a modelled arm).

What the Sawyer's model believes is in tests/drivers/fake_sawyer.py. No part of this has run on a real arm.
"""

import math
import signal
import statistics
import time

import pytest
from std_srvs.srv import SetBool, Trigger

from gato_ros.drivers.sawyer_agent.frames import VERSION, Motion, encode
from gato_ros.nodes.messages.clocks import seconds
from tests.drivers.frame_proxy import as_it_is
from tests.ros.conftest import Probe, Processes
from tests.ros.driver_rig import STILL_RAD_S, Rig

ROOM_S = 0.6
"""What `make driver-conformance` allows beside the robot's timeout; it writes down the times themselves."""
NO_ROBOT_TO_STOP = "here the robot and its node are one process"


@pytest.fixture(scope="module", params=["sim", "mock", "sawyer"])
def rig(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    probe, opened = Probe(), None
    try:
        opened = Rig(request.param, Processes(folder), probe, folder)
        if request.param != "sim":
            nothing_moves_before_it_is_enabled(opened)
        opened.enable()
        yield opened
    finally:
        if opened is not None:
            opened.close()
        probe.close()


@pytest.fixture
def arm(rig):
    """The rig, standing and ready."""
    rig.probe.wait(lambda: rig.says("linked") != "False", "a link")
    if rig.says("ready") == "False":
        rig.enable()
    rig.stream_for(0.0, 0.05)
    rig.at_rest()
    return rig


@pytest.fixture
def limit_s(timed):
    """`limit_s(bound, stalls)`: how long a stop may take [s]; in the suite as long as the machine held it up."""
    return lambda bound_s, kept_waiting: bound_s + ROOM_S if timed else kept_waiting.limit_s(bound_s)


def nothing_moves_before_it_is_enabled(rig) -> None:
    start = rig.at_rest()
    assert rig.says("ready") == "False" and rig.says("fault")
    rig.stream(0.3, lambda: rig.count("refused_commands") >= 10, "refusals")
    assert rig.moved(start) < 1e-9


def only(rig, kinds: tuple[str, ...], reason: str) -> None:
    if rig.kind not in kinds:
        pytest.skip(f"{rig.kind}: {reason}")


def test_states_have_the_contracts_names_units_rates_and_stamps(arm, stalls):
    arm.stream_for(0.0, 0.3)
    arm.joints.clear()
    arm.grippers.clear()
    kept_waiting = stalls(**arm.pids())
    arm.stream_for(0.0, 1.2)
    arm.stream(0.0, lambda: len(arm.joints) > 12 and len(arm.grippers) > 12, "states")
    now_s = seconds(arm.probe.stamp())
    lower, upper, _ = arm.robot.joint_limits
    for received in (arm.joints, arm.grippers):
        stamps = [seconds(message.header.stamp) for _, message in received]
        assert all(a < b for a, b in zip(stamps, stamps[1:])), "repeated or in another order"
        # 100 Hz, or 50 from a gripper; a machine that is busy with other things loses some, and none comes twice.
        assert 10.0 < (len(stamps) - 1) / (stamps[-1] - stamps[0]) < 125.0
        assert now_s - kept_waiting.limit_s(0.5) < stamps[-1] <= now_s + 0.001, kept_waiting
    ages = [one.sent_s - seconds(one[1].header.stamp) for one in arm.joints]
    spread_s = max(ages) - min(ages)  # of two clocks: only the spread means anything
    assert spread_s < kept_waiting.limit_s(0.1), kept_waiting
    for _, message in arm.joints:
        assert list(message.name) == arm.names and message.header.frame_id == arm.robot.base_frame
        assert len(message.position) == len(message.velocity) == len(arm.names)
        assert all(lo - 0.01 <= q <= hi + 0.01 for lo, q, hi in zip(lower, message.position, upper))
    for _, message in arm.grippers:
        assert list(message.name) == [arm.robot.gripper.joint] and len(message.position) == len(message.effort) == 1
        assert -0.002 <= message.position[0] <= arm.robot.gripper.stroke_m + 0.002


def test_velocities_are_followed_by_name_and_zero_is_a_stop(arm):
    wanted = {name: 0.03 * (i + 1) * (-1) ** i for i, name in enumerate(arm.names)}
    start = arm.position()
    gone = lambda: all((arm.position()[name] - start[name]) / speed > 0.2 for name, speed in wanted.items())
    arm.stream(dict(reversed(wanted.items())), gone, "the way of 0.2 s, in every joint")
    for _ in range(
        30
    ):  # to and fro: where the machine lets commands come too late, the arm is right to hold in between
        wanted = {name: -speed for name, speed in wanted.items()}
        arm.stream_for(dict(reversed(wanted.items())), 0.4)
        arm.joints.clear()
        arm.stream_for(dict(reversed(wanted.items())), 0.4)
        received = [dict(zip(message.name, message.velocity)) for _, message in arm.joints]
        if len(received) > 12 and all(max(map(abs, item.values())) > STILL_RAD_S for item in received):
            break
    else:
        raise AssertionError("in 30 turns it did not once follow for 0.4 s without a break")
    for name, speed in wanted.items():
        assert statistics.median(item[name] for item in received) == pytest.approx(speed, rel=0.1, abs=0.01), name
    first, last = arm.joints[0][1], arm.joints[-1][1]
    passed_s = seconds(last.header.stamp) - seconds(first.header.stamp)
    if arm.kind != "sim":  # physics that cannot keep up loses time, and says so
        for a, b, speed in zip(first.position, last.position, wanted.values()):
            assert (b - a) / passed_s == pytest.approx(speed, rel=0.25, abs=0.01)
    arm.command(0.0)
    arm.probe.wait(lambda: arm.fastest() < STILL_RAD_S, "the stop")


def test_when_commands_end_it_holds_by_itself(arm, driver_repeat, record_driver, stalls, limit_s):
    """The guard is gone, with the arm in motion."""
    for _ in range(driver_repeat):
        arm.stream_for(0.0, 0.05)
        arm.stream(0.4, lambda: arm.speed() > 0.3, "motion")
        kept_waiting = stalls(**arm.pids())
        last_s, begun = time.monotonic(), arm.position()[arm.names[-1]]
        arm.probe.wait(lambda: arm.fastest() < STILL_RAD_S, "the hold", every_s=0.002)
        most_s = limit_s(arm.robot.arm.velocity_timeout_s, kept_waiting)
        record_driver(arm.kind, "commands end", arm.joints[-1][0] - last_s)
        assert arm.joints[-1].sent_s - last_s < most_s, kept_waiting
        held = arm.at_rest()
        assert held[arm.names[-1]] - begun < 0.4 * most_s, kept_waiting
        arm.probe.spin(0.2)
        assert arm.moved(held) < 2e-3


def test_commands_that_do_not_fit_are_refused_counted_and_move_nothing(arm):
    held = arm.at_rest()
    still = dict.fromkeys(arm.names, 0.0)
    renamed = {("x" if name == arm.names[0] else name): 0.3 for name in arm.names}
    for velocity, complaint in (
        ({**still, arm.names[3]: math.nan}, "not finite"),
        ({**still, arm.names[3]: math.inf}, "not finite"),
        ({arm.names[0]: 0.3}, f"no velocity of {arm.names[1]}"),
        ({**dict.fromkeys(arm.names, 0.3), "head_pan": 0.3}, "unknown joints head_pan"),
        (renamed, f"no velocity of {arm.names[0]}"),
    ):
        before = arm.count("refused_commands")
        arm.command(velocity)
        arm.probe.wait(lambda: arm.count("refused_commands") > before, complaint)  # noqa: B023
        assert complaint in arm.says("last_refusal")
    assert arm.moved(held) < 2e-3


def test_the_gripper_follows_openings_and_refuses_others(arm):
    stroke_m = arm.robot.gripper.stroke_m
    for share in (0.5, 0.9):
        tell_gripper(arm, share * stroke_m)
        arm.probe.wait(
            lambda: arm.opening() == pytest.approx(share * stroke_m, abs=0.1 * stroke_m),  # noqa: B023
            "the opening",
            meanwhile=lambda: arm.command(0.0),
        )
    before = arm.count("refused_commands")
    tell_gripper(arm, math.nan)
    arm.probe.wait(lambda: arm.count("refused_commands") > before, "the refusal")
    assert "opening is not finite" in arm.says("last_refusal")
    assert arm.opening() == pytest.approx(0.9 * stroke_m, abs=0.1 * stroke_m)


def tell_gripper(arm, opening_m: float) -> None:
    from sensor_msgs.msg import JointState

    message = JointState(name=[arm.robot.gripper.joint], position=[opening_m])
    message.header.stamp = arm.probe.stamp()
    arm.gripper.publish(message)


def test_a_command_from_another_time_is_refused(arm):
    only(arm, ("mock", "sawyer"), "in lockstep its commands carry simulated time, so it asks for none")
    held = arm.at_rest()
    for age_s, complaint in ((1.0, "stale"), (-1.0, "future_stamp"), (3600.0, "stale")):
        before = arm.count("refused_commands")
        # Others are refused as well, where the machine makes them late.
        arm.probe.wait(
            lambda: arm.count("refused_commands") > before and complaint in arm.says("last_refusal"),  # noqa: B023
            complaint,
            meanwhile=lambda: arm.command(0.3, age_s),  # noqa: B023
        )
    arm.stream_for(0.0, 0.05)
    before = arm.count("refused_commands")

    def overtake() -> None:
        arm.command(0.0)
        arm.command(0.0, 0.02)  # where only the newest is kept, the one above may be lost: then it is no repetition

    arm.probe.wait(lambda: arm.count("refused_commands") > before, "the refusal", meanwhile=overtake)
    assert arm.moved(held) < 1e-9


def test_an_emergency_stop_is_reported_and_holds_until_enabled(arm):
    only(arm, ("mock", "sawyer"), "it has no emergency stop of its own; the guard's is before it")
    arm.stream(0.3, lambda: arm.speed() > 0.2, "motion")
    arm.e_stops.clear()
    arm.press(True)
    arm.stream(0.3, lambda: arm.says("e_stop") == "True" and arm.fastest() < STILL_RAD_S, "the stop")
    held = arm.at_rest()
    arm.stream(0.3, lambda: len(arm.e_stops) > 2, "the word to the guard")
    assert all(message.data for _, message in arm.e_stops) and arm.says("ready") == "False"
    answer = arm.ask(SetBool, "driver_node/enable", SetBool.Request(data=True))
    assert not answer.success and "release it first" in answer.message
    arm.press(False)
    arm.stream(0.3, lambda: "released" in arm.says("fault"), "the release")
    arm.stream_for(0.3, 0.3)
    assert arm.moved(held) < 1e-9 and arm.says("e_stop") == "True"
    answer = arm.ask(SetBool, "driver_node/enable", SetBool.Request(data=True))
    assert answer.success, answer.message
    # Whoever still drives does not move it either: a motion begins with a standstill.
    arm.probe.spin(0.3)  # longer than the driver waits before it brings an arm to rest
    before = arm.count("refused_commands")
    arm.stream(0.3, lambda: arm.count("refused_commands") > before, "the refusal")
    assert "begins with a standstill" in arm.says("last_refusal") and arm.moved(held) < 1e-9
    arm.probe.wait(lambda: not arm.e_stops[-1][1].data, "the end of the emergency stop")
    arm.stream_for(0.0, 0.1)
    arm.stream(0.3, lambda: arm.speed() > 0.2, "motion again")


def test_what_is_stopped_stays_stopped_until_it_is_enabled(arm):
    only(arm, ("mock", "sawyer"), "it has nothing to enable")
    arm.stream(0.3, lambda: arm.speed() > 0.2, "motion")
    answer = arm.ask(SetBool, "driver_node/enable", SetBool.Request(data=False))
    assert answer.success
    arm.stream(0.3, lambda: arm.fastest() < STILL_RAD_S, "the stop")
    held = arm.at_rest()
    arm.stream_for(0.3, 0.3)
    assert arm.moved(held) < 1e-9 and arm.says("ready") == "False"


# --- the Sawyer: two machines, a network between them, and a robot that outlives both ---


def standing_still_in_truth(arm, begun: dict) -> bool:
    return all(abs(value - begun["position"][name]) < 1e-9 for name, value in arm.cell.truth()["position"].items())


def test_the_driver_dies_and_the_agent_stops_the_arm(arm, driver_repeat, record_driver, stalls, limit_s):
    only(arm, ("sawyer",), NO_ROBOT_TO_STOP)
    for _ in range(driver_repeat):
        arm.stream(0.4, lambda: arm.speed() > 0.3, "motion")
        kept_waiting = stalls(**arm.cell.pids())
        died_s = arm.kill(arm.node)
        truth = arm.cell.wait(lambda truth: not any(truth["velocity"].values()), "the stop")
        record_driver(arm.kind, "driver killed", truth["now_s"] - died_s)
        assert truth["now_s"] - died_s < limit_s(arm.robot.arm.velocity_timeout_s, kept_waiting), kept_waiting
        arm.stream_for(0.4, 0.3)
        assert standing_still_in_truth(arm, truth)
        arm.start()
        # A new driver finds an arm that is not enabled, whatever the guard still says.
        nothing_moves_before_it_is_enabled(arm)
        arm.enable()


def test_the_driver_is_suspended_and_the_agent_stops_the_arm(arm, stalls, limit_s):
    only(arm, ("sawyer",), NO_ROBOT_TO_STOP)
    arm.stream(0.4, lambda: arm.speed() > 0.3, "motion")
    kept_waiting = stalls(**arm.cell.pids())
    arm.node.send_signal(signal.SIGSTOP)
    stopped_s = time.monotonic()
    truth = arm.cell.wait(lambda truth: not any(truth["velocity"].values()), "the stop")
    most_s = limit_s(arm.robot.arm.velocity_timeout_s, kept_waiting)
    arm.stream_for(0.4, 0.7)
    arm.node.send_signal(signal.SIGCONT)
    assert truth["now_s"] - stopped_s < most_s, kept_waiting
    arm.stream(0.4, lambda: arm.says("linked") == "False", "the lost link")
    arm.stream(0.4, lambda: arm.says("linked") == "True", "the new link")
    arm.stream_for(0.4, 0.2)
    assert standing_still_in_truth(arm, truth)


def test_the_agent_dies_and_the_robots_own_timeout_holds(arm, driver_repeat, record_driver, stalls, limit_s):
    only(arm, ("sawyer",), NO_ROBOT_TO_STOP)
    for _ in range(driver_repeat):
        arm.stream(0.4, lambda: arm.speed() > 0.3, "motion")
        kept_waiting = stalls(**arm.cell.pids())
        died_s = arm.kill(arm.cell.agent)
        truth = arm.cell.wait(lambda truth: truth["mode"] == 1, "the robot's own hold")
        record_driver(arm.kind, "agent killed", truth["held_s"] - died_s)
        assert truth["held_s"] - died_s < limit_s(arm.robot.arm.velocity_timeout_s, kept_waiting), kept_waiting
        arm.stream(0.4, lambda: arm.says("linked") == "False", "the lost link")
        assert standing_still_in_truth(arm, truth)
        arm.cell.start_agent()
        arm.stream(0.4, lambda: arm.says("linked") == "True", "the new link")
        arm.stream_for(0.4, 0.2)
        assert standing_still_in_truth(arm, truth)
        arm.enable()


def altered(change):
    """Only commands that would move the arm; all others pass."""
    return lambda frame, data: (
        change(frame, data) if isinstance(frame.body, Motion) and any(frame.body.velocity) else [(0.0, data)]
    )


def with_body(**changes):
    return altered(lambda frame, data: [(0.0, encode(frame._replace(body=frame.body._replace(**changes))))])


def with_byte(place: int, flip: int):
    return altered(lambda frame, data: [(0.0, data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :])])


REFUSED = {
    "delayed": (lambda frame, data: [(0.3, data)], "late by"),
    "not finite": (with_body(velocity=(math.nan,) * 7), "not finite"),
    "too fast": (with_body(velocity=(50.0,) * 7), "faster than its limit"),
    "a joint too few": (with_body(velocity=(0.1,) * 6), "6 velocities for 7 joints"),
    "a deadline in an hour": (with_body(valid_until_ns=2**63), "too far ahead"),
    "position mode": (with_body(mode=1), "command mode 1"),
    "torque mode": (with_body(mode=3), "command mode 3"),
    "trajectory mode": (with_body(mode=4), "command mode 4"),
}
BROKEN = {
    "corrupt": (with_byte(40, 0x10), "the checksum of a Motion is wrong"),
    "truncated": (altered(lambda frame, data: [(0.0, data[:50])]), "a bad frame"),
    "oversized": (with_byte(6, 0xF0), "a payload of"),
    "another version": (with_byte(4, VERSION ^ (VERSION + 1)), f"this is version {VERSION}"),
    "another session": (
        altered(lambda frame, data: [(0.0, encode(frame._replace(session=frame.session ^ 1)))]),
        "out of place",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_command_that_arrives_late_or_senseless_is_refused_by_the_agent(arm, fault):
    only(arm, ("sawyer",), "no network before its robot")
    alter, complaint = REFUSED[fault]
    begun, refused = arm.cell.truth(), arm.count("refused_commands")
    arm.proxy.alter = alter
    try:
        arm.stream(0.3, lambda: arm.count("refused_commands") >= refused + 5, fault)
        assert complaint in arm.says("last_refusal")
        arm.probe.spin(0.3)  # what is still on its way must not arrive after the fault has been taken away
        assert standing_still_in_truth(arm, begun)
    finally:
        arm.proxy.alter = as_it_is
    arm.probe.spin(0.3)  # what was delayed has come by now
    assert standing_still_in_truth(arm, begun) and arm.says("ready") == "True"
    if fault == "delayed":
        arm.stream(0.3, lambda: arm.speed() > 0.2, "motion, now that nothing is wrong")


@pytest.mark.parametrize("fault", BROKEN)
def test_bytes_that_are_no_frames_end_the_session_and_nothing_moves_before_it_is_enabled(arm, fault):
    only(arm, ("sawyer",), "no network before its robot")
    alter, complaint = BROKEN[fault]
    begun = arm.cell.truth()
    arm.proxy.alter = alter
    received = len(arm.said)
    try:
        arm.stream(0.3, lambda: arm.says("linked") == "False", fault)
        said = [message for _, message in arm.said[received:]]
        assert any(complaint in message.message for message in said), {message.message for message in said}
    finally:
        arm.proxy.alter = as_it_is
    arm.stream(0.3, lambda: arm.says("linked") == "True", "the new link")
    arm.stream_for(0.3, 0.2)
    assert standing_still_in_truth(arm, begun) and arm.says("ready") == "False"


def test_commands_that_come_twice_or_in_another_order_count_once(arm):
    only(arm, ("sawyer",), "no network before its robot")
    kept = []

    def repeat(frame, data):
        kept.append(data)
        return [(0.0, data), (0.0, data)]

    refused = arm.count("refused_commands")
    arm.proxy.alter = altered(repeat)
    arm.stream(0.3, lambda: arm.speed() > 0.2 and arm.count("refused_commands") > refused + 5, "both")
    assert "repeated or out of order" in arm.says("last_refusal")
    arm.proxy.alter = as_it_is
    arm.stream_for(0.0, 0.2)
    begun, refused = arm.cell.truth(), arm.count("refused_commands")
    arm.proxy.alter = lambda frame, data: [(0.0, data), (0.0, kept[-1])]
    arm.stream(0.0, lambda: arm.count("refused_commands") > refused + 5, "refusals of old commands")
    assert standing_still_in_truth(arm, begun)

    # Held back a little, so that only the order is wrong: the deadline has not passed.
    def hold_back(frame, data):
        return [(0.03, data)] if isinstance(frame.body, Motion) and any(frame.body.velocity) else [(0.0, data)]

    refused = arm.count("refused_commands")
    arm.proxy.alter = hold_back
    for _ in range(5):
        arm.command(0.3)
        arm.probe.spin(0.01)
        arm.stream_for(0.0, 0.1)
    arm.probe.spin(0.3)
    arm.proxy.alter = as_it_is
    arm.probe.wait(lambda: arm.count("refused_commands") >= refused + 5, "refusals")
    assert "repeated or out of order" in arm.says("last_refusal") and standing_still_in_truth(arm, begun)


@pytest.mark.parametrize(
    ("what", "value", "fault"),
    [
        ("cuff", True, "cuff held"),
        ("error", True, "robot error"),
        ("collided", True, "collision"),
        ("mute", ["/robot/joint_states"], "no joint states"),
        ("mute", ["/robot/state"], "no robot state"),
        ("enabled", False, "motors off"),
    ],
)
def test_a_faulty_robot_is_stopped_and_not_resumed(arm, what, value, fault):
    only(arm, ("sawyer",), "a matter of the Sawyer's states")
    arm.stream(0.3, lambda: arm.speed() > 0.2, "motion")
    arm.cell.touch(what, value)
    arm.stream(0.3, lambda: fault in arm.says("fault"), fault)
    truth = arm.cell.wait(lambda truth: not any(truth["velocity"].values()), "the stop")
    arm.cell.touch(what, {"mute": [], "enabled": True}.get(what, False))
    arm.stream(0.3, lambda: "enable again" in arm.says("fault"), "its being well again")
    arm.stream_for(0.3, 0.2)
    assert standing_still_in_truth(arm, truth) and arm.says("ready") == "False"


def test_joints_that_are_not_homed_are_homed_on_request_only(arm):
    only(arm, ("sawyer",), "a matter of the Sawyer's states")
    arm.cell.touch("homed", False)
    arm.stream(0.0, lambda: "not homed" in arm.says("fault"), "the fault")
    answer = arm.ask(SetBool, "driver_node/enable", SetBool.Request(data=True))
    assert not answer.success and "ask for homing" in answer.message
    answer = arm.ask(Trigger, "driver_node/home", Trigger.Request())
    assert answer.success, answer.message
    arm.probe.wait(lambda: arm.says("ready") == "True", "readiness")


def test_a_node_that_ends_stops_the_arm_first(arm):
    only(arm, ("sawyer",), NO_ROBOT_TO_STOP)
    for process in ("driver", "agent"):
        arm.stream(0.4, lambda: arm.speed() > 0.3, "motion")
        ending = arm.node if process == "driver" else arm.cell.agent
        ending.send_signal(signal.SIGTERM)
        assert ending.wait(60.0) == 0
        truth = arm.cell.wait(lambda truth: not any(truth["velocity"].values()), "the stop")
        arm.stream_for(0.4, 0.2)
        assert standing_still_in_truth(arm, truth)
        if process == "driver":
            arm.start()
            arm.enable()
        else:
            arm.stream(0.4, lambda: arm.says("linked") == "False", "the lost link")
            arm.cell.start_agent()
            arm.stream(0.4, lambda: arm.says("linked") == "True", "the new link")


def test_it_got_only_velocities_and_its_own_timeout_is_set(arm):
    only(arm, ("sawyer",), "a matter of the Sawyer's modes")
    arm.stream(0.3, lambda: arm.speed() > 0.2, "motion")
    truth = arm.cell.truth()
    assert set(truth["commands"]) == {"2"} and not truth["odd"]
    assert truth["timeout_s"] == arm.robot.arm.velocity_timeout_s
