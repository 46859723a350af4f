"""Two arms in one world: what each sees of it, and what the scripted expert does when its turn is over."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import joints_for_tool
from gato_ros.sim.expert import StackingExpert
from gato_ros.sim.ground_truth import PRIVILEGED_KEYS, ground_truth
from gato_ros.sim.pair.shared_world import SharedWorld
from gato_ros.sim.task import COLOURS, TASKS

LEFT, RIGHT = (load_embodiment(f"sawyer_pair_{side}") for side in ("left", "right"))
HALF_TURN = np.diag([-1.0, -1.0, 1.0])
BASE_M = np.array(LEFT.guard_neighbours["right"].base.xyz_m)


@pytest.fixture
def world():
    made = SharedWorld(LEFT)
    made.reset(np.random.default_rng(3))
    yield made
    made.close()


def test_both_see_the_same_props_from_where_they_stand(world):
    right = world.others["right"]
    for colour in COLOURS:
        own, seen = world.prop(colour), right.prop(colour)
        np.testing.assert_allclose(HALF_TURN @ seen.position + BASE_M, own.position, atol=1e-9)
    assert right.object_names == world.object_names
    for key in PRIVILEGED_KEYS:
        assert (
            ground_truth(right, TASKS["green_on_red"], key).shape
            == ground_truth(world, TASKS["red_on_blue"], key).shape
        )


def test_each_starts_where_its_cell_waits_and_neither_touches_the_other(world):
    for arm in (world, world.others["right"]):
        tool = arm.kinematics.tool(arm.joint_positions).position
        assert np.linalg.norm(tool - arm.embodiment.simulated.cell.wait_m) < 0.03
    assert not world.arms_touch() and len(world.arms) == 2


def test_each_moves_by_its_own_commands(world):
    right = world.others["right"]
    before = world.joint_positions, right.joint_positions
    right.set_joint_velocity(np.array([0.3, 0, 0, 0, 0, 0, 0]))
    right.set_gripper(0.02)
    world.advance(0.5)
    right.set_joint_velocity(np.zeros(7))
    world.advance(0.2)
    assert right.joint_positions[0] - before[1][0] == pytest.approx(0.15, abs=5e-3)
    np.testing.assert_allclose(world.joint_positions, before[0], atol=5e-3)
    assert right.gripper_opening_m < 0.05 < world.gripper_opening_m and right.gripper_effort_n >= 0.0


def test_two_arms_that_meet_are_told_by_their_contacts(world):
    assert world.put_tool(np.array([0.775, 0.0, 0.2]), 0.0, 0.085)
    right = world.others["right"]
    right.place(joints_for_tool(RIGHT, right.kinematics, np.array([0.56, 0.0, 0.2]), 0.0))
    world.advance(0.02)
    assert world.arms_touch()


def test_cameras_of_the_other_stand_on_its_side(world):
    own, seen = world.film("basket_front_left/pixels"), world.others["right"].film("basket_front_left/pixels")
    assert own.shape == seen.shape == (128, 128, 3) and (own != seen).mean() > 0.1 and seen.std() > 10.0


def test_a_start_depends_on_its_seed_alone(world):
    states = []
    for _ in range(2):
        world.reset(np.random.default_rng(8))
        right = world.others["right"]
        states.append(np.concatenate([world.joint_positions, right.joint_positions, right.prop("red").position]))
    assert states[0].tobytes() == states[1].tobytes()


def test_another_basket_is_refused():
    cell = RIGHT.simulated.cell.model_copy(update={"basket_m": (0.6, 0.0, 0.0498)})
    other = RIGHT.model_copy(update={"simulation": RIGHT.simulated.model_copy(update={"cell": cell})})
    with pytest.raises(SetupError, match="the basket of sawyer_pair_right"):
        SharedWorld(LEFT.beside({"right": other}))


@pytest.mark.parametrize("wait", [True, False])
def test_an_expert_whose_task_is_done_gets_out_of_the_way_where_the_cell_says_so(world, wait):
    cell = LEFT.simulated.cell if wait else LEFT.simulated.cell.model_copy(update={"wait_m": None})
    robot = LEFT.model_copy(update={"simulation": LEFT.simulated.model_copy(update={"cell": cell})})
    expert = StackingExpert(robot)

    def wish(tool, stacked=True):
        world.put_prop("blue", [0.65, 0.0, 0.0748], [0, 0, 0, 1])
        world.put_prop("red", [0.65, 0.0, 0.125] if stacked else [0.65, 0.09, 0.0748], [0, 0, 0, 1])
        assert world.put_tool(np.array(tool), 0.0, 0.085)
        world.advance(0.02)
        pose = world.kinematics.tool(world.joint_positions)
        values = {
            "gripper/opening": np.array([world.gripper_opening_m], np.float32),
            "sawyer/pinch/pose": np.array([*pose.position, 1.0, 0.0, 0.0, 0.0], np.float32),
        }
        truth = {key: ground_truth(world, TASKS["red_on_blue"], key) for key in PRIVILEGED_KEYS}
        return expert.wish(Observation(values, 0.0, truth)).twist

    assert wish([0.65, 0.0, 0.17])[2] > 0.02, "first up"
    away = wish([0.65, 0.0, 0.23])
    assert (away[0] < -0.05) == wait and abs(away[2]) < 0.06
    there = wish([0.365, 0.0, 0.255])
    assert np.abs(there[:3]).max() < 0.03 if wait else True
    assert wish([0.365, 0.0, 0.255], stacked=False)[0] > 0.05, "and comes back when it is needed"
