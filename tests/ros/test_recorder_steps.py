"""Messages into control steps, to the instant: what DDS on a busy machine cannot show."""

import json

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState, TimeReference
from std_msgs.msg import String

from gato_ros.bench.recorder.sample_robot import ANGLES
from gato_ros.core.errors import SetupError
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.messages.clocks import stamp_of
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.recorder.sensors import header_of
from gato_ros.nodes.recorder.step_segmenter import ClockWentBack, StepSegmenter
from tests.robots_of_others import robot_of_others

ROBOT = load_embodiment()
LEFT, RIGHT = ROBOT.image_keys
START_S = 1000.0


class Wire:
    """Passes messages to a StepSegmenter; times are seconds after START_S."""

    def __init__(self, robot=ROBOT, task=""):
        self.maker, self.steps, self.robot = StepSegmenter(robot), [], robot
        self.maker.begin(task, START_S)

    def send(self, role: str, message, at_s: float, key: str = "") -> None:
        kept = Kept(at_s, 0, role, serialize_message(message))
        step = self.maker.take(Topic(role, "", role, key), kept, round((START_S + at_s) * 1e9))
        if step is not None:
            self.steps.append(step)

    def stamp(self, at_s: float) -> Time:
        return stamp_of(START_S + at_s)

    def picture(self, key: str, shown: int, stamp_s: float, late_s: float = 0.0, frame_id: str | None = None) -> None:
        message = message_from_rgb(np.full((128, 128, 3), shown, np.uint8), frame_id or ROBOT.channel(key).frame_id)
        message.header.stamp = self.stamp(stamp_s)
        self.send("image", message, stamp_s + late_s, key)

    def frame(self, shown: int, stamp_s: float, late_s: float = 0.0) -> None:
        for key in ROBOT.image_keys:
            self.picture(key, shown, stamp_s, late_s)

    def state(self, stamp_s: float, first_angle: float = ANGLES[0]) -> None:
        joints = JointState(name=ROBOT.arm.joints, position=[first_angle, *ANGLES[1:]], velocity=[0.0] * 7)
        gripper = JointState(name=[ROBOT.gripper.joint], position=[0.04], effort=[0.0])
        for role, message in (("joints", joints), ("gripper", gripper)):
            message.header.stamp = self.stamp(stamp_s)
            self.send(role, message, stamp_s)

    def propose(self, who: str, speed: float, at_s: float, opening_m: float = 0.02) -> None:
        twist, gripper = TwistStamped(), JointState(name=[ROBOT.gripper.joint], position=[opening_m])
        twist.header.frame_id, twist.twist.linear.x = ROBOT.base_frame, speed
        for part, message in (("twist", twist), ("gripper", gripper)):
            message.header.stamp = self.stamp(at_s)
            self.send(f"{who}_{part}", message, at_s)

    def verdict(self, source: str, at_s: float, level: str = "ok") -> None:
        values = [KeyValue(key="source", value=source), KeyValue(key="reasons", value="")]
        self.send("guard_status", DiagnosticStatus(message=level, values=values), at_s)

    def command(self, velocity, at_s: float) -> None:
        self.send("arm_command", JointState(name=ROBOT.arm.joints, velocity=list(map(float, velocity))), at_s)

    def answers(self, proposed_s: float, observed_s: float) -> None:
        timing = TimeReference(time_ref=self.stamp(observed_s))
        timing.header.stamp = self.stamp(proposed_s)
        self.send("policy_timing", timing, proposed_s)


def test_a_label_is_what_was_proposed_between_its_frame_and_the_next():
    wire = Wire()
    for i in range(6):
        wire.state(0.05 * i)
        wire.frame(i, 0.05 * i, late_s=0.02)  # rendered after its stamp
        wire.verdict("human", 0.05 * i + 0.03)
        wire.propose("human", 0.01 * i, 0.05 * i + 0.04)
    steps = [*wire.steps, wire.maker.finish()]
    assert [int(step.observation.values[LEFT][0, 0, 0]) for step in steps] == list(range(6))
    np.testing.assert_allclose([step.label.values["twist"][0] for step in steps], [0.01 * i for i in range(6)])
    assert {step.tick["label_from"] for step in steps} == {step.tick["source"] for step in steps} == {"human"}
    np.testing.assert_allclose([step.observation.stamp_s for step in steps], START_S + 0.05 * np.arange(6))
    assert steps[0].tick["ages_s"][LEFT] == pytest.approx(0.02, abs=1e-5) and steps[0].tick["faults"] == []
    assert wire.maker.missed_ticks == 0 and wire.maker.finish() is None


def test_a_policys_answer_belongs_to_what_it_saw_even_when_it_comes_late_in_the_step():
    wire = Wire()
    for i in range(3):
        wire.state(0.05 * i)
        wire.frame(i, 0.05 * i)
        wire.verdict("policy", 0.05 * i + 0.01)
        wire.propose("proposal", 0.01 * i, 0.05 * i + 0.02)
        wire.answers(0.05 * i + 0.02, 0.05 * i)
        wire.propose("proposal", -1.0, 0.05 * i + 0.03)  # answers nothing, e.g. a withdrawal
    steps = [*wire.steps, wire.maker.finish()]
    np.testing.assert_allclose([step.label.values["twist"][0] for step in steps], [0.0, 0.01, 0.02])
    assert {step.tick["label_from"] for step in steps} == {"policy"}
    assert steps[0].tick["proposals"]["policy"] == [-1.0, 0.0, 0.0, 0.0, 0.02]  # the last one, as it came


def test_a_human_who_takes_over_gives_the_label_and_the_policys_is_kept_beside():
    wire = Wire()
    wire.state(0.0)
    wire.frame(0, 0.0)
    for at_s, source in ((0.01, "policy"), (0.02, "human"), (0.03, "human")):
        wire.verdict(source, at_s)
    wire.propose("proposal", 0.05, 0.01)
    wire.propose("human", -0.05, 0.02)
    step = wire.maker.finish()
    assert step.label.values["twist"][0] == -0.05 and step.tick["source"] == "human"
    assert {name: values[0] for name, values in step.tick["proposals"].items()} == {"policy": 0.05, "human": -0.05}


def test_where_nobody_is_in_command_the_label_is_to_stand_still():
    wire = Wire()
    wire.state(0.0)
    wire.frame(0, 0.0)
    wire.verdict("idle", 0.01, "stopping")
    wire.propose("human", 0.05, 0.02)  # too late for a guard that is latched
    step = wire.maker.finish()
    assert not step.label.values["twist"].any() and step.label.values["gripper"][0] == pytest.approx(0.04)
    assert (step.tick["source"], step.tick["label_from"], step.tick["verdict"]) == ("idle", "none", "stopping")


def test_executed_is_the_mean_of_what_was_commanded():
    wire = Wire()
    wire.state(0.0)
    wire.frame(0, 0.0)
    velocity = np.array([0.1, 0.0, -0.1, 0.05, 0.0, 0.02, 0.3])
    wire.command(velocity, 0.01)
    wire.command(3 * velocity, 0.02)
    wire.send("gripper_command", JointState(name=[ROBOT.gripper.joint], position=[0.08]), 0.03)
    step = wire.maker.finish()
    tool = Kinematics(ROBOT).tool(np.array(ANGLES)).jacobian @ (2 * velocity)
    np.testing.assert_allclose(step.executed.values["twist"], tool[[0, 1, 2, 5]])
    assert step.executed.values["gripper"][0] == 0.08 and step.tick["commands"] == 2


def test_cameras_that_are_faster_than_the_control_rate_do_not_make_more_steps():
    wire = Wire()
    stamps = np.arange(90) / 30
    for i, stamp_s in enumerate(stamps):
        wire.state(stamp_s)
        wire.frame(i, stamp_s)
    count = len(wire.steps) + 1
    assert 58 <= count <= 61 and wire.maker.missed_ticks <= 1
    assert np.diff([step.observation.stamp_s for step in wire.steps]).min() > 0.03


def test_a_frame_that_is_missing_is_a_missed_tick_and_a_camera_that_lags_is_waited_for():
    wire = Wire()
    for i in range(8):
        wire.state(0.05 * i)
        if i != 4:
            wire.picture(LEFT, i, 0.05 * i)
            wire.picture(RIGHT, i + 100, 0.05 * i, late_s=0.01)
    wire.maker.finish()
    assert len(wire.steps) == 6 and wire.maker.missed_ticks == 1
    assert all(
        step.observation.values[RIGHT][0, 0, 0] - step.observation.values[LEFT][0, 0, 0] == 100 for step in wire.steps
    )


def test_what_a_policy_read_is_what_is_recorded():
    """Its journal names other joint states than those nearest to the picture when it came."""
    wire = Wire()
    wire.state(0.0, 0.10)
    wire.state(0.01, 0.11)
    wire.frame(7, 0.011)
    sources = {LEFT: START_S + 0.011, RIGHT: START_S + 0.011, "joint_states": START_S, "gripper_states": START_S}
    stamp = wire.stamp(0.011)
    sources[LEFT] = sources[RIGHT] = stamp.sec + stamp.nanosec * 1e-9
    about = {"weights": "abc", "policy": "p"}
    entry = {"n": 4, "sources": sources, "ids": [1, 2], "patches_crc32": 5, "action_ids": [3], "about": about}
    wire.send("policy_journal", String(data=json.dumps(entry)), 0.03)
    other = {**entry, "n": 5, "sources": {**sources, LEFT: START_S + 0.5}, "ids": [9]}
    wire.send("policy_journal", String(data=json.dumps(other)), 0.04)  # of pictures that were never here
    step = wire.maker.finish()
    assert step.observation.values["sawyer/joints/angle"][0] == np.float32(0.10)
    assert step.tick["tokens"] == {"n": 4, "ids": [1, 2], "patches_crc32": 5, "action_ids": [3]}
    assert wire.maker.about_policy == about


def test_a_policy_that_acts_on_frames_that_come_too_soon_makes_steps_of_them():
    wire = Wire()
    wire.state(0.0)
    for i, stamp_s in enumerate((0.0, 0.05, 0.065, 0.1)):  # the third one is no control period after the second
        wire.frame(i, stamp_s)
        stamp = wire.stamp(stamp_s)
        seen_s = stamp.sec + stamp.nanosec * 1e-9
        wire.verdict("policy", stamp_s + 0.005)
        wire.propose("proposal", 0.01 * i, stamp_s + 0.01)
        wire.answers(stamp_s + 0.01, stamp_s)
        entry = {"n": i, "sources": {LEFT: seen_s, RIGHT: seen_s}, "ids": [i], "patches_crc32": 0, "action_ids": [0]}
        wire.send("policy_journal", String(data=json.dumps(entry)), stamp_s + 0.012)
    steps = [*wire.steps, wire.maker.finish()]
    assert [step.tick["tokens"]["ids"] for step in steps] == [[0], [1], [2], [3]]
    assert [int(step.observation.values[LEFT][0, 0, 0]) for step in steps] == [0, 1, 2, 3]
    np.testing.assert_allclose([step.label.values["twist"][0] for step in steps], [0.0, 0.01, 0.02, 0.03])


def test_messages_that_do_not_fit_the_contract_are_counted_and_left_out():
    wire = Wire()
    wire.state(0.0)
    wire.picture(LEFT, 1, 0.0, frame_id=ROBOT.channel(RIGHT).frame_id)
    wire.frame(2, 0.01)
    wire.command([np.nan] * 7, 0.02)
    wire.send("arm_command", JointState(name=["right_j0"], velocity=[0.1]), 0.02)
    wire.propose("human", np.inf, 0.02)
    for text in ("not JSON", "[]", '{"n": 3}'):
        wire.send("policy_journal", String(data=text), 0.03)
    step = wire.maker.finish()
    assert wire.maker.refused == {"image": 1, "arm_command": 2, "human_gripper": 1, "policy_journal": 3}
    assert step.observation.values[LEFT][0, 0, 0] == 2 and step.tick["commands"] == 0


def test_pictures_of_the_episode_before_and_repeated_ones_are_no_steps():
    wire = Wire()
    wire.state(0.0)
    wire.frame(1, -0.05)
    wire.frame(2, 0.0)
    wire.frame(3, 0.0)
    assert wire.maker.finish().observation.values[LEFT][0, 0, 0] == 2 and not wire.steps


def test_a_clock_that_goes_back_ends_the_episode():
    wire = Wire()
    wire.state(5.0)
    wire.frame(1, 5.0)
    with pytest.raises(ClockWentBack):
        wire.frame(2, 1.0)


def test_a_contract_with_the_task_as_a_text_has_it_in_every_step():
    robot = load_embodiment("sawyer_rgb_stacking_told")
    with pytest.raises(SetupError, match="task"):
        Wire(robot)
    wire = Wire(robot, "stack it")
    wire.state(0.0)
    wire.frame(1, 0.0)
    value = wire.maker.finish().observation.values["task/text"]
    assert bytes(value[:8].astype(np.uint8)) == b"stack it" and value.dtype == np.float32


def test_a_robot_without_cameras_has_a_step_in_every_control_period(tmp_path):
    robot = robot_of_others(tmp_path, ROBOT.image_keys)
    wire = Wire(robot)
    for tick in range(100):
        wire.state(0.01 * tick, 0.001 * tick)
    steps = [*wire.steps, wire.maker.finish()]
    assert len(steps) == 20 and wire.maker.missed_ticks == 0
    stamps_s = np.array([step.observation.stamp_s for step in steps]) - START_S
    np.testing.assert_allclose(np.diff(stamps_s)[1:], 0.05)  # the first one began when the gripper had spoken
    angles = [step.observation.values["sawyer/joints/angle"][0] for step in steps]
    np.testing.assert_allclose(angles, 0.1 * (stamps_s + 0.01), atol=1e-6)  # the gripper's state came before the arm's


def test_a_gripper_without_effort_is_recorded_where_no_grasp_is_observed(tmp_path):
    message = JointState(name=[ROBOT.gripper.joint], position=[0.04])
    for robot, refused in ((ROBOT, 1), (robot_of_others(tmp_path, ("gripper/grasp",)), 0)):
        wire = Wire(robot)
        wire.send("gripper", message, 0.0)
        assert wire.maker.refused.total() == refused
        assert refused == 0 or wire.maker.why == {"gripper": "1 names but 0 values of effort"}


def test_another_devices_state_on_the_same_topic_is_no_refusal():
    wire = Wire()
    head = JointState(name=["head_pan"], position=[0.1], velocity=[0.0])
    for i in range(4):
        head.header.stamp = wire.stamp(0.05 * i)
        wire.send("joints", head, 0.05 * i)
        wire.state(0.05 * i)
        wire.frame(i, 0.05 * i)
    wire.maker.finish()
    assert len(wire.steps) == 3 and wire.maker.refused == {} and wire.maker.why_no_step() == ""


def test_what_kept_every_step_away_is_named_by_topic():
    wire = Wire()
    head = JointState(name=["head_pan"], position=[0.1], velocity=[0.0])
    wire.send("joints", head, 0.0)
    wire.picture(LEFT, 1, 0.0, frame_id="elsewhere")
    assert wire.maker.finish() is None
    assert wire.maker.why_no_step().split("; ") == [
        f"image: frame 'elsewhere', expected '{ROBOT.channel(LEFT).frame_id}'",
        f"{ROBOT.channel(RIGHT).topic}: no message came",
        f"joints: no {', '.join(ROBOT.arm.joints)} among head_pan",
        f"{ROBOT.wire.gripper_states.topic}: no message came",
    ]
    wire = Wire()
    wire.picture(LEFT, 1, -3.0)
    assert "image: its stamps lie 3.0 s before the episode's beginning" in wire.maker.why_no_step()


@pytest.mark.parametrize("frame_id", ["", "a", "basket_front_left", "Körper"])
def test_a_header_is_read_from_the_bytes_of_its_message(frame_id):
    image = message_from_rgb(np.zeros((16, 16, 3), np.uint8), frame_id)
    image.header.stamp = Time(sec=1_795_000_000, nanosec=123_456_789)
    for message in (image, JointState(header=image.header, name=["a"], position=[1.0])):
        header = header_of(serialize_message(message))
        assert header.frame_id == frame_id
        assert (header.stamp.sec, header.stamp.nanosec) == (1_795_000_000, 123_456_789)


def test_halves_of_proposals_that_never_meet_are_refused():
    wire = Wire()
    opening = JointState(name=[ROBOT.gripper.joint], position=[0.02])
    twist = TwistStamped()
    twist.header.frame_id = ROBOT.base_frame
    for i in range(6):
        twist.header.stamp, opening.header.stamp = wire.stamp(0.05 * i), wire.stamp(0.05 * i + 0.001)
        wire.send("human_twist", twist, 0.05 * i)
        wire.send("human_gripper", opening, 0.05 * i)
    assert wire.maker.refused.total() == 8 and "no human_gripper carries its stamp" in wire.maker.why["human_twist"]
