"""The dead man's switch: what counts, from when on, and when the last word is said."""

import numpy as np
import pytest

from gato_ros.core.teleop.operator_input import DeadMan, OperatorInput

PUSHED = np.array([1.0, -0.5, 0.0, 0.25])
HELD, FREE, STAYS = OperatorInput(PUSHED, held=True), OperatorInput(PUSHED), OperatorInput(PUSHED, stays=True)


def test_without_the_switch_nothing_is_said():
    dead_man = DeadMan(0.3)
    for now_s in (0.0, 1.0, 2.0):
        turn = dead_man.step(FREE, now_s)
        assert turn.deflection is None and not turn.at_once


def test_a_press_starts_from_zero_at_once_and_eases_in():
    dead_man = DeadMan(0.4)
    first = dead_man.step(HELD, 5.0)
    assert first.at_once and not first.deflection.any()
    for after_s, share in ((0.1, 0.15625), (0.2, 0.5), (0.4, 1.0), (3.0, 1.0)):
        turn = dead_man.step(HELD, 5.0 + after_s)
        assert not turn.at_once and turn.deflection == pytest.approx(PUSHED * share)


def test_the_commanded_speed_never_jumps_after_a_press():
    dead_man = DeadMan(0.3)
    passed = np.array([dead_man.step(HELD, now_s).deflection for now_s in np.arange(0.0, 0.5, 0.001)])
    assert np.abs(np.diff(passed, axis=0)).max() < 1.5 * 0.001 / 0.3 * 1.01 and passed[-1] == pytest.approx(PUSHED)


def test_a_release_asks_for_a_standstill_at_once_and_then_is_silent():
    dead_man = DeadMan(0.0)
    assert dead_man.step(HELD, 1.0).deflection == pytest.approx(PUSHED)
    last = dead_man.step(FREE, 1.001)
    assert last.at_once and last.deflection is not None and not last.deflection.any()
    assert dead_man.step(FREE, 1.002).deflection is None


def test_an_input_that_stays_commands_zero_until_it_ends():
    dead_man = DeadMan(0.0)
    assert not dead_man.step(STAYS, 0.9).deflection.any()
    dead_man.step(HELD, 1.0)
    released = dead_man.step(STAYS, 1.1)
    assert released.at_once and not released.deflection.any()
    staying = dead_man.step(STAYS, 1.2)
    assert not staying.at_once and not staying.deflection.any()
    gone = dead_man.step(FREE, 1.3)
    assert gone.at_once and not gone.deflection.any()
    assert dead_man.step(FREE, 1.4).deflection is None


def test_every_press_eases_in_anew():
    dead_man = DeadMan(0.4)
    dead_man.step(HELD, 0.0)
    assert dead_man.step(HELD, 1.0).deflection == pytest.approx(PUSHED)
    dead_man.step(FREE, 1.1)
    assert not dead_man.step(HELD, 1.2).deflection.any()
    assert dead_man.step(HELD, 1.4).deflection == pytest.approx(PUSHED / 2)
