"""teleop_node with a leader arm; alone in its file, for the other hand's node has the same name."""

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from gato_ros.embodiments.kinematics import Kinematics
from tests.ros.gamepad import ROBOT, TeleopListener
from tests.ros.hand import QUICK, Hand, last
from tests.ros.still_robot import ANGLES


def test_a_leader_arm_leads_and_its_gripper_is_followed(processes, probe):
    inputs = TeleopListener(probe)
    processes.start("tests/ros/still_robot.py")
    processes.node("teleop_node", "-p", "device:=leader", *QUICK)
    probe.wait(lambda: inputs.said, "teleop_node")
    inputs.know_gripper()
    hand = Hand(probe, JointState, "leader/joint_states")

    def leader(angles, opening_m):
        names = [*ROBOT.arm.joints, ROBOT.gripper.joint]
        return JointState(name=names, position=[*angles, opening_m], effort=[0.0] * len(names))

    hand.message = leader(ANGLES, 0.03)
    hand.be(inputs, "hands off")
    hand.hold(True)
    hand.be(inputs, "moving")
    moved = np.array(ANGLES) + [0.04, 0, 0, 0, 0, 0, 0]
    hand.message = leader(moved, 0.03)
    kinematics = Kinematics(ROBOT)
    way = kinematics.tool(moved).position - kinematics.tool(np.array(ANGLES)).position.copy()
    hand.wait(lambda: np.linalg.norm(last(inputs)) > 0.03, "motion")
    direction = last(inputs) / np.linalg.norm(last(inputs))
    assert direction == pytest.approx(way / np.linalg.norm(way), abs=0.02)
    hand.wait(lambda: abs(inputs.openings[-1][1].position[0] - 0.03) < 1e-6, "the leader's opening")
    hand.message = JointState(name=["somebody"], position=[0.0])
    hand.wait(lambda: "the leader arm" in inputs.message(), "a refusal")
    assert not last(inputs).any()
