"""What the rules reckon, without the console."""

import re
from pathlib import Path

import numpy as np
import pytest

from gato_ros.domains.atari.games import GAMES, SPEC, TASK, words_of
from gato_ros.domains.atari.rules.bouncing import folded
from gato_ros.domains.atari.rules.freeway import GOAL, ROWS, WIDTH, _costs
from gato_ros.domains.atari.rules.knob import Knob
from gato_ros.domains.atari.rules.rule import LEFT_FIRE, NOOP, RIGHT
from gato_ros.models.vocabulary import PUBLISHED, known_vocabulary

ROOT = Path(__file__).parents[3]


def test_a_game_in_words_has_room():
    vocabulary, room = known_vocabulary(PUBLISHED), SPEC.observations[TASK]
    assert max(len(vocabulary.encode(words_of(task))) for task in GAMES) == room.tokens
    assert max(map(len, GAMES)) <= room.size_bytes and len(set(map(words_of, GAMES))) == len(GAMES)


def test_people_are_a_hundred_and_random_play_is_nothing():
    for game in GAMES.values():
        assert game.percent_of_human(game.human) == pytest.approx(100) and game.percent_of_human(game.random) == 0


@pytest.mark.parametrize(
    ("place", "found"),
    [(50, 50), (208, 204), (-10, 98), (44, 44), (206, 206), (44 + 2 * 162, 44), (206 + 2 * 162, 206)],
)
def test_a_ball_is_thrown_back_by_walls(place, found):
    assert folded(place, 44, 206) == found


def test_a_knob_turns_to_where_it_is_worth_most():
    knob = Knob(38, 203, rising=1)
    exactly = lambda target: lambda places: -np.abs(places - target)
    assert [knob.best(100, 100 + away, 3.0, exactly(100 + away)) for away in (-23, 0, 23)] == [-1, 0, 1]
    knob.took(RIGHT)
    # It is on its way: the paddle will have moved 13 more, so from 100 it comes to rest at 113.
    assert knob.rest(100) == 113 and knob.best(100, 113, 3.0, exactly(113)) == 0
    knob.took(LEFT_FIRE)
    assert knob.rest(100) == 100 - 13 + 3
    assert [Knob(38, 203, rising=-1).best(100, target, 9.0, exactly(target)) for target in (190, 40)] == [1, -1]
    assert Knob(38, 203, 1).towards(100, 108) == 0


def test_a_chicken_goes_up_unless_a_car_comes():
    far, still = np.full(10, 120.0), np.zeros(10)
    up, wait, down = _costs(far, still)[0]
    below = ROWS < GOAL - 8
    assert (up[below] < wait[below]).all() and (wait[below] < down[below]).all()
    assert up[0] == pytest.approx((GOAL - 6) / 4, rel=0.15)  # steps to the other side
    # A car that passes the lowest lane in the next steps: it waits below it, and goes up right behind it.
    coming = far.copy()
    coming[0], speeds = 58.0, still - 4 * (np.arange(10) == 0)
    plan = _costs(coming, speeds)
    assert plan[0][1, 1] < plan[0][0, 1]
    assert plan[6][0, 1] < plan[6][1, 1] and (coming + 7 * speeds)[0] % WIDTH < 38


def test_ale_py_is_named_in_one_file_alone():
    named = [
        path.relative_to(ROOT).as_posix()
        for room in ("gato_ros", "models", "sim")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"[\"']ale_py|import ale_py", path.read_text(encoding="utf-8"))
    ]
    assert named == ["gato_ros/domains/atari/console.py"] and NOOP == 0
