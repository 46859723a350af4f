"""Two robots in two namespaces of one domain: two loops in lockstep simulation that know nothing of each other."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState, TimeReference
from std_srvs.srv import SetBool, Trigger

from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.messages.clocks import nanoseconds, seconds
from gato_ros.nodes.messages.joint_state import values_by_name
from gato_ros.nodes.runtime.node_specs import loop_plan
from gato_ros.nodes.runtime.qos import REPORT, STATE_IN

ROBOT = load_embodiment()
TWISTS = {"left": np.array([0.01, 0.0, 0.0, 0.0]), "right": np.array([0.0, -0.01, 0.0, 0.0])}
"""There, and back again."""
TICKS = 60


class Side:
    """One of the two loops, and what crosses its wire."""

    def __init__(self, processes, probe, name):
        self.name, self.probe = name, probe
        topic = lambda relative: f"/{name}/{relative}"
        self.observed = probe.listen(TimeReference, topic("policy_node/timing"), REPORT)
        self.guard = probe.listen(DiagnosticStatus, topic("guard_node/status"), REPORT)
        self.commands = probe.listen(JointState, topic(ROBOT.wire.arm_command), REPORT)
        self.joints = probe.listen(JointState, topic(ROBOT.wire.joint_states.topic), STATE_IN)
        self.clock = probe.listen(Clock, topic("clock"), REPORT)
        follows = {"use_sim_time": True}
        plans = loop_plan(
            {"sim_node": {"lockstep": True}, "guard_node": {"start_armed": True}},
            namespace=name,
            without=("incident_node",),
            remaps={"/clock": "clock"},
        )
        for plan in plans:
            command = plan.command()[1:]
            if plan.name == "policy_node":
                command[:2] = ["tests/ros/steady_policy_node.py"]
            more = [part for key, value in follows.items() for part in ("-p", f"{key}:={str(value).lower()}")]
            processes.start(*command, *(more if plan.name != "sim_node" else ()))

    def steps_ns(self) -> list[int]:
        """Simulated time between the frames that its policy answered."""
        stamps = [nanoseconds(message.time_ref) for _, message in self.observed]
        return np.diff(stamps).tolist()

    def tool_velocity(self) -> np.ndarray:
        """[3] of the newest command, where the arm is now [m/s]."""
        position = values_by_name(self.joints[-1][1], "position", ROBOT.arm.joints, closed=False)
        velocity = values_by_name(self.commands[-1][1], "velocity", ROBOT.arm.joints, closed=True)
        return (Kinematics(ROBOT).state(position, velocity, 0.0, 0.0).jacobian @ velocity)[:3]

    def reset_if_latched(self) -> None:
        """A busy machine may delay proposals for so long that the guard latches."""
        if self.guard[-1][1].message == "latched":
            self.probe.call(Trigger, f"/{self.name}/guard_node/reset", Trigger.Request())

    def publishers_of(self, relative: str) -> set[str]:
        found = self.probe.node.get_publishers_info_by_topic(f"/{self.name}/{relative}")
        return {f"{one.node_namespace}/{one.node_name}" for one in found}


@pytest.fixture
def sides(processes, probe, monkeypatch):
    made = {}
    for name, twist in TWISTS.items():
        monkeypatch.setenv("GATO_ROS_TEST_TWIST", ",".join(map(str, twist)))
        made[name] = Side(processes, probe, name)
    probe.wait(lambda: all(len(side.observed) > TICKS for side in made.values()), "both loops", 120.0)
    return made


def test_two_loops_run_side_by_side_without_cross_talk(sides, probe):
    for name, side in sides.items():
        # A frame every 50 ms of simulated time has its proposal: 20 Hz, but for frames that a busy machine loses.
        steps = side.steps_ns()[:TICKS]
        rate_hz = 1e9 * len(steps) / sum(steps)
        print(f"{name}: {rate_hz:.2f} Hz of simulated time")
        assert not any(step % 50_000_000 for step in steps) and rate_hz > 18.0, f"{name}: {steps}"
        # Its own nodes only, on its own clock.
        for topic, node in (
            (ROBOT.wire.arm_command, "guard_node"),
            (ROBOT.wire.proposal_twist, "policy_node"),
            (ROBOT.wire.joint_states.topic, "sim_node"),
            ("clock", "sim_node"),
        ):
            assert side.publishers_of(topic) == {f"/{name}/{node}"}
        # A busy machine tells late.
        assert abs(seconds(side.commands[-1][1].header.stamp) - seconds(side.clock[-1][1].clock)) < 5.0
    assert not probe.node.count_publishers("/clock")

    # Each arm gets what its own policy wants, and goes there.
    for name, side in sides.items():
        wanted = TWISTS[name][:3]
        # Waited for: where a busy machine delays proposals, an arm stops for moments.
        probe.wait(
            lambda side=side, wanted=wanted: (
                min(np.linalg.norm(side.tool_velocity() - way * wanted) for way in (1, -1))
                < 0.3 * np.linalg.norm(wanted)
            ),
            f"{name} to move as its policy wants",
            meanwhile=side.reset_if_latched,
        )

    # One that is silenced stands; the other goes on.
    left, right = sides["left"], sides["right"]
    assert probe.call(SetBool, "/left/policy_node/propose", SetBool.Request(data=False)).success
    probe.wait(lambda: not any(left.commands[-1][1].velocity), "the left arm to stand")
    received = len(right.observed)
    probe.wait(lambda: len(right.observed) > received + 10, "the right policy")
    probe.wait(
        lambda: np.linalg.norm(right.tool_velocity()) > 0.005,
        "the right arm to move on",
        meanwhile=right.reset_if_latched,
    )
    assert not any(left.commands[-1][1].velocity)
