"""sim_node over DDS: the same topics, rates and timeout as the robot."""

import json

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.messages.image import rgb_from_message
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, REPORT, STATE_IN

ROBOT = load_embodiment()


class Scene:
    """sim_node and a probe in place of the guard."""

    def __init__(self, processes, probe, *arguments):
        self.probe = probe
        self.joints = probe.listen(JointState, ROBOT.wire.joint_states.topic, STATE_IN)
        self.task = probe.listen(String, "sim_node/task", REPORT)
        self.diagnostics = probe.listen(DiagnosticArray, "/diagnostics", REPORT)
        self.arm = probe.node.create_publisher(JointState, ROBOT.wire.arm_command, COMMAND)
        self.gripper = probe.node.create_publisher(JointState, ROBOT.wire.gripper_command, COMMAND)
        self.node = processes.node("sim_node", *arguments)

    def command(self, speed: float, names=None, stamp=None) -> None:
        names = ROBOT.arm.joints if names is None else names
        message = JointState(name=names, velocity=[0.0] * (len(names) - 1) + [speed])
        message.header.stamp = self.probe.stamp() if stamp is None else stamp
        self.arm.publish(message)

    def last_joint(self) -> tuple[float, float]:
        """Angle [rad] and speed [rad/s] of the last joint."""
        message = self.joints[-1][1]
        return message.position[-1], message.velocity[-1]

    def counts(self) -> dict:
        return values_of(self.diagnostics[-1][1].status[0]) if self.diagnostics else {}


def test_it_behaves_like_the_robot(processes, probe):
    scene = Scene(processes, probe, "-p", "seed:=5")
    images = {key: probe.listen(Image, ROBOT.observations[key].topic, CAMERA) for key in ROBOT.image_keys}
    probe.wait(lambda: scene.joints and all(images.values()), "sensors")
    for key, received in images.items():
        message = received[-1][1]
        assert rgb_from_message(message, 128, 128).std() > 5.0 and message.header.frame_id == key.split("/")[0]
    assert list(scene.joints[-1][1].name) == ROBOT.arm.joints

    # It never waits: sensors go on without any command, and never faster than the robot's.
    start = len(scene.joints), len(images[ROBOT.image_keys[0]])
    probe.spin(3.0)
    joint_stamps = [seconds(m.header.stamp) for _, m in scene.joints[start[0] :]]
    frame_stamps = [seconds(m.header.stamp) for _, m in images[ROBOT.image_keys[0]][start[1] :]]
    # 100 and 20 Hz; a machine with six times more to do than it can loses physics time, and counts it.
    assert 10.0 < (len(joint_stamps) - 1) / (joint_stamps[-1] - joint_stamps[0]) < 125.0
    assert 2.0 < (len(frame_stamps) - 1) / (frame_stamps[-1] - frame_stamps[0]) < 25.0

    # Velocities are followed; 0.2 s after the last command the arm holds by itself.
    begun = scene.last_joint()[0]
    probe.wait(
        lambda: scene.last_joint()[0] > begun + 0.2, "motion", meanwhile=lambda: scene.command(0.5), every_s=0.01
    )
    probe.wait(lambda: abs(scene.last_joint()[1]) < 0.01, "the hold")
    held = scene.last_joint()[0]
    probe.spin(0.5)
    assert scene.last_joint()[0] == pytest.approx(held, abs=2e-3)
    probe.wait(lambda: int(scene.counts()["command_timeouts"]) >= 1, "the count")

    # Commands that do not fit are refused, counted, and move nothing.
    for speed, names, complaint in (
        (0.5, ["right_j0"], "no velocity of right_j1"),
        (0.5, [*ROBOT.arm.joints, "head_pan"], "unknown joints head_pan"),
        (0.5, ["x", *ROBOT.arm.joints[1:]], "no velocity of right_j0"),
        (float("nan"), ROBOT.arm.joints, "not finite"),
    ):
        before = int(scene.counts()["refused_commands"])
        scene.command(speed, names)
        probe.wait(lambda: int(scene.counts()["refused_commands"]) == before + 1, "the refusal")  # noqa: B023
        assert complaint in scene.counts()["last_refusal"]
    assert scene.last_joint()[0] == pytest.approx(held, abs=2e-3)


def test_a_reset_starts_the_episode_that_the_seed_draws(processes, probe):
    from gato_ros.sim.world import StackingWorld

    scene = Scene(processes, probe)
    probe.wait(lambda: scene.task, "the task")

    def begin(objects, seed, task="red_on_blue"):
        values = [Parameter("seed", value=seed), Parameter("objects", value=objects), Parameter("task", value=task)]
        request = SetParameters.Request(parameters=[value.to_parameter_msg() for value in values])
        taken = [result.successful for result in probe.call(SetParameters, "sim_node/set_parameters", request).results]
        before = json.loads(scene.task[-1][1].data)["episode"]
        answer = probe.call(Trigger, "sim_node/reset", Trigger.Request())
        assert answer.success
        probe.wait(lambda: json.loads(scene.task[-1][1].data)["episode"] > before, "the new episode")
        scene.joints.clear()
        probe.wait(lambda: scene.joints, "joint states")
        return taken, np.array(scene.joints[0][1].position), json.loads(scene.task[-1][1].data)

    _, first, task = begin("triplet2", 11)
    world = StackingWorld(ROBOT)
    world.reset(np.random.default_rng(11), "triplet2")
    assert first == pytest.approx(world.joint_positions, abs=2e-3)
    assert task["objects"] == list(world.object_names) and not task["success"]
    world.close()
    _, second, _ = begin("triplet2", 12)
    assert np.abs(second - first).max() > 0.01
    taken, _, task = begin("triplet9", 11)
    assert taken == [True, False, True] and task["objects"] == list(world.object_names)
    assert begin("triplet2", 11, "blue_on_gren")[0] == [True, True, False]


def test_in_lockstep_time_passes_only_with_commands(processes, probe):
    scene = Scene(processes, probe, "-p", "lockstep:=true")
    clock = probe.listen(Clock, "/clock", REPORT)
    probe.wait(lambda: clock, "the clock")
    probe.spin(1.5)
    assert len({seconds(message.clock) for _, message in clock}) == 1
    begun = seconds(clock[-1][1].clock)

    def answer():
        scene.command(0.0, stamp=clock[-1][1].clock)

    probe.wait(lambda: seconds(clock[-1][1].clock) > begun + 0.3, "30 ticks", meanwhile=answer, every_s=0.005)
    stopped = len(clock)
    probe.spin(1.2)
    assert len({round(seconds(message.clock), 6) for _, message in clock[stopped:]}) <= 2
