"""Episodes of robots with other actions: written, read back, judged."""

import numpy as np
import pytest

from gato_ros.bench.guard.variants import KINDS, variant
from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.data.checks.verification import inspect_episode
from gato_ros.data.episodes.episode import EpisodeWriter, read_episode
from gato_ros.data.episodes.message_stream import MessageStream
from gato_ros.data.episodes.prompt import read_prompt
from gato_ros.data.episodes.statistics import action_labels
from gato_ros.data.exports.value_names import ACTION_NAMES, action_names
from gato_ros.embodiments import load_embodiment

SAWYER, UR5E = load_embodiment(), load_embodiment("ur5e_rgb_stacking")
ROBOTS = {"ur5e": UR5E, **{kind: variant(SAWYER, kind) for kind in KINDS}}
ROBOTS["by_joint"] = ROBOTS["joint_position"].model_copy(
    update={
        "gripper": SAWYER.gripper.model_copy(update={"joint_range_rad": (0.8, 0.0)}),
        "actions": {
            **ROBOTS["joint_position"].actions,
            "gripper": SAWYER.gripper_part.model_copy(
                update={"by": "joint_position", "units": ["rad"], "upper": [0.8]}
            ),
        },
    }
)


def drawn(robot, rng):
    return Action.of_vector(rng.uniform(robot.action_lower, robot.action_upper), robot.spec.actions)


def write(folder, robot, labels, executed):
    with EpisodeWriter(folder, "x", robot, {"task": "t"}) as writer:
        for step, (label, done) in enumerate(zip(labels, executed, strict=True)):
            values = {"gripper/opening": np.zeros(1, np.float32)}
            writer.add(step, Observation(values, step / 20), label, done)
        return writer.close({"success": True})


@pytest.mark.parametrize("kind", ROBOTS)
def test_labels_and_what_was_executed_come_back(tmp_path, kind):
    robot, rng = ROBOTS[kind], np.random.default_rng(0)
    labels, executed = ([drawn(robot, rng) for _ in range(4)] for _ in range(2))
    path = write(tmp_path, robot, labels, executed)
    episode = read_episode(path)
    for found, written in ((episode.actions, labels), (episode.executed, executed)):
        np.testing.assert_allclose(found, [one.as_vector() for one in written], rtol=1e-6)
    assert not [one for one in inspect_episode(path, robot).problems if one.kind != "unknown_contract"]
    prompt = read_prompt(path, robot, ("gripper/opening",), 2)
    np.testing.assert_allclose(prompt.actions[1].as_vector(), executed[1].as_vector(), rtol=1e-6)


def test_its_labels_are_on_the_topics_that_a_policy_proposes_on(tmp_path):
    robot, rng = ROBOTS["joint_velocity"], np.random.default_rng(0)
    path = write(tmp_path, robot, [drawn(robot, rng)], [drawn(robot, rng)])
    stream = MessageStream(path, "", "")
    assert list(stream)
    channel = stream.channels[robot.proposal_topics[0]]
    assert channel.message_type == "sensor_msgs/msg/JointState"
    assert channel.metadata == {"role": "label", "part": "arm", "form": "velocity"}


def test_the_usual_action_s_channels_say_no_more_than_before(tmp_path):
    action = Action({"twist": np.zeros(4), "gripper": 0.0})
    stream = MessageStream(write(tmp_path, SAWYER, [action], [action]), "", "")
    assert list(stream)
    assert stream.channels[SAWYER.wire.proposal_twist].metadata == {"role": "label"}


def test_a_label_out_of_range_is_named(tmp_path):
    most = UR5E.action_upper.copy()
    most[4] *= 1.2
    action = Action.of_vector(most, UR5E.spec.actions)
    path = write(tmp_path, UR5E, [action], [Action.of_vector(0.5 * most, UR5E.spec.actions)])
    texts = [one.text for one in inspect_episode(path, UR5E).problems]
    assert any("wy_rad_s 0.6" in text and "-0.5 to 0.5" in text for text in texts), texts


def test_an_episode_is_not_taken_for_another_robot_s(tmp_path):
    action = Action({"twist": np.zeros(4), "gripper": 0.0})
    path = write(tmp_path, SAWYER, [action], [action])
    texts = [one.text for one in inspect_episode(path, UR5E).problems]
    assert any("4 values, by contract 6" in text for text in texts), texts


def test_values_have_names_with_units():
    assert action_names(SAWYER) == ACTION_NAMES
    assert action_names(UR5E)[3:] == ("wx_rad_s", "wy_rad_s", "wz_rad_s", "gripper_opening_m")
    assert action_names(ROBOTS["by_joint"])[-2:] == ("right_j6_rad", "gripper_position_rad")
    assert action_labels(5, SAWYER) == ("vx", "vy", "vz", "wz", "opening")
    assert action_labels(7, UR5E) == ("vx", "vy", "vz", "wx", "wy", "wz", "gripper")
    assert action_labels(3, None) == ("value 0", "value 1", "value 2")
