"""The SO-101 through real nodes: joint positions of a policy, the guard, joints and a jaw that move, two cameras."""

import json

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CompressedImage, JointState
from std_srvs.srv import Trigger

from gato_ros.data.checks.verification import inspect_episode
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.qos import CAMERA, REPORT
from tests.ros.conftest import DISCOVERY_LIMIT_S

SO101 = load_embodiment("so101_rgb_stacking")
TARGET = np.array(SO101.arm.posture_rad) + [0.06, 0.03, -0.04, 0.05, 0.2]
"""Where a policy wants the joints, all the time: an arm that a busy machine stops now and then comes there, too."""
OPENING_M = 0.02
"""Of tests/ros/other_policy_node.py."""
WHICH = ("-p", f"embodiment:={SO101.name}")


def test_it_goes_where_its_joints_are_wanted_and_is_recorded(processes, probe, tmp_path, monkeypatch):
    monkeypatch.setenv("GATO_ROS_TEST_ACTION", json.dumps([TARGET.tolist(), [0.0] * 5]))
    joints = probe.listen(JointState, SO101.wire.joint_states.topic, REPORT)
    gripper = probe.listen(JointState, SO101.wire.gripper_states.topic, REPORT)
    commands = probe.listen(JointState, SO101.wire.arm_command, REPORT)
    status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
    jpegs = [probe.listen(CompressedImage, channel.topic, CAMERA) for channel in SO101.cameras.values()]
    said = probe.listen(DiagnosticStatus, "recorder_node/status", REPORT)
    # In lockstep, a busy machine takes longer and loses nothing.
    simulated = ("-p", "use_sim_time:=true")
    processes.node("sim_node", *WHICH, "-p", "lockstep:=true")
    processes.node("guard_node", *WHICH, *simulated, "-p", "start_armed:=true")
    processes.node("recorder_node", *WHICH, *simulated, "-p", f"folder:={tmp_path / 'kept'}")
    policy = ("tests/ros/other_policy_node.py", "--ros-args", "-r", "__ns:=/sawyer", *WHICH, *simulated)
    processes.start(*policy, "-p", "propose_at_start:=true")

    def rearm() -> None:
        """A machine that is busy breaks a motion off for so long now and then that the guard latches."""
        if status[-1][1].message == "latched":
            probe.call(Trigger, "guard_node/reset", Trigger.Request())

    def all_there() -> bool:
        return bool(joints and gripper and commands and status and all(jpegs) and said)

    probe.wait(all_there, "an arm, a guard, commands, pictures and a recorder", limit_s=3 * DISCOVERY_LIMIT_S)
    for (_, picture), frame in (
        (pictures[-1], name) for pictures, name in zip(jpegs, ("front_camera", "wrist_camera"))
    ):
        assert "jpeg" in picture.format and picture.header.frame_id == frame
        assert cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)
    start = lambda: probe.call(Trigger, "recorder_node/start", Trigger.Request()).success  # noqa: E731
    probe.wait(start, "an episode that has begun", meanwhile=rearm)

    def away(message: JointState) -> float:
        """Of the joint that is furthest from its target [rad]."""
        q = [message.position[list(message.name).index(name)] for name in SO101.arm.joints]
        return float(np.abs(np.array(q) - TARGET).max())

    assert away(joints[0][1]) > 0.1, "an arm that is there already shows nothing"
    probe.wait(lambda: away(joints[-1][1]) < 0.01, "joints at their target", 4 * DISCOVERY_LIMIT_S, rearm)
    assert list(commands[-1][1].name) == SO101.arm.joints and len(commands[-1][1].velocity) == 5
    assert list(gripper[-1][1].name) == [SO101.gripper.joint]
    np.testing.assert_allclose(gripper[-1][1].position[0], OPENING_M, atol=0.003)
    probe.wait(lambda: recorded_steps(said) > 12, "an episode of some steps", 2 * DISCOVERY_LIMIT_S, rearm)
    assert probe.call(Trigger, "recorder_node/stop_success", Trigger.Request()).success
    probe.wait(lambda: bool(episode_paths(tmp_path / "kept")), "the episode")
    (path,) = episode_paths(tmp_path / "kept")
    episode = read_episode(path)
    assert episode.values["so101/joints/angle"].shape[1:] == (5,) and episode.actions.shape[1] == 6
    assert all(episode.values[key].shape[1:] == (128, 128, 3) for key in SO101.image_keys)
    proposed = [row for row, tick in zip(episode.actions, episode.ticks) if tick["label_from"] == "policy"]
    assert proposed and all(np.abs(row[:5] - TARGET).max() < 1e-6 for row in proposed)
    kinds = {one.kind for one in inspect_episode(path, SO101).problems}
    # Whatever a busy machine does to the times of messages, the content is whole.
    assert not kinds & {"schema", "contract", "digest", "unreadable", "label_range", "not_finite", "image_size"}, kinds


def recorded_steps(said) -> int:
    found = {value.key: value.value for value in said[-1][1].values}
    return int(found.get("steps", 0))
