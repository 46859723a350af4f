"""The preflight over DDS: a robot, the guard and a policy run, one thing at a time is wrong, and it is named."""

import contextlib
import json
import os
import subprocess
import sys

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from gato_ros.cli import main
from gato_ros.core.check_result import Finding
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.preflight.judge import against_activation, judge
from gato_ros.embodiments.preflight.nodes import judge_nudge
from gato_ros.embodiments.preflight.robot_snapshot import RobotSnapshot
from gato_ros.nodes.preflight.doctor_client import DoctorClient
from gato_ros.nodes.preflight.gate import preflight
from gato_ros.nodes.runtime.qos import COMMAND, REPORT

ROBOT = load_embodiment()
WIRE = ROBOT.wire
LEFT, RIGHT = (ROBOT.observations[key].topic for key in ROBOT.image_keys)
JOINTS, GRIPPER = WIRE.joint_states.topic, WIRE.gripper_states.topic
PARTS = ("robot", "guard", "policy")
LISTEN_S = 1.0
ATTEMPTS = 20
"""Discovery may take some, and a busy machine as well."""
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Scene:
    """The robot whose sensors can be broken, the guard, a policy that stands still, and a doctor."""

    def __init__(self, processes, probe, doctor):
        self.probe, self.doctor = probe, doctor
        self._done = probe.listen(String, "fault/done", REPORT)
        self._guard_said = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
        self._set, self._number = probe.node.create_publisher(String, "fault/set", REPORT), 0
        processes.start("tests/ros/faults/robot.py")
        processes.node("guard_node")
        processes.node("policy_node")
        probe.wait(self._set.get_subscription_count, "the robot")
        doctor.wait(PARTS, 60.0)

    def set_robot(self, **settings) -> None:
        self._number += 1
        self._set.publish(String(data=json.dumps({"number": self._number, "mark": "now", **settings})))
        self.probe.wait(
            lambda: any(json.loads(message.data)["number"] == self._number for _, message in self._done),
            "the robot's answer",
        )

    def look_until(self, right) -> RobotSnapshot:
        """A snapshot for which `right` holds."""
        for _ in range(ATTEMPTS):
            seen = self.doctor.listen(LISTEN_S, None)
            if right(seen):
                return seen
        raise AssertionError([row for row in judge(ROBOT, seen) if row.level != "green"])

    def becomes_well(self) -> None:
        self.armed()
        self.look_until(lambda seen: all(busy(row) for row in wrong(seen)))

    @contextlib.contextmanager
    def listener(self, kind, topic, quality):
        made = self.probe.node.create_subscription(kind, topic, lambda message: None, quality)
        try:
            yield made
        finally:
            self.probe.node.destroy_subscription(made)

    @contextlib.contextmanager
    def pressed(self):
        """The emergency stop, of a guard that was well."""
        self.armed()
        with self.probe.publisher(Bool, "e_stop", COMMAND) as button:
            self.probe.wait(button.get_subscription_count, "the guard")
            button.publish(Bool(data=True))
            try:
                yield
            finally:
                button.publish(Bool(data=False))
                self.armed()

    @contextlib.contextmanager
    def other_time(self):
        """The policy goes by /clock, the guard does not."""

        def go_by(value: bool) -> None:
            request = SetParameters.Request(parameters=[Parameter("use_sim_time", value=value).to_parameter_msg()])
            assert self.probe.call(SetParameters, "policy_node/set_parameters", request).results[0].successful

        go_by(True)
        try:
            yield
        finally:
            go_by(False)

    def armed(self) -> None:
        refused = ""
        for _ in range(100):
            self._guard_said.clear()
            self.probe.wait(lambda: self._guard_said, "the guard")
            if self._guard_said[-1][1].message != "latched":
                return
            refused = self.probe.call(Trigger, "guard_node/reset", Trigger.Request()).message
            self.probe.spin(0.1)
        raise AssertionError(f"the guard refuses to be reset: {refused}")


def busy(row) -> bool:
    """Whether a row tells of a machine that has too much to do: that is no false alarm."""
    return row.level == "yellow" and row.what.endswith((": rate", ": stamps"))


def wrong(seen):
    return [row for row in judge(ROBOT, seen, PARTS) if row.level != "green"]


@pytest.fixture(scope="module")
def scene(module_processes, module_probe):
    with DoctorClient(ROBOT, "sawyer", LISTEN_S) as doctor:
        yield Scene(module_processes, module_probe, doctor)


def set_to(**settings):
    return lambda scene: contextlib.nullcontext(scene.set_robot(**settings))


BROKEN = {
    # what is done, a row that is not green, what it says, whose gate stays shut
    "camera silent": (set_to(silent=["left"]), LEFT, "nothing arrives", "policy"),
    "joints silent": (set_to(silent=["joints"]), JOINTS, "nothing arrives", "policy guard"),
    "frozen": (set_to(frozen=True), f"{LEFT}: picture", "equal to the bit", "policy"),
    "black": (set_to(picture="black"), f"{RIGHT}: picture", "black", "policy"),
    "white": (set_to(picture="white"), f"{RIGHT}: picture", "white", "policy"),
    "another size": (set_to(image={"width": 64}), f"{LEFT}: picture", "64x128 pixels, expected 128x128", "policy"),
    "another encoding": (
        set_to(image={"encoding": "yuv422"}),
        f"{LEFT}: picture",
        "another encoding than yuv422",
        "policy",
    ),
    "cut off": (set_to(image={"cut": 100}), f"{LEFT}: picture", "49052 bytes", "policy"),
    "swapped": (set_to(swapped=True), f"{LEFT}: frame", "'basket_front_right'", "policy"),
    "renamed": (set_to(names="renamed"), f"{JOINTS}: names", "no right_j3", "policy guard"),
    "late": (set_to(delay_s={"left": 0.4}), f"{LEFT}: stamps", "old on arrival", "policy"),
    "clock ahead": (set_to(clock_ahead_s=0.4), f"{JOINTS}: stamps", "in the future", "policy guard"),
    "clock behind": (set_to(clock_ahead_s=-2.0), f"{JOINTS}: stamps", "old on arrival", "policy guard"),
    "clock stands": (set_to(clock_stopped=True), f"{JOINTS}: stamps", "stand still", "policy guard"),
    "old frames again": (set_to(replayed=True), f"{LEFT}: stamps", "go back", "policy"),
    "gripper in percent": (set_to(opening_m=60.0), f"{GRIPPER}: opening", "60", "policy"),
    "joints elsewhere": (set_to(angle_rad=3.0), f"{JOINTS}: range", "right_j3 at 4.558 rad", "policy guard"),
    "not a number": (set_to(senseless={"position": "nan"}), f"{JOINTS}: values", "right_j0", "policy guard"),
    "second commander": (
        lambda scene: scene.probe.publisher(JointState, WIRE.arm_command, COMMAND),
        WIRE.arm_command,
        "/sawyer/probe commands the robot",
        "guard",
    ),
    "two drivers": (lambda scene: scene.probe.publisher(JointState, JOINTS), JOINTS, "2 publishers", "policy guard"),
    "compressed": (lambda scene: scene.probe.publisher(CompressedImage, LEFT), LEFT, "CompressedImage", "policy"),
    "two policies": (
        lambda scene: scene.probe.publisher(JointState, WIRE.proposal_gripper),
        WIRE.proposal_gripper,
        "2 publishers",
        "policy",
    ),
    "deaf robot": (
        lambda scene: scene.listener(JointState, WIRE.arm_command, KEPT),
        f"{WIRE.arm_command}: quality",
        "/sawyer/probe receives nothing from /sawyer/guard_node",
        "policy guard",
    ),
    "a clock": (lambda scene: scene.probe.publisher(Clock, "/clock", REPORT), "time", "somebody publishes /clock", ""),
    "emergency stop": (Scene.pressed, "guard_node", "emergency_stop", ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named_and_shuts_the_gate(scene, name):
    broken, what, found, roles = BROKEN[name]
    is_named(scene, broken, what, found, roles)


def is_named(scene, broken, what, found, roles) -> None:
    names = lambda rows: [row for row in rows if what in row.what and found in row.found]
    try:
        with broken(scene):
            seen = scene.look_until(lambda seen: names(wrong(seen)))
            for role in ("policy", "guard"):
                assert bool(names(against_activation(ROBOT, seen, role))) == (role in roles), role
    finally:
        scene.set_robot()


def test_a_robot_that_is_well_opens_the_gates_and_one_that_is_not_shuts_them(scene):
    scene.set_robot(names="shuffled")  # by name, never by index
    scene.becomes_well()
    for role in ("policy", "guard"):
        refused = lambda role=role: preflight(scene.probe.node, ROBOT, role)
        assert any(not refused() for _ in range(ATTEMPTS)), refused()
    scene.set_robot(silent=["joints"], swapped=True)
    guard, policy = (preflight(scene.probe.node, ROBOT, role) for role in ("guard", "policy"))
    assert len(guard) == 1 and guard[0].startswith(f"{JOINTS}: has a publisher, /sawyer/fault_robot, and nothing")
    assert {line.split(": ")[0] for line in policy} == {JOINTS, LEFT, RIGHT}
    # What the policy does not read it does not ask for.
    (line,) = preflight(scene.probe.node, ROBOT, "policy", ("gripper/opening",))
    assert line.startswith(JOINTS)
    scene.set_robot()


def test_the_gripper_is_nudged_and_its_polarity_reported(scene):
    scene.set_robot(gripper="follows")
    with scene.pressed():
        scene.look_until(lambda seen: seen.guard and seen.guard.message == "latched")
        assert scene.doctor.nudge().refused.startswith("guard_node is latched (emergency_stop")
    for gripper, level in (("follows", "green"), ("inverted", "red")):
        scene.set_robot(gripper=gripper)
        scene.armed()
        scene.look_until(lambda seen: seen.guard and seen.guard.message in ("ok", "limited", "stopping"))
        nudge = scene.doctor.nudge()
        (row,) = judge_nudge(RobotSnapshot(nudge=nudge))
        assert row.level == level, (nudge, row)
    assert scene.probe.node.count_publishers(WIRE.gripper_command) == 1
    scene.set_robot()


def doctor(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "gato_ros", "doctor", "--robot", "--json", "found.json", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    return done, json.loads((folder / "found.json").read_text())


def test_the_verb_says_it_in_a_table_in_json_and_by_its_exit_code(scene, tmp_path):
    scene.becomes_well()
    for _ in range(ATTEMPTS):
        done, found = doctor(tmp_path, "--seconds", "2")
        alarms = [Finding(**row) for row in found["findings"] if row["level"] != "green"]
        if all(map(busy, alarms)):
            break
    assert all(map(busy, alarms)), alarms
    assert found["ok"] == (not alarms) and done.returncode == (0 if found["ok"] else 1)
    assert found["green"] == len(found["findings"]) - len(alarms) > 12
    assert "only guard_node commands, and a robot subscribes" in done.stdout

    scene.set_robot(swapped=True, names="renamed", opening_m=60.0)
    done, found = doctor(tmp_path, "--seconds", "2", "--accept-yellow")
    assert done.returncode == 1 and not found["ok"]
    red = {row["what"] for row in found["findings"] if row["level"] == "red"}
    assert {f"{LEFT}: frame", f"{RIGHT}: frame", f"{JOINTS}: names", f"{GRIPPER}: opening"} <= red
    assert "the cameras are swapped: exchange their cables or topics" in done.stdout
    scene.set_robot()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--without", "gard"), "did you mean 'guard'?"),
        (("--seconds", "0"), "expected --seconds in [1, 60]; got 0.0"),
        (("--policy", "no_such"), "expected a policy"),
        (("--embodiment", "no_such"), "no_such"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(capsys, arguments, said):
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--robot", *arguments])
    line = capsys.readouterr().err
    assert end.value.code == 2 and said in line and len(line.strip().splitlines()) == 1


def test_of_a_robot_that_is_not_there_every_part_is_named(tmp_path):
    done, found = doctor(tmp_path, "--namespace", "nowhere", "--patience", "0.5", "--seconds", "1")
    assert done.returncode == 1
    red = {row["what"] for row in found["findings"] if row["level"] == "red"}
    assert {LEFT, RIGHT, JOINTS, GRIPPER, "guard_node", "policy_node", WIRE.arm_command} <= red


def test_nodes_that_go_by_different_times_are_named(scene):
    # Last, for a policy whose time stands still has to find back.
    is_named(scene, Scene.other_time, "time", "use_sim_time is true for /sawyer/policy_node", "policy guard")
