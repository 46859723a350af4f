"""The annotated picture: pure drawing, no node."""

import numpy as np
import pytest

from gato_ros.nodes.view.debug_picture import (
    COLOURS,
    COMMANDED,
    LARGEST_ENTROPY_NAT,
    PANEL_PX,
    PROPOSED,
    SCALE,
    Ranges,
    Scene,
    debug_picture,
)

RANGES = Ranges(0.07, 1.0, 0.085)
SIZES = {"left/pixels": (128, 128), "right/pixels": (128, 128)}
ENTROPY = (190, 140, 255)


def drawn(scene):
    return debug_picture(scene, RANGES, SIZES)


def where(picture, colour):
    """[n 2] rows and columns of the instruments' pixels of exactly this colour; the legend is left out."""
    panel = picture[-PANEL_PX:, :340]
    return np.argwhere((panel == colour).all(-1))


def test_it_has_one_size_whatever_is_known():
    shape = drawn(Scene()).shape
    assert (
        shape
        == drawn(
            Scene(
                proposed=np.full(4, 9.0),
                commanded=np.full(4, -9.0),
                level="latched",
                reasons="a_reason," * 50,
                policy="\N{SNOWMAN}" * 300,
                opening_m=1.0,
            )
        ).shape
    )
    assert shape[1] == 2 * SCALE * 128 and shape[0] > SCALE * 128 + PANEL_PX


def test_the_cameras_lie_side_by_side():
    left, right = np.full((128, 128, 3), (200, 10, 10), np.uint8), np.full((128, 128, 3), (10, 10, 200), np.uint8)
    picture = drawn(Scene({"left/pixels": left, "right/pixels": right}))
    middle = picture.shape[0] // 2
    assert picture[middle, 100].tolist() == [200, 10, 10] and picture[middle, -100].tolist() == [10, 10, 200]


@pytest.mark.parametrize(
    ("twist", "rows", "columns"),
    [([0.07, 0, 0, 0], -1, 0), ([-0.07, 0, 0, 0], 1, 0), ([0, 0.07, 0, 0], 0, -1), ([0, -0.07, 0, 0], 0, 1)],
)
def test_an_arrow_points_where_the_motion_goes(twist, rows, columns):
    """x of the base frame is up in the plan, y to the left."""
    for colour, scene in ((PROPOSED, Scene(proposed=np.array(twist))), (COMMANDED, Scene(commanded=np.array(twist)))):
        found = where(drawn(scene), colour)
        found = found[found[:, 1] < 150] - (76, 78)
        assert len(found) > 20
        mean = found.mean(0)
        assert np.sign(np.round(mean / 10)).tolist() == [rows, columns]


def test_up_and_turn_have_places_of_their_own():
    up = where(drawn(Scene(proposed=np.array([0, 0, 0.07, 0.0]))), PROPOSED)
    up = up[(up[:, 1] > 150) & (up[:, 1] < 200)]
    assert up[:, 0].mean() < 60 and len(up) > 20
    left, right = (where(drawn(Scene(proposed=np.array([0, 0, 0, turn]))), PROPOSED) for turn in (0.5, -0.5))
    left, right = (one[one[:, 1] > 200] for one in (left, right))
    assert left[:, 1].mean() < 268 < right[:, 1].mean()


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_the_bar_of_the_entropy_is_as_long_as_its_share(share):
    bar = lambda scene: (drawn(scene)[-PANEL_PX:] == ENTROPY).all(-1).any(0).sum()
    full = bar(Scene(entropy_nat=LARGEST_ENTROPY_NAT))
    assert bar(Scene()) == 0 and abs(bar(Scene(entropy_nat=share * LARGEST_ENTROPY_NAT)) - share * full) <= 1


@pytest.mark.parametrize("level", COLOURS)
def test_the_guards_level_is_a_colour(level):
    assert drawn(Scene(level=level))[0, 0].tolist() == list(COLOURS[level])
