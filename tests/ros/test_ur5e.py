"""The UR5e through real nodes: a policy's six-part twists, the guard, the simulator, and its wrist camera as JPEG."""

import json

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_srvs.srv import Trigger

from gato_ros.data.checks.verification import inspect_episode
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.runtime.qos import CAMERA, REPORT
from tests.ros.conftest import DISCOVERY_LIMIT_S

UR5E = load_embodiment("ur5e_rgb_stacking")
VALUES = np.array([0.02, -0.015, -0.02, 0.08, -0.1, 0.15])
WHICH = ("-p", f"embodiment:={UR5E.name}")


def test_it_moves_is_seen_by_its_wrist_camera_and_recorded(processes, probe, tmp_path, monkeypatch):
    monkeypatch.setenv("GATO_ROS_TEST_ACTION", json.dumps([[0.0] * 6, VALUES.tolist()]))
    wrist, left = UR5E.cameras["wrist/pixels"], UR5E.cameras["basket_front_left/pixels"]
    joints = probe.listen(JointState, UR5E.wire.joint_states.topic, REPORT)
    commands = probe.listen(JointState, UR5E.wire.arm_command, REPORT)
    status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
    jpegs = probe.listen(CompressedImage, wrist.topic, CAMERA)
    raw = probe.listen(Image, left.topic, CAMERA)
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
        return bool(commands and joints and status and jpegs and raw and said)

    probe.wait(all_there, "an arm, a guard, commands, pictures and a recorder", limit_s=3 * DISCOVERY_LIMIT_S)
    picture = jpegs[-1][1]
    assert "jpeg" in picture.format and picture.header.frame_id == "wrist_camera"
    pixels = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (480, 640, 3) and pixels.std() > 10
    assert (raw[-1][1].width, raw[-1][1].encoding) == (128, "rgb8")
    start = lambda: probe.call(Trigger, "recorder_node/start", Trigger.Request()).success  # noqa: E731
    probe.wait(start, "an episode that has begun", meanwhile=rearm)
    kinematics = Kinematics(UR5E)

    def as_proposed() -> bool:
        names = list(joints[-1][1].name)
        q = np.array([joints[-1][1].position[names.index(name)] for name in UR5E.arm.joints])
        twist = kinematics.tool(q).jacobian @ np.array(commands[-1][1].velocity)
        return min(np.abs(twist - VALUES).max(), np.abs(twist + VALUES).max()) < 0.015

    probe.wait(as_proposed, "a command that moves the tool as proposed", 2 * DISCOVERY_LIMIT_S, rearm, every_s=0.005)
    probe.wait(lambda: recorded_steps(said) > 12, "an episode of some steps", 2 * DISCOVERY_LIMIT_S, rearm)
    assert probe.call(Trigger, "recorder_node/stop_success", Trigger.Request()).success
    probe.wait(lambda: bool(episode_paths(tmp_path / "kept")), "the episode")
    (path,) = episode_paths(tmp_path / "kept")
    episode = read_episode(path)
    assert episode.values["wrist/pixels"].shape[1:] == (128, 128, 3) and episode.actions.shape[1] == 7
    proposed = [row for row, tick in zip(episode.actions, episode.ticks) if tick["label_from"] == "policy"]
    assert proposed and all(np.abs(np.abs(row[:6]) - np.abs(VALUES)).max() < 1e-6 for row in proposed)
    kinds = {one.kind for one in inspect_episode(path, UR5E).problems}
    # Whatever a busy machine does to the times of messages, the content is whole.
    assert not kinds & {"schema", "contract", "digest", "unreadable", "label_range", "not_finite", "image_size"}, kinds


def recorded_steps(said) -> int:
    found = {value.key: value.value for value in said[-1][1].values}
    return int(found.get("steps", 0))
