import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER
from gato_ros.embodiments.link_poses import LinkPoses
from gato_ros.embodiments.urdf_parts import attribute, child_of

ROBOT = load_embodiment()
CONTROL = '<ros2_control name="arm" type="system"><joint name="{}"><command_interface name="velocity"/></joint>'


def test_joints_of_a_control_section_are_no_others(tmp_path):
    text = (FOLDER / ROBOT.urdf).read_text()
    control = CONTROL.format(ROBOT.arm.joints[0]) + "</ros2_control>"
    (tmp_path / ROBOT.urdf).write_text(text.replace("</robot>", control + "</robot>"))
    robot = ROBOT.found_in(tmp_path)
    assert robot.urdf_path.parent == tmp_path
    np.testing.assert_array_equal(robot.joint_limits, ROBOT.joint_limits)
    assert robot.policy_contract(robot.observation_keys) == ROBOT.policy_contract(ROBOT.observation_keys)
    q = np.array(ROBOT.arm.posture_rad)
    assert [one.child for one in LinkPoses(robot).at(q, 0.0)] == [one.child for one in LinkPoses(ROBOT).at(q, 0.0)]


def test_a_part_that_is_missing_is_named():
    joint = ElementTree.fromstring('<joint name="wrist" type="fixed"/>')
    assert attribute(joint, "type") == "fixed"
    with pytest.raises(SetupError, match="a <limit> in <joint> wrist of the URDF"):
        child_of(joint, "limit")
    with pytest.raises(SetupError, match="`name` in <joint> of the URDF"):
        attribute(ElementTree.fromstring("<joint/>"), "name")
