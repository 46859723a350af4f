import subprocess
import sys

import numpy as np
import pytest
import yaml

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER

SHIPPED = FOLDER / "sawyer_rgb_stacking.yaml"


@pytest.fixture
def content():
    return yaml.safe_load(SHIPPED.read_text())


@pytest.fixture
def load(tmp_path):
    """Loads edited content from a file beside a copy of the URDF."""

    def write_and_load(content):
        path = tmp_path / "robot.yaml"
        path.write_text(yaml.safe_dump(content))
        return load_embodiment(path)

    return write_and_load


def test_the_shipped_contract_has_the_interface_of_the_published_task():
    robot = load_embodiment()
    assert robot.control_rate_hz == 20.0
    np.testing.assert_array_equal(robot.action_lower, [-0.07, -0.07, -0.07, -1.0, 0.0])
    np.testing.assert_array_equal(robot.action_upper, [0.07, 0.07, 0.07, 1.0, 0.085])
    assert robot.image_keys == ("basket_front_left/pixels", "basket_front_right/pixels")
    assert robot.observation_keys == tuple(sorted(robot.observations))
    lower, upper, speed = robot.joint_limits
    assert (lower[-1], upper[-1]) == (-1.5708, 1.5708), "the wrist stays within a quarter turn"
    assert speed[0] == 1.74
    np.testing.assert_allclose(
        robot.motion_limits.workspace_upper - robot.motion_limits.workspace_lower, [0.25, 0.25, 0.2]
    )


def edited(content, path, value):
    *parents, last = path.split("|")
    place = content
    for key in parents:
        place = place[key]
    place[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("controll_rate_hz", 20.0, "controll_rate_hz"),
        ("gripper|stroke", 0.1, "gripper.stroke"),
        ("control_rate_hz", float("nan"), "control_rate_hz"),
        ("control_rate_hz", 0, "control_rate_hz"),
        ("limits|workspace_lower_m", [0.9, 0.0, 0.0], "workspace"),
        ("limits|linear_speed_m_s", "fast", "limits.linear_speed_m_s"),
        ("observations|gripper/opening|units", [], "gripper/opening"),
        ("observations|gripper/opening|upper", [-1.0], "gripper/opening"),
        ("observations|gripper/opening|kind", "wave", "gripper/opening"),
        ("observations|basket_front_left/pixels|height", 100, "basket_front_left/pixels"),
        ("schema", 7, "schema"),
        ("actions|twist|units", ["m/s"], "actions.twist"),
    ],
)
def test_a_bad_contract_is_refused_by_the_name_of_the_key(content, load, path, value, said):
    with pytest.raises(SetupError) as error:
        load(edited(content, path, value))
    assert said in str(error.value)


def test_a_missing_key_is_named(content, load):
    del content["wire"]["arm_command"]
    with pytest.raises(SetupError, match="wire.arm_command"):
        load(content)


def test_a_joint_that_the_urdf_lacks_is_refused_with_the_nearest(content, load):
    content["arm"]["joints"][0] = "right_j00"
    content["urdf"] = str(FOLDER / content["urdf"])
    with pytest.raises(SetupError, match="did you mean 'right_j0'"):
        load(content)


@pytest.mark.parametrize(
    ("name", "said"), [("sawyer_rgb_staking", "did you mean 'sawyer_rgb_stacking'"), ("nowhere/robot.yaml", "no file")]
)
def test_an_unknown_contract_is_refused(name, said):
    with pytest.raises(SetupError, match=said):
        load_embodiment(name)


def test_text_that_is_not_yaml_is_refused(tmp_path):
    path = tmp_path / "robot.yaml"
    path.write_text("schema: [1")
    with pytest.raises(SetupError, match="YAML"):
        load_embodiment(path)


def test_an_unknown_channel_is_refused_with_the_nearest():
    with pytest.raises(SetupError, match="did you mean 'gripper/opening'"):
        load_embodiment().channel("gripper/openin")


def test_the_digest_is_the_same_in_another_process_and_changes_with_any_value(content, load):
    program = "from gato_ros.embodiments import load_embodiment; print(load_embodiment().digest)"
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=FOLDER.parents[1]
    )
    assert other.stdout.strip() == load_embodiment().digest
    content["urdf"] = str(FOLDER / content["urdf"])
    same = load(content).digest
    content["limits"]["linear_speed_m_s"] += 0.001
    assert load(content).digest != same


def test_a_contract_cannot_be_altered():
    with pytest.raises(ValueError, match="frozen"):
        load_embodiment().control_rate_hz = 10.0


def test_a_contract_may_extend_a_shipped_one(load):
    plain = load_embodiment()
    with_text = load_embodiment("sawyer_rgb_stacking_told")
    assert set(with_text.observations) - set(plain.observations) == {"task/text"} and with_text.digest != plain.digest
    # Down to the values: the other limits stay.
    slow = load({"extends": "sawyer_rgb_stacking", "name": "slow", "limits": {"linear_speed_m_s": 0.01}})
    assert slow.limits.model_dump() == {**plain.limits.model_dump(), "linear_speed_m_s": 0.01}


@pytest.mark.parametrize(
    "base, words",
    [
        ("sawyer_rgb_stackin", "did you mean 'sawyer_rgb_stacking'"),
        ("sawyer_rgb_stacking_told", "extend sawyer_rgb_stacking"),
    ],
)
def test_only_a_whole_shipped_contract_can_be_extended(load, base, words):
    with pytest.raises(SetupError, match=words):
        load({"extends": base, "name": "other"})
