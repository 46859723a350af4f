"""teleop_node over DDS: what each device makes of its input, and what the recorder gets."""

import signal
import time

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState, Joy
from std_srvs.srv import SetBool, Trigger

from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.runtime.qos import COMMAND, STATE_OUT
from tests.ros.gamepad import DEAD_MAN, FULL, GRIPPER, ROBOT, START, WIRE, Pad, TeleopListener
from tests.ros.screen import Screen

MARK = 5
UNCHANGED_S = 0.8
RECORDER = ("start", "stop_success", "stop_fail", "discard", "redo", "mark")


class Recorder:
    """The services of recorder_node, from `open` on."""

    def __init__(self, probe, refuses=()):
        self.calls, self._node, self._refuses, self._services = [], probe.node, refuses, []

    def open(self) -> None:
        def answer(name):
            def serve(request, response):
                self.calls.append(name)
                response.success, response.message = name not in self._refuses, f"{name} it is"
                return response

            return serve

        self._services = [
            self._node.create_service(Trigger, f"recorder_node/{name}", answer(name)) for name in RECORDER
        ]

    def close(self) -> None:
        for service in self._services:
            self._node.destroy_service(service)


@pytest.fixture(scope="module")
def joy(module_processes, module_probe):
    """teleop_node with a gamepad, before anybody publishes one."""
    inputs = TeleopListener(module_probe)
    # As patient as it may be: on a busy machine the test's own joystick stutters.
    inputs.node = module_processes.node(
        "teleop_node",
        *("-p", "device:=joy", "-p", "ramp_s:=0.2", "-p", "input_timeout_s:=0.2"),
        *("-p", f"unchanged_timeout_s:={UNCHANGED_S}"),
    )
    module_probe.wait(lambda: inputs.said, "teleop_node")
    return inputs


@pytest.fixture(scope="module")
def pad(joy, module_probe):
    return Pad(module_probe)


def test_without_a_joystick_it_says_so_and_commands_nothing(joy, module_probe):
    module_probe.wait(lambda: "nobody publishes /sawyer/joy" in joy.message(), "the reason")
    module_probe.spin(0.3)
    assert not joy.twists and joy.said[-1][1].level != b"\0" and joy.values()["recorder"] == "missing"


def test_an_unknown_gripper_gets_no_command(joy, pad):
    pad.push(forward=1.0, held=False)
    pad.wait(lambda: "nothing is known of the gripper" in joy.message(), "the reason")
    pad.push(forward=1.0)
    pad.play(10)
    assert not joy.twists
    pad.push(held=False)
    pad.play(3)
    joy.know_gripper()
    assert float(joy.values()["gripper_opening_m"]) == 0.05


def test_a_button_that_was_held_from_the_beginning_does_not_count(joy, pad, module_probe):
    module_probe.spin(1.2)  # a joystick that comes anew
    pad.push(forward=1.0)
    pad.play(15)
    assert not joy.twists and joy.message() == "hands off"


def test_the_dead_man_begins_eased_in_and_ends_with_one_zero(joy, pad, module_probe):
    pad.seen_released(joy)
    pad.push(forward=1.0, left=-0.55, held=False)
    pad.play(10)
    assert not joy.twists
    pad.push(forward=1.0, left=-0.55)
    pad.wait(lambda: joy.forward() and joy.forward()[-1] > 0.99 * FULL[0], "full speed")
    speeds = joy.forward()
    assert speeds[0] == 0.0 and (np.diff(speeds) >= 0.0).all()
    assert joy.twists[-1][1].twist.linear.y == pytest.approx(-0.5 * FULL[1]) and joy.message() == "moving"
    stamps = [seconds(message.header.stamp) for _, message in joy.twists]
    # Both halves of a proposal carry one stamp; the last may still be on its way.
    openings = [seconds(message.header.stamp) for _, message in joy.openings]
    assert openings == stamps[: len(openings)] and len(stamps) - len(openings) <= 1
    assert {message.header.frame_id for _, message in joy.twists} == {ROBOT.base_frame}
    pad.push(forward=1.0, held=False)
    pad.wait(lambda: joy.forward()[-1] == 0.0, "the last word")
    received = len(joy.twists)
    pad.play(10)
    assert len(joy.twists) == received and joy.forward()[-2] > 0.0


def test_it_speaks_at_the_control_rate(joy, pad):
    pad.seen_released(joy)
    pad.push(forward=0.5)
    since = len(joy.twists)
    pad.play(60)
    stamps = np.array([seconds(message.header.stamp) for _, message in joy.twists[since:]])
    # A busy machine loses ticks; it never makes more of them.
    assert 5.0 < (len(stamps) - 2) / (stamps[-1] - stamps[1]) < 22.0


@pytest.mark.fault("C12")
def test_a_joystick_that_falls_silent_has_let_go(joy, pad, module_probe, stalls):
    pad.seen_released(joy)
    pad.push(forward=1.0)
    pad.wait(lambda: joy.forward() and joy.forward()[-1] > 0.99 * FULL[0], "full speed")
    kept_waiting = stalls(teleop=joy.node.pid)
    pad.send()
    silent_s = time.monotonic()
    kept_waiting.has_done("the test")
    module_probe.wait(lambda: joy.forward()[-1] == 0.0, "zero", every_s=0.002)
    # 0.2 s of silence, and one look more.
    assert joy.twists[-1].sent_s - silent_s < kept_waiting.limit_s(0.25), kept_waiting
    module_probe.wait(lambda: "is silent: unplugged?" in joy.message(), "the reason")


@pytest.mark.fault("C16")
def test_a_joystick_that_repeats_itself_has_let_go(joy, pad, module_probe):
    pad.seen_released(joy)
    pad.push(forward=1.0)
    pad.wait(lambda: joy.forward() and joy.forward()[-1] > 0.99 * FULL[0], "full speed")
    pad.linked = False
    pad.wait(lambda: joy.forward()[-1] == 0.0 and "has not changed for 0.8 s" in joy.message(), "zero, and the reason")
    assert joy.twists[-1][0] - pad.changed_s > UNCHANGED_S and "press it again" in joy.message()
    since = len(joy.twists)
    pad.play(20)
    assert len(joy.twists) == since, "it stays let go while the repeats go on"
    pad.linked = True
    pad.wait(lambda: joy.message() == "moving", "motion after the stick has moved")
    assert joy.forward()[since] == 0.0, "it begins eased in"
    pad.linked = False
    pad.wait(lambda: "has not changed" in joy.message(), "the reason again")
    pad.push(forward=1.0, held=False)
    pad.play(5)
    pad.push(forward=1.0)
    pad.wait(lambda: joy.message() == "moving", "motion after the button was released and pressed")
    pad.linked = True


@pytest.mark.fault("C16")
def test_a_stick_at_its_end_stop_goes_on_and_one_at_rest_is_no_fault(joy, pad):
    pad.seen_released(joy)
    for forward, linked in ((1.0, True), (0.0, False)):
        pad.push(forward=forward)
        pad.linked, said = linked, len(joy.said)
        pad.play(60)  # 1.2 s
        assert not any("has not changed" in item.message for _, item in joy.said[said:])
    pad.linked = True


def test_bad_joystick_messages_count_as_let_go(joy, pad):
    for axes, complaint in (([float("nan")] * 8, "not finite"), ([0.0] * 4, "needs 5")):
        pad.seen_released(joy)
        good, since = pad.axes, len(joy.twists)
        pad.axes = axes
        pad.buttons[DEAD_MAN] = 1
        pad.wait(lambda: complaint in joy.message(), "the reason")  # noqa: B023
        assert not any(joy.forward(since))
        pad.axes = good


def test_the_gripper_moves_only_with_the_dead_mans_button(joy, pad):
    pad.seen_released(joy)
    pad.press(GRIPPER)
    pad.wait(lambda: "hold the dead man's button" in joy.values()["last_word"], "the word")
    pad.push()
    pad.play(5)
    # It begins with what the gripper holds.
    assert joy.openings[-1][1].position == pytest.approx([0.05])
    pad.press(GRIPPER)
    pad.wait(lambda: joy.openings[-1][1].position[0] == 0.0, "a gripper that closes")
    pad.press(GRIPPER)
    pad.wait(lambda: joy.openings[-1][1].position[0] == ROBOT.gripper.stroke_m, "a gripper that opens")


def test_a_takeover_keeps_the_guard_s_gripper_command(joy, pad, module_probe):
    pad.seen_released(joy)
    guard = module_probe.node.create_publisher(JointState, WIRE.gripper_command, COMMAND)
    sent = JointState(name=[ROBOT.gripper.joint], position=[0.0])
    pad.wait(lambda: (guard.publish(sent), float(joy.values()["gripper_opening_m"]) == 0.0)[1], "what was sent")
    joy.state_gripper(opening_m=0.043, effort_n=20.0)
    pad.push()
    since = len(joy.openings)
    pad.wait(lambda: len(joy.openings) > since + 3, "proposals")
    assert {message.position[0] for _, message in joy.openings[since:]} == {0.0}


def test_a_short_press_counts_though_the_node_was_away_meanwhile(joy, pad):
    pad.seen_released(joy)
    joy.node.send_signal(signal.SIGSTOP)
    pad.press(MARK)
    joy.node.send_signal(signal.SIGCONT)
    pad.wait(lambda: "nobody offers /sawyer/recorder_node/mark" in joy.values()["last_word"], "the word")


@pytest.fixture
def recorder(module_probe):
    """No longer there than the test is, however it ends: the next one wants none."""
    made = Recorder(module_probe, refuses=("redo",))
    yield made
    made.close()


def test_buttons_speak_to_the_recorder_and_a_missing_one_is_said(joy, pad, recorder):
    pad.seen_released(joy)
    pad.press(START)
    pad.wait(
        lambda: "nobody offers /sawyer/recorder_node/start, NOTHING IS RECORDED" in joy.values()["last_word"],
        "the word",
    )
    recorder.open()
    pad.wait(lambda: joy.values()["recorder"] == "there", "the recorder")
    for button, name in ((7, "start"), (3, "stop_success"), (1, "stop_fail"), (6, "discard"), (2, "redo"), (5, "mark")):
        pad.press(button)
        pad.wait(lambda: recorder.calls[-1:] == [name] and f"{name} it is" in joy.values()["last_word"], name)  # noqa: B023
        assert ("REFUSED" in joy.values()["last_word"]) == (name == "redo")
    assert len(recorder.calls) == 6


def test_it_ends_with_a_zero(joy, pad):
    pad.seen_released(joy)
    pad.push(forward=1.0)
    pad.wait(lambda: joy.forward() and joy.forward()[-1] > 0.9 * FULL[0], "motion")
    joy.node.terminate()
    pad.wait(lambda: joy.forward()[-1] == 0.0, "the last word")
    assert joy.node.wait(timeout=60) == 0


def test_a_spacemouse_gives_motion_as_a_twist_and_its_button_as_a_joy(processes, probe):
    inputs = TeleopListener(probe)
    unchanged = ("-p", f"unchanged_timeout_s:={UNCHANGED_S}")
    processes.node("teleop_node", "-p", "device:=spacemouse", "-p", "ramp_s:=0.0", *unchanged)
    buttons = probe.node.create_publisher(Joy, "spacenav/joy", STATE_OUT)
    motion = probe.node.create_publisher(TwistStamped, "spacenav/twist_stamped", STATE_OUT)
    twist = TwistStamped()
    twist.twist.linear.x, twist.twist.linear.z, twist.twist.angular.z, twist.twist.angular.x = 0.05, 0.55, -1.0, 0.9

    def send(held):
        motion.publish(twist)
        buttons.publish(Joy(axes=[0.0] * 6, buttons=[int(held)]))

    inputs.know_gripper()
    probe.wait(lambda: inputs.message() == "hands off", "the device", meanwhile=lambda: send(False), every_s=0.02)
    probe.wait(
        lambda: inputs.twists and inputs.message() == "moving", "motion", meanwhile=lambda: send(True), every_s=0.02
    )
    moved = inputs.twists[-1][1].twist
    assert [moved.linear.x, moved.linear.z, moved.angular.z] == pytest.approx([0.0, FULL[2] / 2, -FULL[3]])
    assert moved.angular.x == 0.0
    probe.wait(lambda: "has not changed" in inputs.message(), "the reason", meanwhile=lambda: send(True), every_s=0.02)
    assert inputs.twists[-1][1].twist.linear.z == 0.0
    twist.twist.linear.z = 0.56
    probe.wait(lambda: inputs.message() == "moving", "motion again", meanwhile=lambda: send(True), every_s=0.02)
    # The button alone does not move: a cap that is not received of may be pushed any way.
    probe.wait(
        lambda: "twist_stamped is silent" in inputs.message(),
        "the reason",
        every_s=0.02,
        meanwhile=lambda: buttons.publish(Joy(axes=[0.0] * 6, buttons=[1])),
    )
    assert inputs.forward()[-1] == 0.0 and inputs.twists[-1][1].twist.linear.z == 0.0


def test_a_mapping_with_axes_and_a_dead_man_only_moves_the_arm(processes, probe, tmp_path):
    mapping = tmp_path / "pad.yaml"
    mapping.write_text("name: my_pad\naxes: {forward: {index: 1}}\ndead_man: 4\n")
    inputs, pad = TeleopListener(probe), Pad(probe)
    arguments = ("-p", "device:=joy", "-p", f"mapping:={mapping}", "-p", "ramp_s:=0.0")
    node = processes.node("teleop_node", *arguments)
    inputs.know_gripper()
    pad.seen_released(inputs)
    pad.push(forward=1.0)
    pad.wait(lambda: inputs.twists and inputs.message() == "moving", "motion")
    assert node.poll() is None and inputs.forward()[-1] == pytest.approx(FULL[0])


@pytest.fixture
def keyboard(probe):
    """teleop_node on a terminal."""
    inputs = TeleopListener(probe)
    screen = Screen(
        "-m",
        "gato_ros.nodes.teleop_node",
        "--ros-args",
        "-r",
        "__ns:=/sawyer",
        "-p",
        "ramp_s:=0.1",
        "-p",
        "key_hold_s:=0.3",
    )
    screen.shows("emergency stop")
    yield inputs, screen
    screen.close()


def test_a_keyboard_in_a_plain_terminal(keyboard, probe):
    inputs, screen = keyboard
    inputs.know_gripper()

    def hold(key, until, what):
        """As a terminal repeats a key that is held."""
        probe.wait(until, what, meanwhile=lambda: screen.type(key), every_s=0.033)
        screen.read()

    assert not inputs.twists
    hold("w", lambda: inputs.forward() and inputs.forward()[-1] > 0.99 * FULL[0], "full speed")
    assert inputs.forward()[0] == 0.0 and (np.diff(inputs.forward()) >= 0.0).all()
    # Released: a standstill that keeps the arm, and then silence.
    released = len(inputs.twists)
    probe.wait(lambda: inputs.message() == "hands off", "the end of the claim")
    after = inputs.forward(released)
    assert after[-1] == 0.0 and sum(speed == 0.0 for speed in after) > 3
    received = len(inputs.twists)
    probe.spin(0.3)
    assert len(inputs.twists) == received

    hold("\x1b[D", lambda: inputs.twists[-1][1].twist.linear.y > 0.99 * FULL[1], "the left arrow")
    screen.type("x")
    probe.wait(lambda: inputs.message() == "hands off", "letting go")

    for _ in range(4):
        screen.type("-")
    probe.wait(lambda: inputs.values()["speed_scale"] == "0.410", "four steps slower")
    hold("f", lambda: inputs.twists[-1][1].twist.linear.z < -0.4 * FULL[2], "down")
    assert min(message.twist.linear.z for _, message in inputs.twists) == pytest.approx(-0.4096 * FULL[2])
    screen.type("g")
    probe.wait(lambda: inputs.openings[-1][1].position[0] == 0.0, "the gripper")

    screen.type("1")
    probe.wait(lambda: "NOTHING IS RECORDED" in inputs.values()["last_word"], "the word about the recorder")
    screen.shows("NOTHING IS RECORDED")
    recorder = Recorder(probe)
    recorder.open()
    probe.wait(lambda: inputs.values()["recorder"] == "there", "the recorder")
    for key, name in zip("123456", RECORDER):
        screen.type(key)
        probe.wait(lambda: recorder.calls[-1:] == [name], name)  # noqa: B023
    probe.wait(lambda: "mark it is" in inputs.values()["last_word"], "the answer")
    screen.shows("mark: mark it is")

    # The guard's services, for an operator who has no other screen.
    pressed = []

    def on_stop(request, response):
        pressed.append(request.data)
        response.success, response.message = True, "pressed" if request.data else "released"
        return response

    probe.node.create_service(SetBool, "guard_node/emergency_stop", on_stop)
    probe.wait(lambda: pressed == [True], "the emergency stop", meanwhile=lambda: pressed or screen.type(" "))

    screen.type("\x03")
    probe.wait(lambda: screen.process.poll() is not None, "the end")
    assert screen.process.returncode == 0 and screen.settings() == screen.before


def test_the_tool_frame_follows_the_gripper(processes, probe):
    """Forward is where the gripper's x axis points; up stays up."""
    from gato_ros.embodiments.kinematics import Kinematics

    inputs, pad = TeleopListener(probe), Pad(probe)
    processes.start("tests/ros/still_robot.py")
    processes.node("teleop_node", "-p", "device:=joy", "-p", "frame:=tool", "-p", "ramp_s:=0.0")
    inputs.know_gripper()
    pad.seen_released(inputs)
    pad.push(forward=1.0)
    pad.wait(lambda: inputs.twists and inputs.message() == "moving", "motion")
    joints = probe.listen(JointState, WIRE.joint_states.topic, STATE_OUT)
    pad.wait(lambda: joints, "the robot")
    state = dict(zip(joints[-1][1].name, joints[-1][1].position))
    rotation = Kinematics(ROBOT).tool(np.array([state[name] for name in ROBOT.arm.joints])).rotation
    linear = inputs.twists[-1][1].twist.linear
    direction = rotation[:2, 0] / np.linalg.norm(rotation[:2, 0])
    assert np.array([linear.x, linear.y]) / np.hypot(linear.x, linear.y) == pytest.approx(direction, abs=0.01)
    assert abs(direction[1]) > 0.05 and linear.z == 0.0


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["-p", "device:=joystick"], "a device of teleop_node"),
        (["-p", "device:=joy", "-p", "mapping:=gampad"], "did you mean 'gamepad'"),
        (["-p", "device:=joy", "-p", "frame:=tol"], "did you mean 'tool'"),
        (["-p", "device:=expert", "-p", "frame:=tool"], "it thinks in the base frame"),
        (["-p", "device:=expert", "-p", "task:=red_on_blu"], "red_on_blue"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(processes, arguments, words):
    node = processes.node("teleop_node", *arguments)
    assert node.wait(timeout=60) == 2 and words in node.log_path.read_text()
