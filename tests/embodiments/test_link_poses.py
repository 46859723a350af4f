import numpy as np
import pytest

from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.link_poses import LinkPoses

ROBOT = load_embodiment()


def base_from(poses, link):
    """[4 4], from the base to a link, by the chain of its parents."""
    above = {pose.child: pose for pose in poses}
    found = np.eye(4)
    while link != ROBOT.base_frame:
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = matrix_from_quat_xyzw(above[link].quat_xyzw), above[link].position
        found, link = step @ found, above[link].parent
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_chain_of_links_ends_where_the_kinematics_has_the_tool(seed):
    lower, upper, _ = ROBOT.joint_limits
    q = np.random.default_rng(seed).uniform(lower, upper)
    poses, tool = LinkPoses(ROBOT).at(q, 0.05), Kinematics(ROBOT).tool(q)
    found = base_from(poses, ROBOT.tool_frame)
    np.testing.assert_allclose(found[:3, 3], tool.position, atol=1e-9)
    np.testing.assert_allclose(found[:3, :3], tool.rotation, atol=1e-9)
    # The fingers are as far apart as the opening says.
    left, right = (base_from(poses, finger)[:3, 3] for finger in ("left_finger", "right_finger"))
    assert np.linalg.norm(left - right) == pytest.approx(0.05)
    assert len({pose.child for pose in poses}) == len(poses) == 11
