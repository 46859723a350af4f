"""What the recorder writes as label and as executed, of robots with other actions."""

import numpy as np
import pytest

from gato_ros.bench.guard.variants import REACH_S, VARIANTS, variant
from gato_ros.core.guard.arbiter import HUMAN, POLICY
from gato_ros.core.guard.proposal import Proposal
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.recorder.raw_topics import recorded
from gato_ros.nodes.recorder.step_action import StepAction, proposal_roles
from tests.core.other_arms import INSIDE

SAWYER = load_embodiment()
Q = np.array(INSIDE[7])
BY_HAND = np.array([0.02, -0.01, 0.03, 0.0, 0.0, 0.2])
SPEED = np.array([0.1, -0.05, 0.02, 0.03, -0.02, 0.05, 0.1])


def of(kind):
    robot = variant(SAWYER, kind)
    kinematics = Kinematics(robot)
    return robot, StepAction(robot, kinematics), kinematics.tool(Q)


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_policy_s_label_is_what_it_proposed(kind):
    robot, actions, _ = of(kind)
    values = np.linspace(-1, 1, len(robot.arm_part.lower))
    action = actions.wanted(Proposal(values, 0.03, 0.0, 0.0, POLICY), None)
    np.testing.assert_array_equal(action.as_vector(), [*values, 0.03])


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_person_s_twist_becomes_an_action_that_does_the_same(kind):
    _, actions, tool = of(kind)
    proposal = Proposal(BY_HAND, 0.03, 0.0, 0.0, HUMAN)
    assert actions.wanted(proposal, None) is None
    values = actions.wanted(proposal, Q).values["arm"]
    axes = tool.rotation if kind == "twist_tool" else np.eye(3)
    if kind.startswith("twist"):
        moved = np.append(axes @ values[:3], axes @ values[3:])
    else:
        speed = {"joint_position": (values - Q) / REACH_S, "joint_delta": values * 20.0}.get(kind, values)
        moved = tool.jacobian @ speed
    np.testing.assert_allclose(moved, BY_HAND, atol=3e-3)


@pytest.mark.parametrize("kind", VARIANTS)
def test_what_was_executed_is_what_the_guard_commanded(kind):
    robot, actions, tool = of(kind)
    values = actions.executed([0.5 * SPEED, 1.5 * SPEED], Q, 0.02).values["arm"]
    axes = tool.rotation.T if kind == "twist_tool" else np.eye(3)
    twist = tool.jacobian @ SPEED
    wanted = {
        "joint_velocity": SPEED,
        "joint_position": Q + SPEED * REACH_S,
        "joint_delta": SPEED / robot.control_rate_hz,
    }.get(kind, np.append(axes @ twist[:3], axes @ twist[3:]))
    np.testing.assert_allclose(values, wanted, atol=1e-12)
    still = actions.executed([], Q, 0.02).as_vector()
    np.testing.assert_array_equal(still, [*(Q if kind == "joint_position" else np.zeros(len(wanted))), 0.02])


def test_the_roles_of_proposals_are_those_that_are_kept():
    for robot in (SAWYER, variant(SAWYER, "joint_velocity")):
        kept = {role for role, *_ in recorded(robot)}
        assert {role for pair in proposal_roles(robot).values() for role in pair} <= kept
