"""What is where on the screen of a game, by its memory: against the colours of the screen itself."""

import numpy as np
import pytest

from gato_ros.core.observation import Observation
from gato_ros.domains.atari.domain import DOMAIN, SMALL
from gato_ros.domains.atari.environment import OBJECTS
from gato_ros.domains.atari.games import SCREEN, SPEC
from gato_ros.domains.atari.scene import NAMES, Line, Scene
from gato_ros.domains.atari.supervision import PATCH_NAMES, PIXELS, AtariSupervision, ObjectTruth
from gato_ros.models.layout import token_layout

pytest.importorskip("ale_py", reason="ale-py (GPL) comes with an extra of its own: pip install gato_ros[atari]")
STEPS = 150
COLOURS = {
    ("pong", "player"): ((92, 186, 92), (34, 194, 130, 160)),
    ("pong", "object"): ((236, 236, 236), (34, 194, 0, 160)),
    ("breakout", "player"): ((200, 72, 72), (189, 194, 8, 152)),
    ("breakout", "object"): ((200, 72, 72), (93, 188, 8, 152)),
    ("boxing", "player"): ((214, 214, 214), (38, 176, 32, 128)),
    ("boxing", "object"): ((0, 0, 0), (38, 176, 32, 128)),
}
"""RGB, and the rows and columns where nothing else has that colour."""


def played(task):
    """(places [8], screen) of each step of its expert."""
    env = DOMAIN.environment(task)
    env.reset(seed=1)
    expert, found = DOMAIN.expert(task, env), []
    expert.reset()
    for _ in range(STEPS):
        env.step_action(expert.act(env.observe()).action)
        found.append((env.observe().privileged[OBJECTS], env.console.screen().copy()))
    return found


def middle(screen, colour, box):
    """(x, y) of the pixels of that colour; None where there are none."""
    top, bottom, left, right = box
    rows, columns = np.nonzero((screen[top:bottom, left:right] == colour).all(-1))
    return (columns.mean() + left, rows.mean() + top) if len(rows) else None


@pytest.mark.parametrize(("task", "whose"), COLOURS)
def test_places_are_where_the_screen_shows_them(task, whose):
    first, errors = NAMES.index(f"{whose}_x"), []
    for places, screen in played(task):
        if (seen := middle(screen, *COLOURS[task, whose])) and np.isfinite(places[first]):
            errors.append(np.abs(places[first : first + 2] - seen).max())
    assert len(errors) > STEPS / 3
    assert np.percentile(errors, 90) < (1.5 if task in ("pong", "breakout") else 5)


def test_the_player_and_the_next_car_are_on_the_road():
    road, yellow, cars, players = (142, 142, 142), (252, 252, 84), [], []
    for places, screen in played("freeway"):
        (own_x, own_y), (x, y) = places[:2].astype(int), places[2:4]
        players.append((screen[own_y - 2 : own_y + 3, own_x - 4 : own_x + 4] == yellow).all(-1).any())
        if 10 < x < 150:
            cars.append((screen[int(y), int(x) - 3 : int(x) + 4] != road).any())
    assert np.mean(players) > 0.95 and len(cars) > STEPS / 3 and np.mean(cars) > 0.95


@pytest.mark.parametrize("task", ["pong", "breakout"])
def test_a_ball_is_met_where_it_was_said_to_be_met(task):
    rows = np.array([places for places, _ in played(task)])
    across, along = (7, 4) if task == "pong" else (6, 5)
    errors, said = [], []
    for row in rows:
        if row[along] > 0:
            said.append(row[across])
        else:
            words, said = np.array(said), []
            words = words[np.isfinite(words)]
            errors += [abs(word - words[-1]) for word in words[:-1]]
    assert len(errors) > 20 and np.percentile(errors, 80) < 6


def test_a_ball_bounces_between_the_walls():
    line = Line(0, 140.0, 30.0, 190.0)
    assert line.crossed((100.0, 100.0), (4.0, 4.0)) == (140.0, 140.0)
    assert line.crossed((100.0, 180.0), (4.0, 4.0)) == (140.0, 160.0)
    assert np.isnan(line.crossed((100.0, 100.0), (-4.0, 4.0))).all()
    assert Line(1, 190.0, 10.0, 150.0).crossed((20.0, 150.0), (-1.0, 2.0)) == (20.0, 190.0)


def test_nothing_is_known_of_a_game_that_is_not_looked_at():
    scene = Scene("atlantis")
    scene.look(np.zeros(128, np.uint8))
    assert np.isnan(scene.places).all()
    truth = ObjectTruth(scene.places[None], (3, 4)).targets(np.array([0]))
    assert not truth.weight.any() and not truth.patch_weight.any() and np.isfinite(truth.numbers).all()


def test_patches_say_what_lies_in_them():
    places = np.array([[141.5, 100, 20, 52.5, -4, 2, np.nan, np.nan]], np.float32)
    truth = ObjectTruth(places, (3, 4)).targets(np.array([0]))
    assert truth.patch.shape == (1, 12, len(PATCH_NAMES))
    patch, weight = truth.patch[0].reshape(3, 4, 2, 3), truth.patch_weight[0].reshape(3, 4, 2, 3)
    assert patch[1, 3, 0, 0] == 1 and patch[..., 0, 0].sum() == 1 and patch[0, 0, 1, 0] == 1
    np.testing.assert_allclose(patch[0, 0, 1, 1:], [0.0, 0.25], atol=1e-6)
    assert weight[..., 0].all() and weight[..., 1:].sum() == 4
    np.testing.assert_allclose(truth.numbers[0] * PIXELS, np.nan_to_num(places[0]), atol=1e-4)
    np.testing.assert_array_equal(truth.weight[0], [1, 1, 1, 1, 1, 1, 0, 0])


def test_ground_truth_is_no_observation():
    env, knows = DOMAIN.environment("pong"), AtariSupervision()
    env.reset(seed=0)
    seen = env.observe()
    assert isinstance(seen, Observation) and set(seen.values) == set(SPEC.observations)
    layout = token_layout(SPEC, SMALL)
    assert layout.grid(layout.images[0]) == (3, 4) and SCREEN in [item.key for item in layout.images]
    assert knows.vectors(None, layout) == {}
