"""Several browsers: one commands, the others watch, and handing over is explicit."""

import pytest

from gato_ros.nodes.console.sessions import MOST, Sessions


@pytest.fixture
def sessions():
    made = Sessions(read_only=False)
    assert (made.join(), made.join(), made.join()) == (1, 2, 3)
    return made


def test_nobody_commands_at_first(sessions):
    assert sessions.commander is None
    assert [sessions.refusal(one, "reset") for one in (1, 2, 3)] == ["not_in_command"] * 3


def test_one_commands_and_the_others_watch(sessions):
    assert sessions.take(1) == "taken"
    assert [sessions.refusal(one, "hold") for one in (1, 2, 3)] == ["", "not_in_command", "not_in_command"]


def test_everybody_may_stop(sessions):
    sessions.take(1)
    assert [sessions.refusal(one, "stop") for one in (1, 2, 3)] == ["", "", ""]


def test_command_is_not_taken_away(sessions):
    sessions.take(1)
    assert sessions.take(2) == "asked" and sessions.commander == 1 and sessions.asking == 2
    assert sessions.give(2) == "not_yours" and sessions.commander == 1


def test_command_is_handed_to_the_one_who_asked(sessions):
    sessions.take(1)
    sessions.take(2)
    assert sessions.give(1) == "handed"
    assert sessions.commander == 2 and sessions.asking is None and sessions.refusal(1, "reset") == "not_in_command"


def test_command_that_nobody_asked_for_is_free(sessions):
    sessions.take(1)
    assert sessions.give(1) == "free" and sessions.commander is None and sessions.take(3) == "taken"


def test_a_commander_who_leaves_leaves_the_command_free(sessions):
    sessions.take(1)
    sessions.take(2)
    sessions.leave(1)
    # Not to the one who asked: nobody commands who does not look at it now.
    assert sessions.commander is None and sessions.take(2) == "taken" and sessions.asking is None


def test_one_who_asked_and_left_gets_nothing(sessions):
    sessions.take(1)
    sessions.take(2)
    sessions.leave(2)
    assert sessions.give(1) == "free"


def test_read_only_lets_nobody_do_anything():
    sessions = Sessions(read_only=True)
    one = sessions.join()
    assert sessions.take(one) == "read_only" and sessions.commander is None
    assert [sessions.refusal(one, verb) for verb in ("stop", "reset", "hold")] == ["read_only"] * 3


def test_somebody_looks_while_a_page_is_shown(sessions):
    assert not sessions.somebody_looks
    sessions.look(2, True)
    assert sessions.somebody_looks and sessions.looks(2) and not sessions.looks(1)
    sessions.leave(2)
    assert not sessions.somebody_looks
    sessions.look(2, True)
    assert not sessions.somebody_looks


def test_there_is_an_end_to_browsers(sessions):
    while (one := sessions.join()) is not None:
        last = one
    assert last == MOST and sessions.count == MOST
    sessions.leave(last)
    assert sessions.join() == MOST + 1


def test_an_overlay_is_for_who_asked_while_the_page_is_shown(sessions):
    sessions.overlay(1, True)
    assert not sessions.somebody_overlays and not sessions.overlays(1)
    sessions.look(1, True)
    sessions.look(2, True)
    assert sessions.somebody_overlays and sessions.overlays(1) and not sessions.overlays(2)
    sessions.look(1, False)
    assert not sessions.somebody_overlays
    sessions.look(1, True)
    sessions.leave(1)
    assert not sessions.somebody_overlays
    sessions.overlay(1, True)
    assert not sessions.overlays(1)
    sessions.overlay(2, True)
    sessions.overlay(2, False)
    assert not sessions.somebody_overlays
