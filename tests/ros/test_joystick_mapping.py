"""Mappings of joysticks are checked files."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.embodiments.yaml_file import read_yaml
from gato_ros.nodes.teleop.joystick_mapping import FOLDER, load_mapping


def test_the_gamepads_sticks_and_buttons():
    gamepad = load_mapping("gamepad")
    axes = np.zeros(8)
    axes[[1, 0, 4, 3]] = 1.0, 0.55, -1.0, 0.05
    assert gamepad.deflection(axes) == pytest.approx([1.0, 0.5, -1.0, 0.0])
    before, now = np.zeros(11, int), np.zeros(11, int)
    now[[0, 7]] = 1
    assert set(gamepad.pressed(before, now)) == {"gripper", "start"} and gamepad.pressed(now, now) == []
    assert gamepad.missing(8) is None and "has 4 axes, the mapping gamepad needs 5" in gamepad.missing(4)
    assert gamepad.buttons_needed == 11


def test_the_spacemouse_needs_no_axes_of_the_joy():
    assert load_mapping("spacemouse").missing(0) is None and load_mapping("spacemouse").buttons_needed == 2


def test_a_mapping_of_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\naxes:\n  forward: {index: 2, scale: -1.0}\ndead_zone: 0.0\ndead_man: 1\n")
    assert load_mapping(str(path)).deflection(np.array([0.0, 0.0, 0.25])) == pytest.approx([-0.25, 0, 0, 0])


def optional_parts() -> list[tuple[str, ...]]:
    """Every part of the gamepad's mapping that may be left out."""
    content = read_yaml(FOLDER / "gamepad.yaml", "a mapping", "another").content
    tops = [(key,) for key in content if key not in ("name", "dead_man")]
    return [*tops, *((key, inner) for key in ("axes", "buttons") for inner in content[key]), ("axes", "buttons")]


@pytest.mark.parametrize("left_out", optional_parts(), ids=lambda keys: ".".join(keys))
def test_a_mapping_without_an_optional_part_reads_a_message(tmp_path, left_out):
    import yaml

    content = read_yaml(FOLDER / "gamepad.yaml", "a mapping", "another").content
    if left_out == ("axes", "buttons"):  # both at once: a dead man alone
        content = {key: value for key, value in content.items() if key not in left_out}
    elif len(left_out) == 1:
        del content[left_out[0]]
    else:
        del content[left_out[0]][left_out[1]]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    mapping = load_mapping(str(path))
    assert mapping.buttons_needed == 1 + max([4, *content.get("buttons", {}).values()])
    assert mapping.missing(8) is None
    moved = mapping.deflection(np.ones(8))
    assert moved.shape == (4,) and moved.any() == bool(content.get("axes"))
    up, down = np.zeros(mapping.buttons_needed, int), np.ones(mapping.buttons_needed, int)
    assert set(mapping.pressed(up, down)) == set(content.get("buttons", {}))


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("name: mine\n", "dead_man"),
        ("name: mine\ndead_man: -1\n", "dead_man"),
        ("name: mine\ndead_man: 1\nbutons: {}\n", "butons, line 3.*did you mean 'buttons'"),
        ("name: mine\ndead_man: 1\nbuttons: {discrad: 2}\n", "discrad, line 3.*did you mean 'discard'"),
        ("name: mine\ndead_man: 1\ndead_man: 2\n", "dead_man twice, in lines 2 and 3"),
        ("name: mine\ndead_man: true\n", "dead_man, line 2"),
        ("name: mine\ndead_man: 1\nbuttons:\n", "buttons: nothing, line 3"),
        ("name: mine\ndead_man: 1\naxes: {forward: {scale: 1.0}}\n", "axes.forward.index"),
        ("name: mine\ndead_man: 1\ndead_zone: 1.0\n", "dead_zone"),
        ("name: mine\ndead_man: 1\nbuttons: {jump: 2}\n", "jump"),
        ("a: [b\n", "YAML"),
        ("name: mine\ndead_man: 1\nbuttons: {mark: -2}\n", "mark"),
        ("name: mine\ndead_man: 1\naxes: {forward: {index: 0, scale: .nan}}\n", "scale"),
    ],
)
def test_a_bad_mapping_is_refused_by_name(tmp_path, text, complaint):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=complaint):
        load_mapping(str(path))


def test_a_mapping_that_does_not_exist_is_refused():
    with pytest.raises(SetupError, match="did you mean 'gamepad'"):
        load_mapping("gampad")
    with pytest.raises(SetupError, match="No such file"):
        load_mapping("/nowhere/mine.yaml")
