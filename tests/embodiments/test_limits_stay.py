"""A limit that is written is the one that the guard uses, however it is spelled; or the file is refused."""

import re

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER
from gato_ros.embodiments.guard import guard_limits, make_guard
from gato_ros.embodiments.kinematics import differential_ik
from gato_ros.embodiments.loading import FOLDERS
from gato_ros.embodiments.yaml_file import read_yaml

SAWYER = "sawyer_rgb_stacking"
WHOLE = (SAWYER, "panda_rgb_stacking")
TOLD = "sawyer_rgb_stacking_told"
HEADS = {name: f"extends: {name}\nname: mine\n" for name in WHOLE}
HEADS[TOLD] = (FOLDER / f"{TOLD}.yaml").read_text()
"""What stands before the limits in a file of one's own: that of the third extends the first, and adds a channel."""
SECTIONS = ("control_rate_hz", "arm", "gripper", "limits", "guard", "actions", "wire", "observations")
COUNTS = ("height", "width", "values", "size_bytes", "tokens")
SPELLINGS = {
    "decimal": lambda value: f"{value:.7f}",
    "exponent": lambda value: f"{value:.5e}",
    "large letter": lambda value: f"{value:.5E}",
    "no point": lambda value: f"{round(value * 1e5)}e-5",
    "plus": lambda value: f"{value:+.6f}",
    "bare point": lambda value: re.sub(r"^(-?)0\.", r"\1.", f"{value:.6f}"),
    "whole": lambda value: str(round(value)) if abs(value) > 2 else f"{value:.6f}",
    "plus in exponent": lambda value: f"{value / 100:.8f}e+2",
}


def units(name: str) -> dict[tuple, object]:
    """Way -> value of everything numeric in a shipped contract: a number, or a list of numbers."""
    found = {}

    def look(value, keys):
        if isinstance(value, dict):
            for key, inner in value.items():
                look(inner, (*keys, key))
        elif isinstance(value, list):
            if value and all(isinstance(one, float) for one in value):
                found[keys] = value
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and keys[-1] not in COUNTS:
            found[keys] = value

    path = FOLDER / f"{SAWYER if name == TOLD else name}.yaml"
    content = read_yaml(path, "a contract", "another").content
    for section in SECTIONS[: None if name in WHOLE else -1]:
        look(content[section], (section,))
    return found


def tighter(value: float) -> float:
    """Another one that is as good: ranges shrink, speeds and ages too."""
    return 0.9 * value if value else 0.001


def spelled(value, spelling):
    return [SPELLINGS[spelling](tighter(one)) for one in value] if isinstance(value, list) else SPELLINGS[spelling](
        tighter(value)
    )  # fmt: skip


def nested(texts: dict[tuple, object]) -> dict:
    tree = {}
    for keys, text in texts.items():
        place = tree
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = text
    return tree


def flow(tree) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in tree.items()) + "}"
    return f"[{', '.join(tree)}]" if isinstance(tree, list) else tree


def block(tree, indent="") -> str:
    lines = ""
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += f"{indent}{key}:\n{block(value, indent + '  ')}"
        elif isinstance(value, list):
            lines += f"{indent}{key}:\n" + "".join(f"{indent}- {one}\n" for one in value)
        else:
            lines += f"{indent}{key}: {value}\n"
    return lines


LAYOUTS = {
    "block": block,
    "flow": lambda tree: "".join(f"{key}: {flow(value)}\n" for key, value in tree.items()),
    "mixed": lambda tree: "".join(
        f"{key}:\n" + "".join(f"    {inner}: {flow(one)}  # its own\n" for inner, one in value.items())
        if isinstance(value, dict)
        else f"{key}: {value}\n"
        for key, value in tree.items()
    ),
}


def load(tmp_path, head: str, text: str):
    path = tmp_path / "mine.yaml"
    path.write_text(head + text)
    return load_embodiment(path)


def written(text) -> object:
    return [float(one) for one in text] if isinstance(text, list) else float(text)


def said(content: dict, keys: tuple):
    value = content
    for key in keys:
        value = value[key]
    return list(value) if isinstance(value, tuple) else value


def used(robot) -> dict[tuple, object]:
    """Way in the contract -> what the guard and its kinematics really use."""
    guard, limits, ik = make_guard(robot), guard_limits(robot), differential_ik(robot)
    motion, clearance = robot.motion_limits, limits.clearance
    values = {
        ("limits", "workspace_lower_m"): motion.workspace_lower,
        ("limits", "workspace_upper_m"): motion.workspace_upper,
        ("limits", "linear_speed_m_s"): motion.linear_speed,
        ("limits", "angular_speed_rad_s"): motion.angular_speed,
        ("limits", "linear_acceleration_m_s2"): motion.linear_acceleration,
        ("limits", "angular_acceleration_rad_s2"): motion.angular_acceleration,
        ("guard", "linear_jerk_m_s3"): limits.linear_jerk,
        ("guard", "angular_jerk_rad_s3"): limits.angular_jerk,
        ("guard", "joint_acceleration_rad_s2"): limits.joint_acceleration,
        ("guard", "singularity", "slow"): limits.singularity.slow,
        ("guard", "singularity", "stop"): limits.singularity.stop,
        ("guard", "clearance", "distance_m"): clearance.distance_m,
        ("guard", "clearance", "table_height_m"): clearance.table_height_m,
        ("gripper", "stroke_m"): guard._settings.stroke_m,
        ("wire", "joint_states", "max_age_s"): guard._settings.state_max_age_s,
        ("arm", "posture_rad"): ik.posture,
        ("actions", "twist", "lower"): robot.action_lower[:4],
        ("actions", "twist", "upper"): robot.action_upper[:4],
        ("actions", "gripper", "lower"): robot.action_lower[4:],
        ("actions", "gripper", "upper"): robot.action_upper[4:],
    }
    for i, name in enumerate(robot.guard.clearance.capsules):
        values["guard", "clearance", "capsules", name, "radius_m"] = clearance.radius[i]
    for name in robot.arm.position_overrides_rad:
        i = robot.arm.joints.index(name)
        values["arm", "position_overrides_rad", name] = [ik.position_lower[i], ik.position_upper[i]]
    assert guard._limits.linear_jerk == limits.linear_jerk and guard._ik.posture.tolist() == ik.posture.tolist()
    return values


def check(robot, texts: dict[tuple, object]) -> None:
    in_force, content = used(robot), robot.model_dump(by_alias=True)
    for keys, text in texts.items():
        assert said(content, keys) == written(text), keys
        if keys in in_force:
            np.testing.assert_array_equal(in_force[keys], written(text), str(keys))


def test_the_guard_uses_every_number_of_limits_and_guard():
    for name in WHOLE:
        numbers = {keys for keys in units(name) if keys[0] in ("limits", "guard")}
        ends = {keys for keys in numbers if keys[-1] in ("start_m", "end_m")}  # Kinematics reads these
        assert numbers - ends <= set(used(load_embodiment(name))) and len(numbers) > 20


@pytest.mark.fault("A4")
@pytest.mark.parametrize(
    ("name", "spelling", "layout"),
    [
        (name, spelling, layout)
        for i, spelling in enumerate(SPELLINGS)
        for name in HEADS
        for j, layout in enumerate(LAYOUTS)
        if name == SAWYER or i % len(LAYOUTS) == j
    ],
)
def test_every_number_in_every_spelling_is_the_one_in_force(tmp_path, name, spelling, layout):
    texts = {keys: spelled(value, spelling) for keys, value in units(name).items()}
    text = LAYOUTS[layout](nested(texts))
    if name == TOLD:  # it has a section of its own
        assert "observations" not in text
    check(load(tmp_path, HEADS[name], text), texts)


@pytest.mark.fault("A4")
@pytest.mark.parametrize("name", WHOLE)
def test_a_number_alone_is_in_force_and_all_others_stay(tmp_path, name):
    before = used(load_embodiment(name))
    for i, (keys, value) in enumerate(units(name).items()):
        if keys not in before:
            continue
        text = spelled(value, list(SPELLINGS)[i % len(SPELLINGS)])
        tree = nested({keys: text})
        robot = load(tmp_path, HEADS[name], (block if i % 2 else LAYOUTS["flow"])(tree))
        for other, in_force in used(robot).items():
            np.testing.assert_array_equal(
                in_force, written(text) if other == keys else before[other], str((keys, other))
            )


BAD = ["", "null", "~", "on", "true", "'0.02'", "0,02", "010", "0x1", "1_0", "1:30", ".nan", ".inf", "-1", "0", "1e999"]
BAD += ["0.02 m/s", "0.02m", "[0.02]", "{max: 0.02}", "!!float 0.02", "&a 0.02", "*a", "fast", "1e", "0..2", "--1"]


@pytest.mark.fault("A4")
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "keys", [("limits", "linear_speed_m_s"), ("guard", "linear_jerk_m_s3"), ("guard", "singularity", "slow")]
)
def test_a_spelling_that_is_no_number_is_refused_with_its_line(tmp_path, keys, bad):
    with pytest.raises(SetupError) as refused:
        load(tmp_path, HEADS[SAWYER], block(nested({keys: bad})))
    message = str(refused.value)
    assert f"line {2 + len(keys)}" in message and message.isprintable()
    assert keys[-1] in message or "&a" in message or "*a" in message or "!!float" in message


LOST = {
    "twice": ("limits: {linear_speed_m_s: 0.02}\nlimits: {angular_speed_rad_s: 0.5}\n", "twice, in lines 3 and 4"),
    "at the top": ("linear_speed_m_s: 0.02\n", "linear_speed_m_s, line 3.*it belongs to limits"),
    "in another section": ("guard: {linear_speed_m_s: 0.02}\n", "guard.linear_speed_m_s.*it belongs to limits"),
    "too high": ("clearance: {distance_m: 0.1}\n", "clearance, line 3.*it belongs to guard"),
    "too deep": ("guard: {limits: {linear_speed_m_s: 0.02}}\n", "guard.limits.*it belongs to the top"),
    "misspelt": ("limits: {linear_sped_m_s: 0.02}\n", "line 3.*did you mean 'linear_speed_m_s'"),
    "another unit": ("limits: {linear_speed_mm_s: 20}\n", "did you mean 'linear_speed_m_s'"),
    "another letter": ("Limits: {linear_speed_m_s: 0.02}\n", "did you mean 'limits'"),
    "misspelt section": ("limit: {linear_speed_m_s: 0.02}\n", "limit, line 3.*did you mean 'limits'"),
    "empty section": ("limits:\nguard: {}\n", "limits: nothing, line 3"),
    "no section": ("limits: null\n", "limits, line 3: it should be an object, not None"),
    "a number for a section": ("limits: 0.02\n", "limits, line 3: it should be an object, not 0.02"),
    "clearance off": ("guard: {clearance: null}\n", "guard.clearance, line 3"),
    "clearance by a word": ("guard: {clearance: none}\n", "guard.clearance, line 3"),
    "pairs dropped": ("guard: {clearance: {apart: [[hand, pedestal]]}}\n", "line 3, without ..forearm., .pedestal"),
    "all pairs dropped": ("guard: {clearance: {apart: []}}\n", "guard.clearance.apart.*line 3"),
    "table dropped": ("guard: {clearance: {above_table: [hand]}}\n", "guard.clearance.above_table.*without forearm"),
    "joints moved": (
        "arm: {joints: [right_j1, right_j0, right_j2, right_j3, right_j4, right_j5, right_j6]}\n",
        "arm.posture_rad.*arm.joints, line 3",
    ),
    "an end of no joint": ("arm: {position_overrides_rad: {right_j7: [-1, 1]}}\n", "right_j7, line 3"),
    "an end of a finger": ("arm: {position_overrides_rad: {left_finger_joint: [0, 1]}}\n", "none of the arm's joints"),
    "ends that are turned": ("arm: {position_overrides_rad: {right_j6: [1, -1]}}\n", "lower must be below upper"),
    "ends beyond the URDF's": ("arm: {position_overrides_rad: {right_j6: [-9, 1]}}\n", "may only narrow"),
    "a range that is turned": (
        "limits: {workspace_lower_m: [0.9, 0, 0]}\n",
        f"workspace_lower_m, line 3 and limits.workspace_upper_m, line 29 of {SAWYER}.yaml",
    ),
    "too few": ("guard: {joint_acceleration_rad_s2: [1, 2]}\n", "joint_acceleration_rad_s2, line 3.*7 joints, got 2"),
    "a unit missing": ("actions: {twist: {units: [m/s]}}\n", "actions.twist.units, line 3.*as many units, got 1"),
    "the base twice": (f"extends: {SAWYER}\n", "the key extends twice, in lines 1 and 3"),
}


@pytest.mark.fault("A4")
@pytest.mark.parametrize(("text", "words"), LOST.values(), ids=LOST)
def test_a_limit_that_would_not_count_is_refused(tmp_path, text, words):
    with pytest.raises(SetupError, match=words) as refused:
        load(tmp_path, HEADS[SAWYER], text)
    assert str(refused.value).isprintable(), "one line"


def test_a_misspelt_extends_is_named(tmp_path):
    with pytest.raises(SetupError, match="extend, line 1.*did you mean 'extends'"):
        load(tmp_path, "", f"extend: {SAWYER}\nname: mine\nlimits: {{linear_speed_m_s: 0.02}}\n")


def test_lists_that_only_grow_are_taken(tmp_path):
    shipped = load_embodiment(SAWYER).guard.clearance
    pairs = [*([b, a] for a, b in reversed(shipped.apart)), ["forearm", "upper_arm"]]
    text = f"guard: {{clearance: {{above_table: [upper_arm, {', '.join(shipped.above_table)}], apart: {pairs}}}}}\n"
    clearance = load(tmp_path, HEADS[SAWYER], text).guard.clearance
    assert len(clearance.apart) == len(shipped.apart) + 1 and clearance.above_table[0] == "upper_arm"


def test_other_joints_with_their_own_values_are_taken(tmp_path):
    joints = [f"right_j{i}" for i in (1, 0, 2, 3, 4, 5, 6)]
    text = f"arm: {{joints: {joints}, posture_rad: [1, 2, 3, 4, 5, 6, 7]}}\n"
    text += "guard: {joint_acceleration_rad_s2: [7, 6, 5, 4, 3, 2, 1]}\n"
    robot = load(tmp_path, HEADS[SAWYER], text)
    assert guard_limits(robot).joint_acceleration.tolist() == [7, 6, 5, 4, 3, 2, 1]


def test_a_name_in_two_folders_is_refused(tmp_path, monkeypatch):
    """One of the two would be the robot, and the limits of the other would not count."""
    text = (FOLDER / f"{SAWYER}.yaml").read_text()
    (tmp_path / f"{SAWYER}.yaml").write_text(text.replace("linear_speed_m_s: 0.1213", "linear_speed_m_s: 0.02"))
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    with pytest.raises(SetupError, match=f"one contract of the name {SAWYER}.*another name"):
        load_embodiment(SAWYER)


def test_an_error_in_the_base_names_the_base(tmp_path, monkeypatch):
    text = (FOLDER / f"{SAWYER}.yaml").read_text()
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    (tmp_path / "base.yaml").write_text(text.replace("force_n: 40.0", "force_n: strong"))
    line = text[: text.index("force_n: 40.0")].count("\n") + 1
    with pytest.raises(SetupError, match=f"mine.yaml; got gripper.force_n, line {line} of base.yaml"):
        load(tmp_path, "extends: base\nname: mine\n", "")
    (tmp_path / "base.yaml").write_text(f"{text}name: again\n")
    with pytest.raises(SetupError, match="base.yaml; got the key name twice"):
        load(tmp_path, "extends: base\nname: mine\n", "")


OPTIONAL = [
    ("simulation",),
    ("arm", "position_overrides_rad"),
    ("guard", "clearance"),
    ("guard", "clearance", "above_table"),
    ("guard", "clearance", "apart"),
    ("actions", "gripper", "binary"),
    *(("observations", key) for key in load_embodiment().observations if key != "gripper/opening"),
]


@pytest.mark.parametrize("keys", OPTIONAL, ids=lambda keys: ".".join(keys))
def test_a_contract_without_an_optional_part_makes_a_guard(tmp_path, keys):
    import yaml

    content = read_yaml(FOLDER / f"{SAWYER}.yaml", "a contract", "another").content
    place = content
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    guard = make_guard(load(tmp_path, "", yaml.safe_dump(content)))
    assert guard.latched and guard.off == ()
