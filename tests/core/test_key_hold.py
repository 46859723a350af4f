"""Keys as a dead man's switch: repeats bridge their own gaps, and no more."""

import numpy as np
import pytest

from gato_ros.core.teleop.key_hold import KeyHold

FORWARD, LEFT = np.array([1.0, 0, 0, 0]), np.array([0, 1.0, 0, 0])


@pytest.fixture
def keys():
    return KeyHold(hold_s=0.15, claim_s=0.7)


def test_nothing_was_pressed(keys):
    assert not keys.read(0.0).claims and not keys.read(1e9).claims


def test_a_single_press_is_a_nudge_and_keeps_the_arm_until_the_repeats_would_come(keys):
    keys.press(FORWARD, 10.0)
    assert keys.read(10.0).held and keys.read(10.14).held and (keys.read(10.1).deflection == FORWARD).all()
    staying = keys.read(10.16)
    assert not staying.held and staying.stays and not staying.deflection.any()
    assert keys.read(10.69).stays and not keys.read(10.71).claims


@pytest.mark.parametrize("every_s", [0.033, 0.092, 0.14])
def test_repeats_of_every_common_rate_are_one_motion(keys, every_s):
    for i in range(50):
        keys.press(FORWARD, i * every_s)
        assert keys.read((i + 0.99) * every_s).held


def test_the_newest_key_alone_counts(keys):
    keys.press(FORWARD, 1.0)
    keys.press(LEFT, 1.05)
    assert (keys.read(1.06).deflection == LEFT).all()


def test_other_keys_keep_the_arm_without_moving_it(keys):
    keys.touch(1.0)
    given = keys.read(1.5)
    assert given.stays and not given.held and not keys.read(1.71).claims


def test_letting_go_ends_both(keys):
    keys.press(FORWARD, 1.0)
    keys.let_go()
    assert not keys.read(1.0).claims
