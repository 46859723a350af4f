"""A second arm's contract, beside the first one's, which it may not change."""

import json
import os
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pinocchio
import pybullet_data
import pytest
import yaml

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER
from gato_ros.embodiments.contract_check import survey
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.loading import FOLDERS
from gato_ros.embodiments.privileged import with_privileged

PANDA = "panda_rgb_stacking"
SHIPPED = (
    *("sawyer_rgb_stacking", "sawyer_rgb_stacking_told", PANDA, f"{PANDA}_told", "ur5e_rgb_stacking"),
    "so101_rgb_stacking",
)


def test_shipped_arms_are_those_that_weights_and_recordings_were_made_with():
    robot = load_embodiment()
    assert robot.digest == "f0eb3eb7d56d4cb5772b0276a4204a3be2f8e938fe8e10a6a8ecea4a6f3ec831"
    assert robot.guard_digest == "c8379d55353f256b43c4e80d3edcbd1c17d64bc64e7464df7da7f18e00b6929a"
    for path in (FOLDER.parent / "models" / "weights").glob("*/config.json"):
        config = json.loads(path.read_text())
        contracts = (config["embodiment"], *config.get("others", ()))
        # A generalist names many contracts, of which the arms' are some.
        digests = {contract["name"]: contract["digest"] for contract in contracts if contract["name"] in SHIPPED}
        assert digests, path
        assert digests == {name: load_embodiment(name).digest for name in digests}, path


@pytest.fixture
def panda():
    return load_embodiment(PANDA)


@pytest.fixture(scope="module")
def published():
    """The Panda that comes with PyBullet."""
    return os.path.join(pybullet_data.getDataPath(), "franka_panda", "panda.urdf")


def test_its_kinematics_are_those_of_the_published_model(panda, published):
    model = pinocchio.buildModelFromUrdf(published)
    data, ours = model.createData(), Kinematics(panda)
    lower, upper, _ = panda.joint_limits
    for q in np.random.default_rng(0).uniform(lower, upper, (20, 7)):
        pinocchio.framesForwardKinematics(model, data, np.append(q, [0.0, 0.0]))
        theirs, (position, rotation) = data.oMf[model.getFrameId("panda_hand")], ours.wrist(q)
        np.testing.assert_allclose(position, theirs.translation, atol=1e-9)
        np.testing.assert_allclose(rotation, theirs.rotation, atol=1e-9)


def test_its_joint_limits_are_the_published_ones(panda, published):
    rows = []
    for joint in ElementTree.parse(published).getroot().iter("joint"):
        if joint.get("name") in panda.arm.joints:
            soft = joint.find("safety_controller").attrib
            rows.append(
                [
                    float(soft["soft_lower_limit"]),
                    float(soft["soft_upper_limit"]),
                    float(joint.find("limit").get("velocity")),
                ]
            )
    np.testing.assert_allclose(np.array(panda.joint_limits).T, rows)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_arm_reaches_its_workspace(name):
    robot = load_embodiment(name)
    found = survey(robot)
    assert list(found.problems(robot)) == [] and found.reached[0] == found.places == 75


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limits": {"workspace_upper_m": [0.95, 0.125, 0.2698]}}, "of 75 places"),
        ({"arm": {"posture_rad": [0.0, 0.354, 0.0, -2.024, 0.0, 1.378, 0.785]}}, "points 57 degrees away"),
        ({"arm": {"posture_rad": [1.5, 0.354, 0.0, -2.024, 0.0, 2.378, 0.785]}}, "not over the workspace"),
        ({"guard": {"singularity": {"slow": 0.2}}}, "singularity.slow is 0.2"),
        ({"guard": {"clearance": {"distance_m": 0.05}}}, "clearance.distance_m is 0.05"),
        ({"actions": {"twist": {"lower": [-0.5, -0.5, -0.5, -1.0]}}}, "times a joint's speed"),
    ],
)
def test_what_would_keep_an_arm_from_its_work_is_reported(tmp_path, change, said):
    path = tmp_path / "arm.yaml"
    path.write_text(yaml.safe_dump({"extends": PANDA, "name": "arm", **change}))
    robot = load_embodiment(path)
    problems = list(survey(robot).problems(robot))
    assert any(said in problem for problem in problems), problems


@pytest.fixture
def folder(tmp_path):
    """A folder of a user's own, with copies of the Panda's two files under another name."""
    shutil.copy(FOLDER / "panda_hand.urdf", tmp_path / "my_arm.urdf")
    content = yaml.safe_load((FOLDER / f"{PANDA}.yaml").read_text())
    (tmp_path / "my_arm.yaml").write_text(yaml.safe_dump({**content, "name": "my_arm", "urdf": "my_arm.urdf"}))
    return tmp_path


def test_a_contract_lies_anywhere_with_its_urdf_beside_it(folder, monkeypatch):
    robot = load_embodiment(folder / "my_arm.yaml")
    assert robot.urdf_path == folder / "my_arm.urdf"
    assert with_privileged(robot).urdf_path == robot.urdf_path
    with pytest.raises(SetupError, match="an embodiment"):
        load_embodiment("my_arm")
    monkeypatch.setenv(FOLDERS, str(folder))  # recordings hold the name
    assert load_embodiment("my_arm").digest == robot.digest
    monkeypatch.setenv(FOLDERS, str(folder / "nowhere"))
    with pytest.raises(SetupError, match="no folder .*nowhere"):
        load_embodiment("my_arm")
    moved = folder / "elsewhere"
    moved.mkdir()
    for file in ("my_arm.yaml", "my_arm.urdf"):
        shutil.move(folder / file, moved / file)
    assert load_embodiment(moved / "my_arm.yaml").digest == robot.digest, "where it lies is no part of the robot"


def test_a_file_that_is_called_otherwise_than_its_robot_is_refused_by_name(folder, monkeypatch):
    (folder / "my_arm.yaml").rename(folder / "an_arm.yaml")
    monkeypatch.setenv(FOLDERS, str(folder))
    with pytest.raises(SetupError, match="name: an_arm"):
        load_embodiment("an_arm")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name="panda_joint3" type="revolute"', 'name="panda_joint3" type="continuous"', "panda_joint3.*revolute"),
        (
            'upper="-0.0698" effort="87" velocity="2.175"',
            'upper="-0.0698" effort="87"',
            "panda_joint4.*without velocity",
        ),
        ("</robot>", "", "XML in"),
        ('link name="panda_hand_tcp"', 'link name="tcp"', "panda_hand_tcp"),
        ('lower="0" upper="0.04"', 'lower="0" upper="0.02"', "half the stroke"),
        ('name="panda_finger_joint2" type="prismatic"', 'name="panda_finger_joint2" type="revolute"', "prismatic"),
        (
            '<link name="panda_link0">',
            '<link name="world"/><joint name="j" type="fixed"><parent link="world"/>'
            '<child link="panda_link0"/></joint><link name="panda_link0">',
            "first link.*world",
        ),
    ],
)
def test_a_urdf_that_nobody_here_could_use_is_refused(folder, before, after, said):
    text = (folder / "my_arm.urdf").read_text()
    assert before in text
    (folder / "my_arm.urdf").write_text(text.replace(before, after))
    with pytest.raises(SetupError, match=said):
        load_embodiment(folder / "my_arm.yaml")


@pytest.mark.parametrize(
    ("before", "after", "off"),
    [
        ('<origin xyz="0 0 0.1034" rpy="0 0 0"/>', '<origin xyz="0.02 0 0.1034" rpy="0 0 0"/>', "20.0 mm beside"),
        ('<origin xyz="0 0 0.1034" rpy="0 0 0"/>', '<origin xyz="0 0 0.1034" rpy="0.1 0 0"/>', "5.7 degrees off"),
    ],
)
def test_a_tool_beside_the_last_joints_axis_is_refused(folder, before, after, off):
    text = (folder / "my_arm.urdf").read_text()
    (folder / "my_arm.urdf").write_text(text.replace(before, after))
    with pytest.raises(SetupError, match=off):
        Kinematics(load_embodiment(folder / "my_arm.yaml"))


@pytest.mark.parametrize(
    ("section", "change", "said"),
    [
        ("arm", {"posture_rad": [0.0] * 6}, "arm.posture_rad"),
        (
            "observations",
            {
                "panda/joints/angle": {
                    "source": "joint_position",
                    "kind": "continuous",
                    "units": ["rad"],
                    "lower": [-1.0],
                    "upper": [1.0],
                }
            },
            "has 7 values, got 1",
        ),
        (
            "observations",
            {"gripper/opening": {"kind": "discrete", "source": "gripper_grasp", "values": 2}},
            "gripper/opening",
        ),
        ("simulation", {"finger_joints": ["panda_finger_joint1", "panda_finger"]}, "did you mean 'panda_finger_joint"),
        ("simulation", {"fingers": {"yaw_rad": [-1.0, 1.0]}}, "half a turn"),
        ("wire", {"namespace": "/panda"}, "wire.namespace"),
        ("base_frame", "panda_link1", "panda_link0"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(tmp_path, section, change, said):
    path = tmp_path / "arm.yaml"
    path.write_text(yaml.safe_dump({"extends": PANDA, "name": "arm", section: change}))
    with pytest.raises(SetupError, match=said):
        load_embodiment(path)
