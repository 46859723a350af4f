"""Whatever keeps a sensor's messages out of a recording: status, log, start and stop name its topic and the reason."""

import contextlib
import json
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import REPORT

ROBOT = load_embodiment()
WIRE = ROBOT.wire
LEFT, RIGHT = (ROBOT.observations[key].topic for key in ROBOT.image_keys)
JOINTS, GRIPPER = WIRE.joint_states.topic, WIRE.gripper_states.topic
STEPS, LIMIT_S = 3, 30.0
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class Session:
    """A robot whose sensors can be broken, a recorder, and somebody who calls its services; for all cases."""

    def __init__(self, processes, probe, folder: Path):
        self.probe = probe
        self._status = probe.listen(DiagnosticStatus, "recorder_node/status", REPORT)
        self._done = probe.listen(String, "fault/done", REPORT)
        self._set, self._number = probe.node.create_publisher(String, "fault/set", REPORT), 0
        processes.start("tests/ros/faults/robot.py")
        self.recorder = processes.node(
            "recorder_node",
            *("-p", f'folder:="{folder}"', "-p", "start_above_megabytes:=0", "-p", "finish_below_megabytes:=0"),
        )
        probe.wait(self._set.get_subscription_count, "the robot")

    def set_robot(self, **settings) -> None:
        self._number += 1
        self._set.publish(String(data=json.dumps({"number": self._number, "mark": "now", **settings})))
        self.probe.wait(
            lambda: any(json.loads(message.data)["number"] == self._number for _, message in self._done),
            "the robot's answer",
        )

    def call(self, verb: str):
        return self.probe.call(Trigger, f"recorder_node/{verb}", Trigger.Request())

    def values(self) -> dict[str, str]:
        return values_of(self._status[-1][1]) if self._status else {}

    def log(self) -> str:
        return self.recorder.log_path.read_text()

    def well(self) -> None:
        """Until the recorder finds nothing that it could not record."""
        well = lambda: self.values().get("unusable") == self.values().get("unheard") == ""
        self.probe.wait(well, "sensors that are well", LIMIT_S)

    @contextlib.contextmanager
    def ended(self):
        """No episode is left running."""
        try:
            yield
        finally:
            self.call("discard")

    @contextlib.contextmanager
    def recording(self):
        """An episode that has some steps."""
        self.well()
        with self.ended():
            self.probe.wait(lambda: self.call("start").success, "an episode that begins", LIMIT_S)
            self.probe.wait(lambda: self.values()["episode"] and int(self.values()["steps"]) >= STEPS, "steps", LIMIT_S)
            yield

    def not_yet(self, topic: str, reason: str):
        """Until the status names no such fault any more: that of the test before lasts for a moment."""
        self.probe.wait(lambda: not self.says(topic, reason), f"{topic} to be well", LIMIT_S)
        return contextlib.nullcontext()

    def says(self, topic: str, reason: str) -> bool:
        """Whether the status names topic and reason."""
        values = self.values()
        return any(names(values.get(key, ""), topic, reason) for key in ("unusable", "warnings", "refused"))


def names(text: str, topic: str, reason: str) -> bool:
    """Whether one of the complaints in `text` names both."""
    return any(topic in one and reason in one for one in text.replace("\n", "; ").split("; "))


@pytest.fixture(scope="module")
def session(module_processes, module_probe, tmp_path_factory):
    return Session(module_processes, module_probe, tmp_path_factory.mktemp("episodes"))


def robot(**settings):
    @contextlib.contextmanager
    def broken(session):
        session.set_robot(**settings)
        try:
            yield
        finally:
            session.set_robot()

    return broken


REFUSED = {
    # what is done to the robot, whose topic is named, and with which words
    "encoding": (robot(image={"encoding": "8UC3"}), LEFT, "encoding '8UC3'"),
    "size": (robot(image={"width": 64}), LEFT, "64x128 pixels, expected 128x128"),
    "rows too short": (robot(image={"step": 100}), LEFT, "rows of 100 bytes"),
    "cut off": (robot(image={"cut": 100}), LEFT, "49052 bytes of data"),
    "frames swapped": (robot(swapped=True), RIGHT, "expected 'basket_front_right'"),
    "a joint missing": (robot(without=["last joint"]), JOINTS, "no right_j6"),
    "wrong names": (robot(names="renamed"), JOINTS, "no right_j3"),
    "no velocity": (robot(without=["velocity"]), JOINTS, "7 names but 0 values of velocity"),
    "not finite": (robot(senseless={"position": "nan"}), JOINTS, "not finite"),
    "no effort": (robot(without=["effort"]), GRIPPER, "1 names but 0 values of effort"),
    "clock stands": (robot(clock_stopped=True), LEFT, "stand still"),
    "old": (robot(delay_s={"left": 1.5}), LEFT, "old on arrival"),
    "silent": (robot(silent=["left"]), LEFT, "nothing arrives"),
    "gone": (robot(gone=["gripper"]), GRIPPER, "nobody publishes it"),
}
"""What leaves an episode without steps, or with a sensor that stands still in them: start refuses."""
OTHER_TIME = {
    "no stamps": (robot(stamps="none"), LEFT, "carry none"),
    "another clock's stamps": (robot(stamps="machine"), JOINTS, "from this clock"),
    "a clock set back": (robot(clock_ahead_s=-5.0), LEFT, "old on arrival"),
}
"""Stamps before those of an episode: it ends by itself, and the next is refused."""
POINTED_OUT = {
    "camera slower than control": (robot(camera_every=2), LEFT, "control goes at 20 Hz"),
    "cameras apart": (robot(delay_s={"left": 0.4}), LEFT, "older than"),
    "clock ahead": (robot(clock_ahead_s=0.4), JOINTS, "in the future"),
    "black": (robot(picture="black"), RIGHT, "black"),
    "compressed beside it": (lambda one: one.probe.publisher(CompressedImage, LEFT), LEFT, "CompressedImage"),
    "operator of another type": (
        lambda one: one.probe.publisher(JointState, WIRE.human_twist),
        WIRE.human_twist,
        "JointState",
    ),
    "operator of another quality": (
        lambda one: one.probe.publisher(TwistStamped, WIRE.human_twist, BEST_EFFORT),
        WIRE.human_twist,
        "best effort is offered",
    ),
    "a clock that nobody goes by": (lambda one: one.probe.publisher(Clock, "/clock", REPORT), "time", "/clock"),
}
"""What can be recorded, and somebody should know: start says it in its answer."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_reason_to_refuse_is_said_by_status_log_stop_and_start(session, name):
    broken, topic, reason = REFUSED[name]
    before = len(session.log())
    with session.recording(), session.not_yet(topic, reason), broken(session):
        session.probe.wait(lambda: session.says(topic, reason), f"a status that names {topic} and {reason}", LIMIT_S)
        stop = session.call("stop_success")
        start = session.call("start")
        assert stop.success and names(stop.message, topic, reason), stop.message
        assert not start.success and names(start.message, topic, reason), start.message
        assert names(session.log()[before:], topic, reason)


@pytest.mark.parametrize("name", ["silent", "old", "gone"])
def test_a_start_right_behind_a_sensor_that_stopped_is_refused(session, name):
    """A message that was under way when it stopped may still pass for a new one, once."""
    broken, topic, _ = REFUSED[name]
    session.well()
    with broken(session), session.ended():
        start = session.call("start")
        if start.success:
            session.call("discard")
            start = session.call("start")
        assert not start.success and names(start.message, topic, "no"), start.message


@pytest.mark.parametrize("name", POINTED_OUT)
def test_what_can_be_recorded_all_the_same_is_said_by_start(session, name):
    broken, topic, reason = POINTED_OUT[name]
    session.well()
    with session.not_yet(topic, reason), broken(session):
        session.probe.wait(lambda: session.says(topic, reason), f"a status that names {topic} and {reason}", LIMIT_S)
        before = len(session.log())
        with session.ended():
            start = session.call("start")
            assert start.success and names(start.message, topic, reason), start.message
            assert names(session.log()[before:], topic, reason)


@pytest.mark.parametrize("name", OTHER_TIME)
def test_stamps_of_another_time_end_an_episode_and_say_so(session, name):
    broken, topic, reason = OTHER_TIME[name]
    before = len(session.log())
    with session.recording(), broken(session):
        ended = lambda: "went back" in session.values()["last"]
        session.probe.wait(ended, "an end that is said", LIMIT_S)
        session.probe.wait(lambda: session.says(topic, reason), f"a status that names {topic} and {reason}", LIMIT_S)
        stop, start = session.call("stop_success"), session.call("start")
        assert not stop.success and names(stop.message, "image_raw", "went back"), stop.message
        assert not start.success and names(start.message, topic, reason), start.message
        assert names(session.log()[before:], "image_raw", "went back") and names(session.log()[before:], topic, reason)
