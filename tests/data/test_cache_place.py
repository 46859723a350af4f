import os
import pathlib

import pytest

from gato_ros.data.cache_place import BESIDE, cache_folder, cached_file


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches"


def blocked(data):
    """A folder of data beside which nothing can be kept, for root too."""
    data.mkdir()
    (data / BESIDE).write_text("not a folder")
    return data


def test_the_cache_lies_beside_data_that_can_be_written(tmp_path, home):
    (tmp_path / "data").mkdir()
    assert cache_folder(tmp_path / "data") == tmp_path / "data" / BESIDE
    assert not home.exists()


def test_the_cache_of_read_only_data_is_the_users(tmp_path, home):
    one, two = blocked(tmp_path / "one"), blocked(tmp_path / "two")
    place = cache_folder(one)
    assert place.is_relative_to(home / "gato_ros") and place.is_dir() and cache_folder(two) != place
    (tmp_path / "link").symlink_to(one)
    assert cache_folder(tmp_path / "link") == place == cache_folder(pathlib.Path(os.path.relpath(one)))


def test_without_any_place_there_is_no_cache(tmp_path, home):
    home.write_text("not a folder")
    assert cache_folder(blocked(tmp_path / "one")) is None and cached_file(tmp_path / "one", "x") is None


def test_a_user_without_a_home_has_the_place_beside_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/counts/for/nothing")

    def none():
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(pathlib.Path, "home", none)
    assert cache_folder(blocked(tmp_path / "one")) is None


def test_what_was_kept_is_found_in_either_place(tmp_path, home):
    one = blocked(tmp_path / "one")
    (cache_folder(one) / "far").write_text("1")
    assert cached_file(one, "far").read_text() == "1" and cached_file(one, "other") is None
    (one / BESIDE).unlink()
    (cache_folder(one) / "near").write_text("2")
    assert cached_file(one, "far").read_text() == "1" and cached_file(one, "near").parent == one / BESIDE
