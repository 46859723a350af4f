"""`episodes view`: what a page and a film hold, and that they need nothing beside themselves."""

import base64
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from gato_ros.cli.episode_verbs import view as episodes_view
from gato_ros.cli.episode_verbs.plot import draw_episode
from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.episode import read_episode
from gato_ros.data.episodes.label import add_label
from gato_ros.data.episodes.stream import open_episode
from gato_ros.data.exports.video import side_by_side
from gato_ros.data.frames import rendered_steps
from tests.data.recordings import FACTS, OPERATED, write
from tests.robots_of_others import LEFT, RIGHT, robot_of_others


def frames(path):
    film, pictures = cv2.VideoCapture(str(path)), []
    while (found := film.read())[0]:
        pictures.append(found[1])
    return pictures


def view(path, tmp_path, **options):
    (row,) = episodes_view.run(episodes_view.Options((path,), tmp_path / "view", **options))["rows"]
    return row["view"]


def test_a_page_holds_everything_and_points_nowhere(tmp_path):
    path = write(
        tmp_path, facts=OPERATED, source=lambda step: "human" if step < 6 else "policy", outcome={"success": True}
    )
    add_label(path, verdict="fail", note="<b>bumped</b>", by="Ada")
    page = tmp_path / "view" / "one.html"
    assert view(path, tmp_path) == str(page)
    text = page.read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text) and "@import" not in text
    assert "Failure." in text and "The recording itself says success" in text and OPERATED["task_text"] in text
    assert "&lt;b&gt;bumped" in text and "<b>bumped" not in text
    assert "human 6" in text and "policy 6" in text and "right_j6" in text
    (film,) = re.findall(r"data:video/mp4;base64,([^\"]+)", text)
    (tmp_path / "film.mp4").write_bytes(base64.b64decode(film))
    shown = frames(tmp_path / "film.mp4")
    assert len(shown) == 12 and shown[0].shape == (128, 256, 3)
    assert np.abs(shown[11][:, :128].astype(int) - read_episode(path).values["basket_front_left/pixels"][11]).mean() < 6
    assert list((tmp_path / "view").iterdir()) == [page]


def test_a_step_without_a_picture_shows_the_one_before(tmp_path):
    path = write(tmp_path, facts={**FACTS, "image_share": 0.3}, rendered=lambda step: step in (2, 5))
    episode = read_episode(path)
    seen = [
        np.hstack([episode.values[key][place] for key in sorted(episode.values) if episode.values[key].ndim == 4])
        for place in (0, 1)
    ]
    for step, picture in enumerate(episodes_view.pictures(open_episode(path))):
        np.testing.assert_array_equal(picture, seen[step >= 5])


def test_an_episode_without_pictures_has_a_page_too(tmp_path):
    path = write(tmp_path, rendered=lambda step: False)
    assert "No pictures were recorded" in open(view(path, tmp_path)).read()


@pytest.mark.parametrize("rendered", [True, False])
def test_a_film_has_a_frame_for_every_step_with_a_line_where_it_is(tmp_path, rendered):
    path = write(tmp_path, steps=range(8), rendered=lambda step: rendered)
    shown = frames(view(path, tmp_path, format="mp4"))
    plot = draw_episode(read_episode(path))
    chart = plot.pixels()
    assert len(shown) == 8 and shown[0].shape == (chart.shape[0] + 384 * rendered, chart.shape[1], 3)
    for step, picture in enumerate(shown):
        column = plot.column(step / 20, chart.shape[1])
        margin = slice(-20, -10)  # below the axes, where nothing else is drawn
        assert picture[margin, column].mean() < 100
    assert plot.column(0.0, 1000) == round(1000 * plot.left) and plot.column(7 / 20, 1000) == round(1000 * plot.right)


def test_what_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setattr(episodes_view, "_page", lambda *_: SimpleNamespace())
    with pytest.raises(TypeError):
        view(path, tmp_path)
    assert list((tmp_path / "view").iterdir()) == []
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SetupError, match="truncated"):
        view(path, tmp_path)


def test_cameras_of_two_sizes_stand_side_by_side(tmp_path):
    robot = robot_of_others(tmp_path, observations={RIGHT: {"height": 96, "width": 64}})
    path = write(tmp_path, robot=robot)
    episode = read_episode(path)
    for step, picture in enumerate(episodes_view.pictures(open_episode(path))):
        assert picture.shape == (128, 192, 3) and not picture[96:, 128:].any()
        np.testing.assert_array_equal(picture[:96, 128:], episode.values[RIGHT][step])
        np.testing.assert_array_equal(picture[:, :128], episode.values[LEFT][step])
    view(path, tmp_path, format="mp4")


def test_cameras_of_two_sizes_are_refused_by_training(tmp_path):
    robot = robot_of_others(tmp_path, observations={RIGHT: {"height": 96, "width": 64}})
    with pytest.raises(SetupError, match=r"one size to train with; got .*left/pixels 128x128, .*right/pixels 64x96"):
        rendered_steps(open_episode(write(tmp_path, robot=robot)))


def test_pictures_of_odd_sizes_make_an_even_row():
    row = side_by_side([np.full((5, 4, 3), 1, np.uint8), np.full((3, 7, 3), 2, np.uint8)])
    assert row.shape == (6, 12, 3)
    assert (row[:5, :4] == 1).all() and (row[:3, 4:11] == 2).all() and row[5:].max() == row[3:, 4:].max() == 0


def test_a_long_episode_gets_a_smaller_film_with_fewer_pictures(tmp_path, monkeypatch):
    recorded = open_episode(write(tmp_path, steps=range(40)))
    for pixels, width, shape, pictures in ((1e9, 640, (128, 256, 3), 40), (40 * 32 * 64 / 2, 64, (32, 64, 3), 20)):
        monkeypatch.setattr(episodes_view, "PAGE_PIXELS", int(pixels))
        monkeypatch.setattr(episodes_view, "PAGE_WIDTH", width)
        episodes_view._write_page_film(tmp_path / "film.mp4", recorded)
        shown = frames(tmp_path / "film.mp4")
        assert len(shown) == pictures and shown[0].shape == shape
        film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
        assert len(shown) / film.get(cv2.CAP_PROP_FPS) == pytest.approx(2.0)  # seconds: the plot's line follows it
