"""A latch is an incident unless it belongs to every run."""

import pytest

from gato_ros.core.guard.incident_filter import IncidentFilter


def incidents(*verdicts, silent=False):
    watch = IncidentFilter()
    watch.policy_silent = silent
    return [watch.saw(level, reasons) for level, reasons in verdicts]


OK, NOT_ARMED = ("ok", ()), ("latched", ("not_armed", "missing_state"))


@pytest.mark.parametrize("reason", ["emergency_stop", "stale_state", "stale_proposal", "non_finite_proposal", "x"])
def test_a_latch_is_reported_once(reason):
    latched = ("latched", (reason, "stale_state"))
    assert incidents(OK, latched, latched, latched) == [None, reason, None, None]
    assert incidents(OK, latched, OK, latched) == [None, reason, None, reason]


@pytest.mark.parametrize("reason", ["not_armed", "shutdown"])
def test_start_and_end_of_a_run_are_none(reason):
    assert incidents(OK, ("latched", (reason,))) == [None, None]


@pytest.mark.parametrize(
    "reason, silent, expected",
    [
        ("stale_proposal", True, None),
        ("missing_proposal", True, None),
        ("joint_position_jump", True, None),
        ("joint_position_jump", False, "joint_position_jump"),
        ("stale_proposal", False, "stale_proposal"),
        ("stale_state", True, "stale_state"),
        ("emergency_stop", True, "emergency_stop"),
    ],
)
def test_the_end_of_an_episode_is_none_and_a_policy_that_dies_is_one(reason, silent, expected):
    assert incidents(OK, ("stopping", (reason,)), ("latched", (reason,)), silent=silent)[-1] == expected


def test_an_emergency_stop_before_the_first_reset_is_one():
    assert incidents(NOT_ARMED, NOT_ARMED, ("latched", ("emergency_stop",)))[-1] == "emergency_stop"


def test_nothing_is_known_of_a_latch_from_before():
    assert incidents(("latched", ("emergency_stop",)), ("latched", ("emergency_stop",))) == [None, None]
