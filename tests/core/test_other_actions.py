"""The whole guard on arms that are commanded by six components of a twist, or joint by joint."""

import numpy as np
import pytest

from gato_ros.core.guard.guard import Guard
from gato_ros.core.guard.verdict import Level
from gato_ros.core.records.exact_json import decode, encode
from gato_ros.core.records.journal import Journaled, repeat
from gato_ros.embodiments.guard import make_guard
from tests.core.guarded_arm import ROBOT
from tests.core.other_arms import TICK_S, OtherArm

KINDS = ("twist_base", "twist_tool", "joint_velocity", "joint_position", "joint_delta")


def gentle(arm: OtherArm) -> np.ndarray:
    """Values that move every joint a little, well inside all limits."""
    kind = arm.robot.arm_part.kind
    if kind == "twist":
        return np.array([0.02, 0.01, -0.02, 0.05, -0.05, 0.1])[: arm.size]
    if kind == "joint_velocity":
        return np.full(arm.size, 0.04)
    return np.full(arm.size, 0.002) if arm.robot.arm_part.mode == "delta" else arm.q + 0.03


@pytest.mark.fault("V4")
@pytest.mark.parametrize("joints", [7, 6, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_followed_and_a_stale_proposal_stops(kind, joints):
    arm = OtherArm(kind, joints)
    start = arm.q.copy()
    arm.follow(15, gentle(arm))
    moving = arm.command.joint_velocity
    assert arm.verdict.following and np.abs(moving).max() > 0.01 and np.abs(arm.q - start).max() > 5e-4
    last, speeds = arm.propose(gentle(arm)), []
    for _ in range(30):
        _, verdict = arm.tick(policy=last)
        if not verdict.following:
            speeds.append(np.abs(arm.command.joint_velocity).max())
    assert verdict.reasons == ("stale_proposal",) and len(speeds) >= 20
    assert (np.diff(speeds) <= 0).all() and speeds[-1] == 0.0


@pytest.mark.fault("V1")
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_is_not_finite_latches(kind):
    arm = OtherArm(kind)
    arm.follow(5, gentle(arm))
    broken = gentle(arm)
    broken[-1] = np.nan
    arm.tick(policy=arm.propose(broken))
    assert arm.verdict.level is Level.LATCHED and arm.verdict.reasons[0] == "non_finite_proposal"


def test_a_twist_of_six_moves_the_tool_so():
    arm = OtherArm("twist_base")
    values = [0.02, 0.03, -0.01, 0.1, -0.1, 0.2]
    arm.follow(25, values)
    np.testing.assert_allclose(arm.twist(), values, atol=3e-3)
    assert arm.verdict.level is Level.OK


def test_an_arm_of_five_joints_follows_five_components_of_its_tool():
    arm = OtherArm("twist_tool", 5)
    assert arm.robot.arm_part.components == ["vx", "vy", "vz", "wy", "wz"]
    values = np.array([0.02, 0.01, -0.02, 0.1, 0.2])
    arm.follow(25, values)
    rotation = arm.tool().rotation
    done = np.append(rotation.T @ arm.twist()[:3], rotation.T @ arm.twist()[3:])[[0, 1, 2, 4, 5]]
    np.testing.assert_allclose(done, values, atol=6e-3)


@pytest.mark.fault("V2")
@pytest.mark.parametrize("tilt", [(0.6, 0, 0), (0, -0.6, 0), (0.4, 0.4, 0), (0, 0, 0.6)])
def test_the_tool_stays_in_its_cone_and_its_turn(tilt):
    arm = OtherArm("twist_base", off=("clearance",))
    for _ in range(30):
        arm.follow(10, [0.0, 0.0, 0.0, *tilt])
        assert arm.is_inside()
    assert "orientation" in arm.verdict.reasons or "joints" in arm.verdict.reasons
    assert np.abs(arm.twist()[3:]).max() < 0.1


@pytest.mark.fault("V2")
def test_a_twist_slides_along_the_wall_of_its_room():
    arm = OtherArm("twist_base", off=("clearance",))
    for _ in range(25):
        arm.follow(10, [0.0, 0.06, 0.01, 0.0, 0.0, 0.0])
        assert arm.is_inside()
    assert "workspace" in arm.verdict.reasons
    assert arm.room.upper[1] - 2.5e-3 < arm.tool().position[1] < arm.room.upper[1]
    assert arm.twist()[2] == pytest.approx(0.01, abs=2e-3), "up along the wall it goes on"


@pytest.mark.fault("V3")
@pytest.mark.parametrize("kind", ["joint_velocity", "joint_position"])
@pytest.mark.parametrize("joint", [0, 1, 5])
def test_joints_that_lead_the_tool_out_stop_before_the_wall(kind, joint):
    arm = OtherArm(kind, off=("clearance",))
    wish = np.zeros(7) if kind == "joint_velocity" else arm.q.copy()
    wish[joint] += 0.4 if kind == "joint_velocity" else 1.0
    for _ in range(18):
        arm.follow(10, wish)
        assert arm.is_inside()
    assert {"workspace", "orientation"} & set(arm.verdict.reasons)
    assert np.abs(arm.command.joint_velocity).max() < 0.02
    back = -wish if kind == "joint_velocity" else arm.q - (np.arange(7) == joint) * 0.1
    arm.follow(20, back)
    assert arm.command.joint_velocity[joint] < -0.05, "and turn back at once"


def test_a_target_is_reached_and_not_passed():
    arm = OtherArm("joint_position")
    target = arm.q + np.array([0.02, 0.01, -0.02, 0.01, 0.03, -0.02, 0.1])
    furthest = np.zeros(7)
    sign, start = np.sign(target - arm.q), arm.q.copy()
    for _ in range(16):
        arm.follow(5, target)
        furthest = np.maximum(furthest, (arm.q - target) * sign)
    np.testing.assert_allclose(arm.q, target, atol=5e-4)
    assert (furthest < 0.02 * np.abs(target - start)).all()
    assert np.abs(arm.command.joint_velocity).max() < 5e-3


def test_steps_of_a_delta_add_up():
    arm = OtherArm("joint_delta")
    start, step = arm.q.copy(), np.array([0.002, 0.0, 0.0, 0.0, -0.003, 0.0, 0.01])
    arm.follow(20 * 5, step)
    arm.follow(10, np.zeros(7))
    np.testing.assert_allclose(arm.q - start, 20 * step, atol=1.2 * np.abs(step).max())


def test_targets_that_stream_are_one_motion():
    arm = OtherArm("joint_position")
    start, speeds = arm.q.copy(), []

    def moved(number: int) -> np.ndarray:
        return start + np.array([0, 0, 0, 0, 0, 0, 0.3]) * (number * TICK_S + 0.05)

    for number in range(0, 60, 5):
        arm.follow(5, moved(number))
        speeds.append(arm.command.joint_velocity[6])
    assert np.array(speeds[5:]) == pytest.approx(0.3, rel=0.1)


@pytest.mark.fault("C11")
def test_a_person_takes_over_by_a_twist_and_hands_back():
    arm = OtherArm("joint_position")
    target = arm.q + 0.05
    arm.follow(10, target)
    arm.follow(15, [0.0, 0.02, 0.0, 0.0, 0.1, 0.0], source="human")
    assert arm.verdict.source == "human"
    np.testing.assert_allclose(arm.twist(), [0.0, 0.02, 0.0, 0.0, 0.1, 0.0], atol=4e-3)
    arm.follow(25, target)
    assert arm.verdict.source == "policy" and "hand_back_ramp" in arm.verdict.reasons


@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_of_every_kind_replays_to_the_bit(kind):
    arm = OtherArm(kind)
    arm.guard = journaled = Journaled(arm.guard)
    texts = []
    for number in range(30):
        arm.follow(1, gentle(arm), every=1)
        if number == 12:
            arm.tick()  # a stop in between
        texts += journaled.take()
    found = list(repeat(texts))
    assert all(one.equal for one in found) and sum(one.judged for one in found) > 15


def test_a_guard_of_the_usual_kind_is_written_as_it_was():
    """What older incidents lack is not written anew: their states compare equal."""
    guard = make_guard(ROBOT)
    assert not {"_followers", "_room", "_way"} & set(encode(guard)["of"])
    again = decode(encode(guard))
    assert isinstance(again, Guard) and again._followers is None


def test_without_the_workspace_the_room_is_open():
    arm = OtherArm("joint_velocity", off=("workspace", "clearance"))
    arm.follow(120, [0.4, 0, 0, 0, 0, 0, 0])
    assert not arm.is_inside() and "workspace" not in arm.verdict.reasons
