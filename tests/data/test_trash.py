import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.episode import episode_paths
from gato_ros.data.episodes.label import add_label, labels_path, read_labels
from gato_ros.data.episodes.trash import ABOUT, TRASH, find_in_trash, in_trash, restore, trash
from tests.data.recordings import write


def test_an_episode_goes_with_its_labels_and_comes_back_as_it_was(tmp_path):
    path = write(tmp_path)
    add_label(path, verdict="fail", by="Ada")
    content = path.read_bytes()
    moved = trash(path, "the cable was in the picture", "Ben")
    assert episode_paths(tmp_path) == [] and not labels_path(path).exists()
    assert moved.path.read_bytes() == content and read_labels(moved.path).success(None) is False
    (found,) = in_trash(tmp_path)
    assert (found.name, found.reason, found.by) == ("one.mcap", "the cable was in the picture", "Ben")
    assert restore(find_in_trash(tmp_path, "one")) == path
    assert path.read_bytes() == content and read_labels(path).success(None) is False and in_trash(tmp_path) == []


def test_a_name_can_be_thrown_away_again_and_the_latest_comes_back(tmp_path):
    contents = []
    for length in (3, 4):
        path = write(tmp_path, steps=range(length))
        contents.append(path.read_bytes())
        trash(path, f"take {length}")
    assert [one.path.read_bytes() for one in in_trash(tmp_path)] == contents
    assert restore(find_in_trash(tmp_path, "one.mcap")).read_bytes() == contents[1]
    assert [one.reason for one in in_trash(tmp_path)] == ["take 3"]


def test_nothing_is_overwritten_and_nothing_goes_without_a_reason(tmp_path):
    path = write(tmp_path)
    with pytest.raises(SetupError, match="a reason"):
        trash(path, " ")
    trash(path, "first")
    again = write(tmp_path, steps=range(3))
    with pytest.raises(SetupError, match="to be free"):
        restore(find_in_trash(tmp_path, "one"))
    assert len(in_trash(tmp_path)) == 1 and again.exists()
    with pytest.raises(SetupError, match="'two' in .*one.mcap"):
        find_in_trash(tmp_path, "two")
    with pytest.raises(SetupError, match="no file"):
        trash(tmp_path / "absent.mcap", "x")


def test_a_move_that_was_interrupted_leaves_the_episode_where_it_was(tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setattr("gato_ros.data.episodes.trash._move", lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        trash(path, "x")
    assert episode_paths(tmp_path) == [path] and in_trash(tmp_path) == []


def test_what_cannot_be_read_in_the_trash_is_named(tmp_path):
    moved = trash(write(tmp_path), "x")
    (moved.folder / ABOUT).write_text("{")
    with pytest.raises(SetupError, match=TRASH):
        in_trash(tmp_path)
