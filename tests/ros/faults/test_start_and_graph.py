"""Faults that keep the loop from beginning, and what the simulator says when it cannot keep up."""

import importlib.util
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.node import NodeNameNonExistentError
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, REPORT, STATE_IN, STATE_OUT
from tests.ros.still_robot import ANGLES

ROBOT = load_embodiment()
SECURITY = Path(__file__).resolve().parents[3] / "launch/security/policy.xml"
LEFT, RIGHT = (ROBOT.observations[key] for key in ROBOT.image_keys)


@pytest.fixture
def policy(processes, probe, tmp_path, monkeypatch):
    """policy_node with a policy that moves, and what it says and proposes."""
    (tmp_path / "fault").write_text("")
    monkeypatch.setenv("GATO_ROS_FAULT_FILE", str(tmp_path / "fault"))
    said = probe.listen(DiagnosticStatus, "policy_node/status", REPORT)
    proposals = probe.listen(TwistStamped, ROBOT.wire.proposal_twist, COMMAND)
    processes.start(
        "tests/ros/faults/scripted_policy_node.py", "--ros-args", "-r", "__ns:=/sawyer", "-r", "__node:=policy_node"
    )
    probe.wait(lambda: said, "the policy")
    return said, proposals


class Sensors:
    """The robot's sensors, published by the test."""

    def __init__(self, probe, cameras=CAMERA, states=STATE_OUT):
        self._probe, self._rng = probe, np.random.default_rng(0)
        self._cameras = {
            channel: probe.node.create_publisher(Image, channel.topic, cameras) for channel in (LEFT, RIGHT)
        }
        self._joints = probe.node.create_publisher(JointState, ROBOT.wire.joint_states.topic, states)
        self._gripper = probe.node.create_publisher(JointState, ROBOT.wire.gripper_states.topic, states)
        self.without, self.swapped = (), False

    def send(self) -> None:
        stamp = self._probe.stamp()
        for channel, publisher in self._cameras.items():
            if channel in self.without:
                continue
            shown = {LEFT: RIGHT, RIGHT: LEFT}[channel] if self.swapped else channel
            message = message_from_rgb(self._rng.integers(0, 256, (128, 128, 3), np.uint8), shown.frame_id)
            message.header.stamp = stamp
            publisher.publish(message)
        joints = JointState(name=ROBOT.arm.joints, position=ANGLES, velocity=[0.0] * 7)
        gripper = JointState(name=["gripper"], position=[0.05], effort=[0.0])
        joints.header.stamp = gripper.header.stamp = stamp
        self._joints.publish(joints)
        self._gripper.publish(gripper)


@pytest.mark.fault("S13", "S6")
def test_a_loop_whose_cameras_are_mute_or_swapped_does_not_begin_and_says_why(policy, probe):
    said, proposals = policy
    sensors = Sensors(probe)
    sensors.without = (LEFT,)
    probe.wait(
        lambda: f"{LEFT.topic} has a publisher, but nothing arrives" in said[-1][1].message,
        "the reason",
        meanwhile=sensors.send,
    )
    assert RIGHT.topic not in said[-1][1].message and not proposals
    sensors.without, sensors.swapped = (), True
    probe.wait(lambda: "are two cameras swapped?" in said[-1][1].message, "the reason", meanwhile=sensors.send)
    assert not proposals


@pytest.mark.fault("S1", "M2")
@pytest.mark.parametrize("fault", ["a camera is silent", "the policy fails"])
def test_a_motion_is_taken_back_once_and_then_there_is_silence(policy, probe, tmp_path, fault):
    said, proposals = policy
    sensors = Sensors(probe)
    still = lambda message: not (message.twist.linear.x or message.twist.angular.z)
    probe.wait(lambda: len(proposals) > 5, "proposals", meanwhile=sensors.send)
    if fault == "a camera is silent":
        sensors.without = (LEFT,)
    else:
        (tmp_path / "fault").write_text("nan")
    probe.wait(
        lambda: "stale" in said[-1][1].message or "the policy returned" in said[-1][1].message,
        "the reason",
        meanwhile=sensors.send,
    )
    probe.wait(lambda: still(proposals[-1][1]), "the standstill", meanwhile=sensors.send)
    received = len(proposals)
    ticks = iter(range(10))
    probe.wait(lambda: next(ticks, None) is None, "time", meanwhile=sensors.send)
    assert len(proposals) == received
    # Never twice in a row: a standstill that is repeated would keep the guard from seeing that nobody drives.
    twists = [still(message) for _, message in proposals]
    assert not any(a and b for a, b in zip(twists, twists[1:]))


@pytest.mark.fault("G2")
@pytest.mark.parametrize("reliability", [ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE])
@pytest.mark.parametrize("durability", [DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL])
def test_sensors_of_every_quality_of_service_are_received(processes, probe, reliability, durability):
    quality = QoSProfile(depth=1, reliability=reliability, durability=durability)
    published = probe.node.create_publisher(Image, LEFT.topic, quality)
    received = probe.listen(Image, LEFT.topic, CAMERA)
    states = probe.node.create_publisher(JointState, ROBOT.wire.joint_states.topic, quality)
    joints = probe.listen(JointState, ROBOT.wire.joint_states.topic, STATE_IN)
    picture = message_from_rgb(np.zeros((128, 128, 3), np.uint8), LEFT.frame_id)
    probe.wait(
        lambda: received and joints,
        "messages",
        meanwhile=lambda: (published.publish(picture), states.publish(JointState())),
    )


@pytest.mark.fault("X2")
def test_a_simulator_that_was_held_up_says_how_much_time_it_lost(processes, probe):
    diagnostics = probe.listen(DiagnosticArray, "/diagnostics", REPORT)
    counts = lambda: values_of(diagnostics[-1][1].status[0])
    node = processes.node("sim_node")
    probe.wait(lambda: diagnostics, "the simulator")
    before = counts()
    os.kill(node.pid, signal.SIGSTOP)
    probe.spin(0.5)
    os.kill(node.pid, signal.SIGCONT)
    probe.wait(lambda: int(counts()["overruns"]) > int(before["overruns"]), "the count")
    assert float(counts()["lost_ms"]) - float(before["lost_ms"]) > 300.0
    assert diagnostics[-1][1].status[0].level == DiagnosticStatus.WARN


@pytest.mark.fault("K1")
@pytest.mark.parametrize(("node", "keys"), [("guard_node", "none"), ("guard_node", "empty"), ("policy_node", "none")])
def test_where_security_is_demanded_a_node_without_keys_does_not_start(tmp_path, node, keys):
    """Fail closed: nothing that was meant to be authenticated runs without."""
    demanded = {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce"}
    if keys == "empty":
        demanded["ROS_SECURITY_KEYSTORE"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", f"gato_ros.nodes.{node}"],
        env={**os.environ, **demanded},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0 and "security" in done.stderr.lower()


def permitted(node: str) -> dict[str, set[str]]:
    """What the security policy lets a node publish, receive and answer, as full names."""
    profile = next(item for item in ElementTree.parse(SECURITY).iter("profile") if item.get("node") == node)
    place = profile.get("ns")
    found = {"publish": set(), "subscribe": set(), "reply": set(), "request": set()}
    for section in profile:
        for verb in found.keys() & section.keys():
            assert section.get(verb) == "ALLOW"
            for item in section:
                name = item.text.replace("~", f"{place}/{node}")
                found[verb].add(name if name.startswith("/") else f"{place}/{name}")
    return found


def doings(graph, node: str) -> dict[str, set[str]]:
    """What a node of the running graph publishes, receives and answers."""
    ask = {
        "publish": graph.get_publisher_names_and_types_by_node,
        "reply": graph.get_service_names_and_types_by_node,
        "subscribe": graph.get_subscriber_names_and_types_by_node,
        "request": graph.get_client_names_and_types_by_node,
    }
    try:
        return {verb: {name for name, _ in find(node, "/sawyer")} - {"/clock"} for verb, find in ask.items()}
    except NodeNameNonExistentError:
        return {}


@pytest.mark.fault("K1")
def test_the_security_policy_lets_nodes_do_what_they_do_and_only_the_guard_command(processes, probe, policy, tmp_path):
    nodes = (
        "guard_node",
        "policy_node",
        "sim_node",
        "incident_node",
        "teleop_node",
        "recorder_node",
        "lifecycle_manager",
        "driver_node",
        "view_node",
    )
    probe.listen(Image, "view_node/image", CAMERA)  # cameras are for who looks
    for node in ("guard_node", "sim_node", "lifecycle_manager", "driver_node", "view_node"):
        processes.node(node)
    for node in ("incident_node", "recorder_node"):
        processes.node(node, "-p", f'folder:="{tmp_path / node}"')
    processes.node("teleop_node", "-p", "device:=joy")
    # The graph is found piece by piece; /clock is only there under simulated time or in lockstep, and what a policy
    # looks at only of weights.
    absent = {
        "/clock",
        "/sawyer/policy_node/saliency/basket_front_left",
        "/sawyer/policy_node/saliency/basket_front_right",
        *(
            topic
            for package, topic in (("tf2_msgs", "/tf"), ("visualization_msgs", "/sawyer/view_node/markers"))
            if importlib.util.find_spec(package) is None
        ),
    }
    wanted = {node: {verb: names - absent for verb, names in permitted(node).items()} for node in nodes}
    try:
        probe.wait(lambda: all(doings(probe.node, node) == wanted[node] for node in nodes), "the graph", 30.0)
    except AssertionError:
        assert {node: doings(probe.node, node) for node in nodes} == wanted
    commands = {f"/sawyer/{ROBOT.wire.arm_command}", f"/sawyer/{ROBOT.wire.gripper_command}"}
    assert [node for node in nodes if permitted(node)["publish"] & commands] == ["guard_node"]
