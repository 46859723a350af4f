"""The forms in which the guard can send joint velocities: as mathematics, then each over DDS from a running guard."""

import importlib.util
import re
from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.guard.arm_command import MESSAGES, ArmCommands, demand_joint_state, joint_velocity_of
from gato_ros.nodes.messages.joint_state import JointsRefused
from gato_ros.nodes.runtime.qos import REPORT
from tests.ros.guard_scene import Scene
from tests.ros.still_robot import ANGLES

TRAJECTORIES = pytest.mark.skipif(
    importlib.util.find_spec("trajectory_msgs") is None, reason="trajectory_msgs is not installed here"
)
KINDS = [pytest.param(kind, marks=TRAJECTORIES if kind == "joint_trajectory" else ()) for kind in MESSAGES]
OTHER_KINDS = KINDS[1:]
VELOCITY = np.array([0.1, -0.2, 0.3, 0.05, -0.1, 0.2, 0.4])
TOPIC = "controller/commands"


def contract(folder, kind: str) -> str:
    path = folder / f"{kind}.yaml"
    path.write_text(f"extends: sawyer_rgb_stacking\nwire: {{arm_command: {TOPIC}, arm_command_kind: {kind}}}\n")
    return str(path)


@pytest.fixture
def commands(tmp_path):
    return lambda kind: ArmCommands(load_embodiment(contract(tmp_path, kind)))


@pytest.fixture(scope="module")
def state():
    return Kinematics(load_embodiment()).state(np.array(ANGLES), np.zeros(7), 0.0, 0.0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "twist" not in kind.values])
def test_the_velocities_can_be_read_back(commands, state, kind):
    made = commands(kind)
    message = made.of(VELOCITY, state, Time(sec=5))
    assert joint_velocity_of(made._robot, message) == pytest.approx(VELOCITY)
    if kind != "float64_multi_array":
        assert message.header.stamp.sec == 5


def test_an_array_of_another_length_is_refused(commands):
    with pytest.raises(JointsRefused):
        joint_velocity_of(commands("float64_multi_array")._robot, Float64MultiArray(data=[0.1] * 6))


def test_a_twist_is_what_the_joints_do_to_the_tool_and_zero_needs_no_arm(commands, state):
    made, kinematics = commands("twist"), Kinematics(load_embodiment())
    message = made.of(VELOCITY, state, Time(sec=5))
    step_s = 1e-6
    before, after = (kinematics.tool(np.array(ANGLES) + sign * step_s * VELOCITY) for sign in (-0.5, 0.5))
    linear = message.twist.linear
    assert [linear.x, linear.y, linear.z] == pytest.approx((after.position - before.position) / step_s, abs=1e-6)
    turn = (after.rotation - before.rotation) / step_s @ kinematics.tool(np.array(ANGLES)).rotation.T
    angular = message.twist.angular
    assert [angular.x, angular.y, angular.z] == pytest.approx([turn[2, 1], turn[0, 2], turn[1, 0]], abs=1e-5)
    assert message.header.frame_id == "base"
    still = made.of(np.zeros(7), None, Time())
    assert still.twist == TwistStamped().twist


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_is_ever_anything_but_finite_where_the_arms_state_is(commands, state, kind):
    """A stop goes on while joint states are NaN: it goes by where the arm was before."""
    made = commands(kind)
    mad = replace(state, joint_position=state.joint_position * np.nan, jacobian=state.jacobian * np.inf)
    first = made.of(VELOCITY, mad, Time())
    made.of(VELOCITY, state, Time())
    for message in (first, made.of(VELOCITY, mad, Time(nanosec=10_000_000))):
        assert message is None or not re.search(r"\b(nan|inf)\b", str(message))
    assert message is not None
    if kind == "twist":
        assert message.twist == made.of(VELOCITY, state, Time()).twist


@TRAJECTORIES
def test_a_trajectory_ends_at_rest_within_the_timeout_and_near(commands, state):
    made = commands("joint_trajectory")
    timeout_s, largest = made._robot.arm.velocity_timeout_s, 0.0
    assert made.of(VELOCITY, None, Time()) is None
    for tick in range(50):
        message = made.of(VELOCITY, state, Time(nanosec=tick * 10_000_000))
        lead, rest = message.points
        after_s = [point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec for point in (lead, rest)]
        assert 0.0 < after_s[0] < after_s[1] <= timeout_s and not any(rest.velocities)
        assert list(message.joint_names) == made._robot.arm.joints and list(lead.velocities) == VELOCITY.tolist()
        # A cubic between the two points never turns round or overshoots: its end lies half the way of full speed on.
        ahead = np.array(rest.positions) - np.array(lead.positions)
        assert ahead == pytest.approx(0.5 * (after_s[1] - after_s[0]) * VELOCITY)
        largest = max(largest, np.abs(np.array(rest.positions) - ANGLES).max())
    # The arm stands still whatever the command: it is not led further away than the leash, and the way to a stop.
    assert largest <= 0.05 + 0.4 * timeout_s
    # On a stop it is held at one place, not where it has sunk to.
    first, second = (made.of(np.zeros(7), state, Time(nanosec=n)) for n in (600_000_000, 610_000_000))
    assert list(first.points[1].positions) == list(second.points[1].positions)


@pytest.mark.parametrize("package, name", MESSAGES.values())
def test_an_incident_file_can_hold_every_form(package, name):
    assert messages.definition(f"{package}/msg/{name}")


def test_an_unknown_form_is_refused_and_others_are_not_for_our_own_robots(tmp_path):
    with pytest.raises(SetupError, match="arm_command_kind"):
        load_embodiment(contract(tmp_path, "pose"))
    with pytest.raises(SetupError, match="joint_state for sim_node"):
        demand_joint_state(load_embodiment(contract(tmp_path, "twist")), "sim_node")
    demand_joint_state(load_embodiment(), "sim_node")


def test_the_form_of_commands_changes_no_digest_of_recordings(tmp_path):
    plain, other = load_embodiment(), load_embodiment(contract(tmp_path, "twist"))
    named = tmp_path / "named.yaml"
    named.write_text("extends: sawyer_rgb_stacking\nwire: {arm_command_kind: joint_state}\n")
    assert load_embodiment(named).guard_digest == plain.guard_digest != other.guard_digest
    # What it was before there was a choice, and before contracts had a schema.
    assert plain.guard_digest == "c8379d55353f256b43c4e80d3edcbd1c17d64bc64e7464df7da7f18e00b6929a"
    moved = tmp_path / "moved.yaml"
    moved.write_text(f"extends: sawyer_rgb_stacking\nwire: {{arm_command: {TOPIC}}}\n")
    assert load_embodiment(moved).digest == other.digest


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_running_guard_sends_it(processes, probe, tmp_path, kind):
    path = contract(tmp_path, kind)
    made = ArmCommands(load_embodiment(path))
    received = probe.listen(made.message, TOPIC, REPORT)
    scene = Scene(processes, probe, "-p", f"embodiment:={path}", arm=received)
    speeds = {
        "twist": lambda message: [message.twist.linear.x, message.twist.linear.y, message.twist.linear.z],
        "float64_multi_array": lambda message: list(message.data),
        "joint_trajectory": lambda message: list(message.points[0].velocities),
    }[kind]
    fastest = lambda: max(map(abs, speeds(received[-1][1])))
    assert fastest() == 0.0
    jacobian = Kinematics(load_embodiment()).tool(np.array(ANGLES)).jacobian[:3]

    def tool() -> np.ndarray:
        """How the tool would move [m/s]."""
        said = np.array(speeds(received[-1][1]))
        return said if kind == "twist" else jacobian @ said

    # 0.05 m/s along x is proposed, and nothing limits that here.
    probe.wait(
        lambda: np.abs(tool() - [0.05, 0.0, 0.0]).max() < 2e-3,
        "the motion",
        30.0,
        meanwhile=scene.propose,
        every_s=0.02,
    )
    # The policy falls silent: explicit zeros, for none of these has a timeout that we know of.
    probe.wait(lambda: fastest() == 0.0, "zero", 10.0)
    count = len(received)
    probe.wait(lambda: len(received) > count + 20, "more zeros", 10.0)
    assert fastest() == 0.0
    assert not probe.node.get_publishers_info_by_topic(f"/sawyer/{load_embodiment().wire.arm_command}")
    assert JointState is not made.message
