"""What real nodes recorded of robots with other actions is replayed: joint positions, six components of a twist."""

import json

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from gato_ros.data.incidents.incident import read_incident
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.qos import REPORT
from tests.ros.conftest import DISCOVERY_LIMIT_S
from tests.ros.test_incident_node import incidents, replay

SO101, UR5E = (load_embodiment(name) for name in ("so101_rgb_stacking", "ur5e_rgb_stacking"))


class Loop:
    """An arm, a guard, and what writes its last seconds down."""

    def __init__(self, processes, probe, folder, robot, *arm):
        self.probe, self.folder = probe, folder
        self.which = ("-p", f"embodiment:={robot.name}")
        self.status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
        self.commands = probe.listen(JointState, robot.wire.arm_command, REPORT)
        processes.node(*arm[:1], *self.which, *arm[1:])
        processes.node(
            "incident_node", *self.which, "-p", f'folder:="{folder}"', "-p", "after_s:=0.3", "-p", "seconds:=4.0"
        )
        processes.node("guard_node", *self.which, "-p", "start_armed:=true")

    def rearm(self) -> None:
        """A machine that is busy breaks a motion off for so long now and then that the guard latches."""
        if self.status and self.status[-1][1].message == "latched":
            self.probe.call(Trigger, "guard_node/reset", Trigger.Request())

    def follow(self, verdicts: int) -> None:
        followed = lambda: sum(message.message in ("ok", "limited") for _, message in self.status)  # noqa: E731
        self.probe.wait(lambda: followed() > verdicts, f"{verdicts} steps", 4 * DISCOVERY_LIMIT_S, meanwhile=self.rearm)

    def incident_of(self, policy):
        """The one that is written when this process is killed."""
        earlier = set(incidents(self.folder))
        policy.kill()
        self.probe.wait(lambda: set(incidents(self.folder)) - earlier, "the incident")
        return sorted(set(incidents(self.folder)) - earlier)[-1]


@pytest.mark.parametrize("robot", [UR5E, SO101], ids=lambda robot: robot.name)
def test_what_a_guard_did_with_another_action_is_done_again(processes, probe, tmp_path, monkeypatch, robot):
    part, q = robot.arm_part, np.array(robot.arm.posture_rad)
    centre = q if part.standstill is None else np.zeros(6)
    monkeypatch.setenv("GATO_ROS_TEST_ACTION", json.dumps([centre.tolist(), [0.02] * len(part.lower)]))
    loop = Loop(processes, probe, tmp_path, robot, "driver_node", "-p", "enable_at_start:=true")
    own = ("--ros-args", "-r", "__ns:=/sawyer", *loop.which, "-p", "propose_at_start:=true")
    policy = processes.start("tests/ros/other_policy_node.py", *own)
    loop.follow(150)
    assert any(np.abs(message.velocity).max() > 0.0 for _, message in loop.commands), "it moved"
    path = loop.incident_of(policy)
    code, layers = replay(path, "--part", "guard")
    assert code == 0, layers
    assert layers["handover"]["compared"] > 10 and layers["verdict"]["compared"] > 100, layers
    (track,) = read_incident(path).of("proposal_arm")
    assert track.message_type == part.message and json.loads(track.metadata["values"])[0].endswith(
        ("x", "shoulder_pan")
    )
