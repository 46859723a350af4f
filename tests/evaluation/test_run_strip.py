import cv2
import numpy as np
import pytest

from gato_ros.evaluation.reports.filmstrip import MOMENTS, run_strip, write_strip


def frames(count, still=0):
    """Two cameras whose brightness tells the step; the first `still` steps look alike."""
    return [
        {
            name: np.full((128, 128, 3), max(step - still, 0) + add, np.uint8)
            for name, add in (("left", 10), ("right", 100))
        }
        for step in range(count)
    ]


def shown(picture, row):
    return [int(picture[row, 80 + 164 * column, 0]) for column in range(picture.shape[1] // 164)]


def test_moments_run_from_the_first_to_the_last_with_a_row_per_camera():
    picture = run_strip(frames(71), 20.0)
    assert shown(picture, 80) == [10 + step for step in range(0, 71, 10)]
    assert shown(picture, 244) == [100 + step for step in range(0, 71, 10)]


def test_it_begins_where_something_moves():
    assert shown(run_strip(frames(100, still=29), 20.0), 80) == [10 + step for step in range(0, 71, 10)]
    assert shown(run_strip(frames(100, still=99), 20.0), 80) == [10] * MOMENTS  # nothing ever does


def test_a_short_episode_has_fewer_and_none_has_no_picture(tmp_path):
    assert shown(run_strip(frames(3), 20.0), 80) == [10, 11, 12]
    with pytest.raises(ValueError, match="no pictures"):
        run_strip([], 20.0)
    write_strip(tmp_path / "new" / "strip.png", frames(9), 20.0)
    assert cv2.imread(str(tmp_path / "new" / "strip.png")).shape == (354, 8 * 164, 3)
    assert len(list((tmp_path / "new").iterdir())) == 1
