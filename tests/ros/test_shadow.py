"""Shadow mode: everything is computed and published, and the policy moves nothing."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState

from gato_ros.nodes.guard.shadow import ARM, STATUS
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, REPORT
from tests.ros.guard_scene import WIRE, Scene


def test_the_would_be_command_moves_and_the_real_one_does_not_unless_a_human_drives(processes, probe):
    would_be = probe.listen(JointState, ARM, REPORT)
    said = probe.listen(DiagnosticStatus, STATUS, REPORT)
    scene = Scene(processes, probe, "-p", "shadow:=true")
    processes.start("tests/ros/moving_policy.py")
    speed = lambda message: max(map(abs, message.velocity))
    probe.wait(lambda: would_be and speed(would_be[-1][1]) > 0.05, "the would-be command")
    received = len(scene.arm)
    probe.spin(0.5)
    probe.wait(
        lambda: said[-1][1].message in ("ok", "limited") and values_of(said[-1][1])["source"] == "policy",
        "the policy in command of nothing",
    )
    assert "cosine" not in values_of(said[-1][1])  # nobody to agree with
    assert values_of(scene.status[-1][1])["shadow"] == "on" and scene.source() != "policy"
    assert len(scene.arm) > received and not any(speed(message) for _, message in scene.arm)

    # A human moves the real arm through the same guard, in the policy's direction, and then against it.
    twists = probe.node.create_publisher(TwistStamped, WIRE.human_twist, COMMAND)
    grippers = probe.node.create_publisher(JointState, WIRE.human_gripper, COMMAND)

    def drive(vx: float):
        twist, gripper = TwistStamped(), JointState(name=["gripper"], position=[0.02])
        twist.header.frame_id, twist.twist.linear.x = "base", vx
        twist.header.stamp = gripper.header.stamp = probe.stamp()
        twists.publish(twist)
        grippers.publish(gripper)

    def drive_or_reset(vx: float):
        if said[-1][1].message == "latched":  # a busy machine may delay proposals for so long
            scene.reset()
        drive(vx)

    for vx, cosine in ((0.05, 1.0), (-0.05, -1.0)):
        probe.wait(
            lambda wanted=f"{cosine:.4f}": values_of(said[-1][1]).get("cosine") == wanted,
            "the agreement",
            meanwhile=lambda vx=vx: drive_or_reset(vx),
            every_s=0.02,
        )
        assert float(values_of(said[-1][1])["opening_difference_m"]) == pytest.approx(0.01, abs=1e-4)
    probe.wait(
        lambda: scene.source() == "human" and scene.largest() > 0.02,
        "the human's motion",
        meanwhile=lambda: drive(0.05),
        every_s=0.02,
    )
    # The human lets go: the arm comes to rest, and the policy does not take over.
    probe.wait(lambda: scene.largest() == 0.0, "rest")
    received = len(scene.arm)
    probe.spin(0.7)
    assert not any(speed(message) for _, message in scene.arm[received:])
