"""Bags of robots that are commanded by joint positions, or by all six components of a twist. No node runs."""

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.imports.mapping import ImportMapping
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.bags.import_bags import check_for_bags, import_bags
from gato_ros.nodes.messages.clocks import stamp_of
from gato_ros.nodes.messages.image import jpeg_from_rgb, message_from_rgb
from gato_ros.nodes.messages.proposal import policy_messages, proposal_messages
from tests.ros.test_bag_import import bag

SO101, UR5E = (load_embodiment(name) for name in ("so101_rgb_stacking", "ur5e_rgb_stacking"))
PAIR = load_embodiment("sawyer_pair_right")
ROBOTS = {"so101": SO101, "ur5e": UR5E}
BEGIN_S, SECONDS = 1000.0, 2.0
BY_HAND = ArmAction(np.array([0.01, 0.02, -0.01, 0.1]), 0.03)
SIX = np.array([0.01, -0.02, 0.03, 0.1, -0.2, 0.3])


def joints_at(robot, t):
    return np.array(robot.arm.posture_rad) + 0.02 * t


def action_at(robot, t) -> Action:
    """What a policy proposes then."""
    values = joints_at(robot, t + 0.1) if robot.arm_part.standstill is None else SIX[: len(robot.arm_part.lower)] * t
    if robot.usual_actions:
        return ArmAction(values, robot.gripper.stroke_m)
    return Action({robot.arm_key: values, robot.gripper_key: robot.gripper.stroke_m * (t > 1)})


def messages_of(robot, commands=("policy",), until_s=SECONDS):
    """(topic, type, time of receipt [s], message as bytes), in the order of receipt; commands end at `until_s`."""
    wire, found = robot.wire, []

    def say(topic, t, message, late_s):
        kind = f"{type(message).__module__.split('.')[0]}/msg/{type(message).__name__}"
        found.append((f"/{wire.namespace}/{topic}", kind, BEGIN_S + t + late_s, serialize_message(message)))

    def at(message, t):
        message.header.stamp = stamp_of(BEGIN_S + t)
        return message

    for i in range(int(100 * SECONDS)):
        t = i / 100
        q = joints_at(robot, t)
        arm = JointState(name=robot.arm.joints, position=q.tolist(), velocity=[0.02] * len(q))
        say(wire.joint_states.topic, t, at(arm, t), 0.001)
        opening = JointState(name=[robot.gripper.joint], position=[0.01 + 0.01 * t], effort=[0.0])
        say(wire.gripper_states.topic, t, at(opening, t), 0.001)
    for i in range(int(20 * SECONDS)):
        t = i / 20
        for camera in robot.cameras.values():
            pixels = np.zeros((camera.camera.height, camera.camera.width, 3), np.uint8)
            pixels[:] = (np.arange(camera.camera.width) // 4 + 2 * i)[:, None] % 256
            made = jpeg_from_rgb if camera.type.endswith("CompressedImage") else message_from_rgb
            say(camera.topic, t, at(made(pixels, camera.frame_id), t), 0.010)
        if t >= until_s:
            continue
        if "policy" in commands:
            sent = policy_messages(robot, action_at(robot, t), stamp_of(BEGIN_S + t))
            for topic, message in zip(robot.proposal_topics, sent, strict=True):
                say(topic, t, message, 0.002)
        if "human" in commands:
            sent = proposal_messages(robot, BY_HAND, stamp_of(BEGIN_S + t))
            for topic, message in zip((wire.human_twist, wire.human_gripper), sent, strict=True):
                say(topic, t, message, 0.002)
    return sorted(found, key=lambda one: one[2])


def imported(folder, robot, messages, mapping=None):
    """The only episode, and when its steps were [s]."""
    bag(folder / "one", messages)
    mapping = mapping and ImportMapping.model_validate(mapping)
    check_for_bags(mapping, robot)
    found = import_bags(folder / "one", robot, mapping, folder / "in", task="lift")
    assert (found.episodes, found.left_out) == (1, {}), found
    episode = read_episode(episode_paths(folder / "in")[0])
    return episode, episode.stamps_s - BEGIN_S


@pytest.mark.parametrize("kind", ROBOTS)
def test_what_a_policy_proposed_is_the_action(tmp_path, kind):
    robot = ROBOTS[kind]
    episode, times = imported(tmp_path, robot, messages_of(robot))
    assert len(times) > 32 and episode.actions.shape[1] == len(robot.action_lower)
    wanted = np.array([action_at(robot, t).values[robot.arm_key] for t in times])
    # At most the next proposal: it may be there before the tick.
    np.testing.assert_allclose(episode.actions[:, :-1], wanted, atol=0.055 * 0.3)
    sure = np.abs(times - 1) > 0.11
    np.testing.assert_allclose(episode.actions[sure, -1], robot.gripper.stroke_m * (times[sure] > 1), atol=1e-6)
    key = robot.key_of("joint_position")
    np.testing.assert_allclose(episode.values[key], [joints_at(robot, t) for t in times], atol=1e-3)
    assert all(episode.values[key].shape[1:] == (128, 128, 3) for key in robot.image_keys)


@pytest.mark.parametrize("kind", ROBOTS)
def test_what_a_person_drove_becomes_an_action_that_does_the_same(tmp_path, kind):
    """A person's commands go before a policy's."""
    robot = ROBOTS[kind]
    episode, times = imported(tmp_path, robot, messages_of(robot, ("policy", "human"), until_s=1.0))
    kinematics, rows = Kinematics(robot), np.flatnonzero((times > 0.2) & (times < 0.9))
    assert len(rows) > 5
    for row in rows:
        q = episode.values[robot.key_of("joint_position")][row].astype(np.float64)
        values = episode.actions[row, :-1]
        moved = values
        if robot is SO101:  # five joints: the tool's point goes where it is wanted, its tilt as it can
            moved = kinematics.tool(q).jacobian @ ((values - q) / robot.arm_part.reach_s)
        np.testing.assert_allclose(moved[:3], BY_HAND.twist[:3], atol=3e-3)
        assert episode.actions[row, -1] == pytest.approx(BY_HAND.gripper_opening_m)
    silent = times > 1.0 + 0.35
    still = episode.values[robot.key_of("joint_position")] if robot is SO101 else np.zeros((len(times), 6))
    np.testing.assert_allclose(episode.actions[silent, :-1], still[silent], atol=1e-4)


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_target_holds_and_a_motion_ends(tmp_path, kind):
    robot = ROBOTS[kind]
    episode, times = imported(tmp_path, robot, messages_of(robot, until_s=1.0))
    late, part = times > 1.35, robot.arm_part
    last = action_at(robot, 0.95).values[robot.arm_key] if part.standstill is None else np.zeros(len(part.lower))
    assert late.sum() > 5
    np.testing.assert_allclose(episode.actions[late, :-1], np.tile(last, (late.sum(), 1)), atol=1e-6)


def test_joint_commands_of_another_controller_are_mapped(tmp_path):
    """In degrees, in another order, beside the gripper's in percent; some out of range, which may be clipped."""
    names = [*reversed(SO101.arm.joints), "jaw"]
    found = messages_of(SO101, commands=())
    for i in range(int(30 * SECONDS)):
        t = i / 30
        degrees = np.rad2deg(joints_at(SO101, t + 0.1))
        degrees[4] = 175.0 if t > 1 else 0.0
        message = JointState(name=names, position=[*degrees[::-1], 50.0])
        message.header.stamp = stamp_of(BEGIN_S + t)
        found.append(("/leader/goal", "sensor_msgs/msg/JointState", BEGIN_S + t + 0.002, serialize_message(message)))
    found.sort(key=lambda one: one[2])
    arm = {"from": "/leader/goal", "scale": np.pi / 180, "clip": True}
    gripper = {"from": "/leader/goal", "index": ["position.jaw"], "scale": SO101.gripper.stroke_m / 100}
    mapping = {"action": {"arm": arm, "gripper": gripper}}
    episode, times = imported(tmp_path, SO101, found, mapping)
    np.testing.assert_allclose(episode.actions[:, :4], [joints_at(SO101, t + 0.1)[:4] for t in times], atol=0.02 * 0.06)
    assert episode.actions[:, 4].max() == pytest.approx(SO101.action_upper[4]) and episode.actions[0, 4] == 0.0
    np.testing.assert_allclose(episode.actions[:, 5], SO101.gripper.stroke_m / 2)
    strict = ImportMapping.model_validate({"action": {"arm": {**arm, "clip": False}, "gripper": gripper}})
    found = import_bags(tmp_path / "one", SO101, strict, tmp_path / "strict", task="lift")
    assert found.left_out == {"wrist_roll_rad out of the contract's range": 1}


def test_targets_are_the_next_joints_where_there_are_no_commands(tmp_path):
    arm = {"from": "so101/joints/angle", "of": "next_state"}
    mapping = {"action": {"arm": arm, "gripper": {"from": "gripper/opening", "of": "next_state"}}}
    episode, _ = imported(tmp_path, SO101, messages_of(SO101, commands=()), mapping)
    np.testing.assert_allclose(episode.actions[:-1, :5], episode.values["so101/joints/angle"][1:], atol=1e-6)
    np.testing.assert_allclose(episode.actions[:-1, 5], episode.values["gripper/opening"][1:, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("robot", "action", "said"),
    [
        (SO101, {"twist": {"from": "a"}, "gripper": {"from": "a"}}, "action.arm in the mapping"),
        (UR5E, {"arm": {"from": "a", "of": "next_state"}, "gripper": {"from": "a"}}, "of: next_state"),
        (PAIR, {"arm": {"from": "a"}, "gripper": {"from": "a"}}, "action.twist in the mapping"),
    ],
)
def test_a_mapping_to_another_kind_of_action_is_refused(robot, action, said):
    with pytest.raises(SetupError, match=said):
        check_for_bags(ImportMapping.model_validate({"action": action}), robot)


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"from": "proposal/joints", "index": ["position.elbow_flex"]}, "5 fields of /so101/proposal/joints"),
        ({"from": "gripper/opening", "of": "next_state"}, "5 values of gripper/opening"),
    ],
)
def test_too_few_values_are_refused_in_one_line(tmp_path, arm, said):
    bag(tmp_path / "one", messages_of(SO101)[:50] + messages_of(SO101)[-50:])
    mapping = ImportMapping.model_validate({"action": {"arm": arm, "gripper": {"from": "proposal/gripper"}}})
    with pytest.raises(SetupError, match=said):
        import_bags(tmp_path / "one", SO101, mapping, tmp_path / "in", task="lift")


def test_an_arm_of_a_pair_is_read_from_its_own_namespace(tmp_path):
    """One bag may hold both: the contract says whose it is."""
    left = load_embodiment("sawyer_pair_left")
    both = messages_of(PAIR, ("human",)) + messages_of(left, ("policy",))
    episode, times = imported(tmp_path, PAIR, sorted(both, key=lambda one: one[2]))
    np.testing.assert_allclose(episode.actions[times > 0.2, :4], np.tile(BY_HAND.twist, ((times > 0.2).sum(), 1)))
