import itertools
import json

import numpy as np
import pytest
import yaml

from gato_ros.core.errors import SetupError
from gato_ros.core.rotation import matrix_from_quat_xyzw, quat_xyzw_from_matrix
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER
from gato_ros.embodiments.privileged import (
    CUBE_POSES,
    PLAN,
    contract_for,
    cube_pose,
    field_names,
    privileged_values,
    simulator_keys,
    with_privileged,
)
from gato_ros.sim.expert import PLAN_NAMES


def turned(yaw):
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])


def pose(rotation, position=(0.6, -0.05, 0.076)):
    return np.array([*position, *quat_xyzw_from_matrix(rotation)])


SYMMETRIES = [
    matrix
    for axes in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
    for matrix in [np.eye(3)[list(axes)] * np.array(signs)[:, None]]
    if np.linalg.det(matrix) > 0
]


def test_a_cube_that_looks_the_same_has_the_same_numbers():
    assert len(SYMMETRIES) == 24
    for yaw in (0.0, 0.3, -1.1, 2.9):
        expected = [0.6, -0.05, 0.076, np.sin(4 * yaw), np.cos(4 * yaw)]
        for symmetry in SYMMETRIES:
            one = pose(turned(yaw) @ symmetry)
            np.testing.assert_allclose(cube_pose(one), expected, atol=1e-6)
            np.testing.assert_allclose(cube_pose(one * [1, 1, 1, -1, -1, -1, -1]), expected, atol=1e-6)


def test_a_cube_turned_by_less_than_a_quarter_has_other_numbers():
    numbers = np.array([cube_pose(pose(turned(yaw)))[3:] for yaw in np.linspace(0, np.pi / 2, 9)[:-1]])
    apart = np.linalg.norm(numbers[:, None] - numbers[None], axis=-1) + 9 * np.eye(8)
    assert apart.min() > 0.5


def test_many_poses_at_once_are_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    quats = rng.normal(size=(4, 3, 4))
    poses = np.concatenate([rng.random((4, 3, 3)), quats / np.linalg.norm(quats, axis=-1, keepdims=True)], -1)
    whole = cube_pose(poses)
    assert whole.shape == (4, 3, 5) and whole.dtype == np.float32
    for i, j in np.ndindex(4, 3):
        np.testing.assert_allclose(whole[i, j], cube_pose(poses[i, j]), atol=1e-5)
        axes = matrix_from_quat_xyzw(poses[i, j, 3:])
        flattest = axes[:, np.abs(axes[2]).argmin()]
        assert np.sin(4 * np.arctan2(flattest[1], flattest[0])) == pytest.approx(whole[i, j, 3], abs=1e-5)


def test_the_plain_contract_stays_as_it_is():
    plain = load_embodiment()
    before = plain.digest
    extended = with_privileged(plain)
    assert plain.digest == before == load_embodiment().digest
    assert extended.digest != before and extended.name != plain.name
    assert set(extended.observations) - set(plain.observations) == {*CUBE_POSES, PLAN}
    assert all(extended.observations[key] == plain.observations[key] for key in plain.observations)
    assert extended.observation_keys == tuple(sorted(extended.observations))
    assert contract_for(plain, ("gripper/grasp",)) is plain
    json.loads(extended.model_dump_json(by_alias=True))


def test_the_plan_is_what_the_expert_calls_it():
    assert field_names(PLAN) == PLAN_NAMES
    channel = with_privileged(load_embodiment()).channel(PLAN)
    assert [unit for name, unit in zip(PLAN_NAMES, channel.units) if "_sin" in name or "_cos" in name] == ["1", "1"]
    assert dict(zip(PLAN_NAMES, channel.lower))["place_z"] == pytest.approx(0.0698 - 0.04)


def test_values_and_the_simulator_keys_they_come_from():
    keys = ("gripper/grasp", "privileged/red/cube_pose", PLAN)
    assert simulator_keys(keys) == ("privileged/red/pose", PLAN)
    truth = {"privileged/red/pose": pose(np.eye(3)), PLAN: np.arange(10.0)}
    values = privileged_values(keys, truth)
    assert set(values) == {"privileged/red/cube_pose", PLAN}
    for broken in ({"privileged/red/pose": pose(np.eye(3))}, {**truth, PLAN: np.full(10, np.nan)}):
        with pytest.raises(SetupError, match=PLAN):
            privileged_values(keys, broken)


def test_a_file_may_not_claim_ground_truth(tmp_path):
    content = yaml.safe_load((FOLDER / "sawyer_rgb_stacking.yaml").read_text())
    content["observations"]["gripper/opening"]["source"] = "ground_truth"
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(SetupError, match="gripper/opening"):
        load_embodiment(tmp_path / "robot.yaml")
