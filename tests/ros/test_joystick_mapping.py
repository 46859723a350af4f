"""Mappings of joysticks are checked files."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.nodes.joystick_mapping import load_mapping


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


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("name: mine\n", "dead_man"),
        ("name: mine\ndead_man: -1\n", "dead_man"),
        ("name: mine\ndead_man: 1\nbutons: {}\n", "butons"),
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
