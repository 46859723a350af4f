"""Two arms over one basket: one world, two guards, and the scripted expert at each, by turns."""

import json

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.bench.guard.pair import nearest_points
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.neighbours.geometry import NeighbourGeometry
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.messages.joint_state import values_by_name
from gato_ros.nodes.runtime.qos import REPORT, STATE_IN
from tests.without_simulator import need_simulator

LEFT, RIGHT = (load_embodiment(f"sawyer_pair_{side}") for side in ("left", "right"))
CLEARANCE_M = LEFT.guard_neighbours["right"].clearance_m
TASK_S = 240.0
"""A stack takes about 20 s of a quiet machine's."""


class Side:
    """One arm's loop, and what it says."""

    def __init__(self, processes, probe, robot, task):
        self.robot, self.probe, self.name = robot, probe, robot.wire.namespace
        self.kinematics, self.reasons = Kinematics(robot), set()
        topic = lambda relative: f"/{self.name}/{relative}"
        self.joints = probe.listen(JointState, topic(robot.wire.joint_states.topic), STATE_IN)
        self.commands = probe.listen(JointState, topic(robot.wire.arm_command), REPORT)
        self.guard = probe.listen(DiagnosticStatus, topic("guard_node/status"), REPORT)
        self.task = probe.listen(String, topic("sim_node/task"), REPORT)
        own = ("--ros-args", "-r", f"__ns:=/{self.name}", "-p", f"embodiment:={robot.name}")
        self.start = lambda node, *more: processes.start("-m", f"gato_ros.nodes.{node}", *own, *more)
        self.start("guard_node", "-p", "start_armed:=true")
        self.start("teleop_node", "-p", "device:=expert", "-p", f"task:={task}", "-p", "hands_on:=false")

    def q(self) -> np.ndarray:
        return values_by_name(self.joints[-1][1], "position", self.robot.arm.joints, closed=False)

    def tool(self) -> np.ndarray:
        return self.kinematics.tool(self.q()).position

    def waits(self) -> bool:
        return bool(np.linalg.norm(self.tool() - self.robot.simulated.cell.wait_m) < 0.03)

    def done(self) -> bool:
        return json.loads(self.task[-1][1].data)["success"]

    def hands_on(self, on: bool) -> None:
        assert self.probe.call(SetBool, f"/{self.name}/teleop_node/hands_on", SetBool.Request(data=on)).success

    def look(self) -> None:
        """A busy machine may keep states back for so long that the guard latches."""
        status = self.guard[-1][1]
        self.reasons |= set(values_of(status)["reasons"].split(","))
        if status.message == "latched":
            self.probe.call(Trigger, f"/{self.name}/guard_node/reset", Trigger.Request())


def room(left: Side, right: Side, seen: NeighbourGeometry) -> float:
    """Between the surfaces of both arms [m]."""
    first, second = left.kinematics.capsule_ends(left.q()), seen.state(right.q(), 0.0, 0.0).capsule_ends
    radii = [np.array([one.radius_m for one in side.robot.guard.clearance.capsules.values()]) for side in (left, right)]
    points = nearest_points(np.repeat(first, len(second), 0), np.tile(second, (len(first), 1, 1)))
    return float((np.linalg.norm(points[0] - points[1], axis=1) - (radii[0][:, None] + radii[1]).ravel()).min())


@pytest.fixture
def pair(processes, probe):
    need_simulator()
    left, right = Side(processes, probe, LEFT, "red_on_blue"), Side(processes, probe, RIGHT, "green_on_red")
    left.start("sim_node", "-p", "neighbours:=true", "-p", "ground_truth:=true", "-p", "seed:=0")
    both = (left, right)
    probe.wait(lambda: all(side.joints and side.task and side.guard for side in both), "both arms", 120.0)
    return both


@pytest.mark.fault("B2")
def test_two_arms_build_one_tower_by_turns_and_keep_apart(pair, probe):
    left, right = pair
    seen, rooms = NeighbourGeometry(RIGHT, LEFT.guard_neighbours["right"]), []

    def look():
        rooms.append(room(left, right, seen))
        for side in pair:
            side.look()

    for working, other in ((left, right), (right, left)):
        working.hands_on(True)
        probe.wait(working.done, f"the stack of the {working.name} arm", TASK_S, look, 0.1)
        probe.wait(working.waits, f"the {working.name} arm out of the way", TASK_S, look, 0.1)
        working.hands_on(False)
        assert other.waits(), "it stood aside meanwhile"
    print(f"by turns: {len(rooms)} looks, at least {min(rooms) * 1e3:.0f} mm apart")
    assert min(rooms) > CLEARANCE_M and left.done() and right.done()

    # Both at once: nobody tells them to take turns, and the guards keep them apart.
    assert probe.call(Trigger, "/left/sim_node/reset", Trigger.Request()).success
    assert not probe.call(Trigger, "/right/sim_node/reset", Trigger.Request()).success, "it holds no world"
    rooms.clear()
    for side in pair:
        side.reasons.clear()
        side.hands_on(True)
    met = lambda: all(any(reason.startswith("neighbour:") for reason in side.reasons) for side in pair)
    probe.wait(met, "both guards to hold their arms up", TASK_S, look, 0.1)
    for _ in range(100):
        look()
        probe.spin(0.05)
    print(f"at once: {len(rooms)} looks, at least {min(rooms) * 1e3:.0f} mm apart; {left.reasons | right.reasons}")
    assert CLEARANCE_M < min(rooms) < CLEARANCE_M + 0.05
