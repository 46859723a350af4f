"""Ground truth of a smaller cell elsewhere is learnt in the numbers of the first one."""

import numpy as np

from gato_ros.domains.rgb_stacking.auxiliary import MILLIMETRES, NAMES, PLAN_KEY, auxiliary_targets, in_peers_cell
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.simulation import PEER_BASKET_M
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import PLAN_NAMES, StackingExpert
from gato_ros.sim.grasp import object_faces

SAWYER, SO101 = load_embodiment(), load_embodiment("so101_rgb_stacking")


def planned(robot):
    """{key: [1 size]} what is privileged at a start, with the expert's plan."""
    keys = ("gripper/opening", robot.key_of("tool_pose"), robot.key_of("joint_position"))
    env = RgbStackingEnv("cubes", observation_keys=keys, privileged=PRIVILEGED_KEYS, embodiment=robot)
    env.start(3)
    found = StackingExpert(robot).with_plan(env.observe(images=False)).privileged
    env.close()
    return {key: np.asarray(value)[None] for key, value in found.items()}


def test_the_first_arms_supervision_is_as_before():
    made = StackingSupervision.of(SAWYER)
    assert made.auxiliary_scale == StackingSupervision().auxiliary_scale == tuple(MILLIMETRES.tolist())
    assert made.cell == StackingSupervision().cell


def test_targets_of_a_small_cell_are_as_large_as_the_first_ones():
    cell = StackingSupervision.of(SO101).cell
    truth = planned(SO101)
    mapped = in_peers_cell(truth, cell)
    targets, weights = auxiliary_targets(mapped, object_faces())
    assert targets.shape == (1, len(NAMES)) and weights.min() == 1.0
    lengths = [i for i, scale in enumerate(MILLIMETRES) if scale > 1]
    assert np.abs(targets[:, lengths]).max() < 1.6, "of a decimetre, about the middle of the basket"
    # The plan is one of places: what it says of red before and after is the same point.
    away = np.array([truth[PLAN_KEY][0, PLAN_NAMES.index(name)] for name in ("grasp_x", "grasp_y", "grasp_z")])
    there = np.array([mapped[PLAN_KEY][0, PLAN_NAMES.index(name)] for name in ("grasp_x", "grasp_y", "grasp_z")])
    np.testing.assert_allclose(cell.to_base(there), away, atol=1e-6)
    red = mapped["privileged/red/pose"][0]
    assert np.abs(red[:3] - PEER_BASKET_M).max() < 0.13 and np.abs(there - red[:3]).max() < 0.06
    np.testing.assert_array_equal(red[3:], truth["privileged/red/pose"][0, 3:])
    underside = PLAN_NAMES.index("underside_z")
    np.testing.assert_allclose(mapped[PLAN_KEY][0, underside], red[2] - 0.025, atol=0.02)


def test_a_plan_without_a_place_has_none_in_a_small_cell_either():
    truth = planned(SO101)
    place = slice(PLAN_NAMES.index("place_x"), PLAN_NAMES.index("underside_z") + 1)
    truth[PLAN_KEY][:, place] = 0.0
    mapped = in_peers_cell(truth, StackingSupervision.of(SO101).cell)
    assert not mapped[PLAN_KEY][:, place].any()
    _, weights = auxiliary_targets(mapped, object_faces())
    assert weights[0, NAMES.index("place_x") :].max() == 0.0 and weights[0, : NAMES.index("place_x")].min() == 1.0


def test_its_errors_are_reported_in_its_own_millimetres():
    scale = np.array(StackingSupervision.of(SO101).auxiliary_scale)
    lengths = MILLIMETRES > 1
    np.testing.assert_allclose(scale[lengths], 0.4 * MILLIMETRES[lengths])
    np.testing.assert_array_equal(scale[~lengths], MILLIMETRES[~lengths])
