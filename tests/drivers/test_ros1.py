"""What only a real ROS 1 shows: `make sawyer-ros1`. The rest of its tests are the suites that run without one, too."""

import json
import subprocess

import pytest

from gato_ros.drivers.sawyer_agent.frames import Hello, Welcome
from tests.drivers.ros1.master import PYTHON, Master
from tests.drivers.sawyer_cell import ROS1, STROKE_M, Cell
from tests.drivers.test_sawyer_agent import JOINTS, reachable, talk

pytestmark = pytest.mark.skipif(not ROS1, reason="needs Debian's ROS 1: make sawyer-ros1")

CHECKSUMS = {
    "CollisionDetectionState": "7bde38c182b4d08fdc0635b116f65d04",
    "HomingCommand": "ff29c86109f0f4cada5bbde945dd55c4",
    "HomingState": "eacb82bc7d74638daa749d9caab52b99",
    "IOComponentCommand": "ede95ba2953dc221dc82cac20f697530",
    "IODeviceConfiguration": "6757fad6217033498191470cb08f1674",
    "IODeviceStatus": "0d0c97a2d700848e7ad46e09a77cf896",
    "IONodeConfiguration": "66800b32dbb52df00e2454d58668ac33",
    "JointCommand": "c8c85922d297da6209a089a906207e5d",
    "RobotAssemblyState": "df79ce5f75a6b23626e9fcdf1cc4d298",
}
"""Of intera_core_msgs 5.3, by genmsg: a robot accepts no connection with another."""


def test_messages_have_the_checksums_of_the_robots(tmp_path):
    program = "import json, sys; import intera_core_msgs.msg as m; "
    program += "print(json.dumps({name: getattr(m, name)._md5sum for name in sys.argv[1:]}))"
    with Master(tmp_path) as master:
        environment = {**master.environment, "PYTHONPATH": str(master.path[0])}
        found = subprocess.run([PYTHON, "-c", program, *CHECKSUMS], env=environment, capture_output=True, text=True)
    assert json.loads(found.stdout or "{}") == CHECKSUMS, found.stderr


def test_the_agent_publishes_nothing_that_suppresses_a_safeguard():
    program = "import json, rosgraph; print(json.dumps(rosgraph.Master('/test').getSystemState()[0]))"
    with Cell() as cell:
        cell.wait(lambda truth: reachable(cell.port), "the agent")
        # It welcomes a driver when all that it needs of the SDK is there, and then sets the robot's timeout.
        assert isinstance(talk(cell, Hello(0.15, STROKE_M, JOINTS))[0], Welcome)
        state = subprocess.run([PYTHON, "-c", program], env=cell.ros1_environment, capture_output=True, text=True)
    published = {topic for topic, nodes in json.loads(state.stdout) if "/gato_ros_sawyer_agent" in nodes}
    assert {"/robot/set_homing_mode", "/robot/limb/right/joint_command_timeout"} <= published
    assert not [topic for topic in published if "suppress" in topic or "trajectory" in topic]
