from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from gato_ros.models.serving.compilation import VARIABLE, cache_folder, keep_compiled

CONFIG = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@pytest.mark.parametrize(
    ("wanted", "variable", "home", "folder"),
    [
        ("", "", "/cache", "/cache/gato_ros/jax"),
        ("", "", "", "/home/ann/.cache/gato_ros/jax"),
        ("", "", "not/absolute", "/home/ann/.cache/gato_ros/jax"),
        ("", "/elsewhere", "/cache", "/elsewhere"),
        ("/here", "/elsewhere", "/cache", "/here"),
        ("~/here", "", "", "/home/ann/here"),
        ("off", "/elsewhere", "", None),
        ("", "off", "/cache", None),
    ],
)
def test_the_folder_is_the_users_cache_by_default(monkeypatch, wanted, variable, home, folder):
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv(VARIABLE, variable)
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    assert cache_folder(wanted) == (folder and Path(folder))


@pytest.fixture
def restored():
    """The configuration of the other tests."""
    before = {name: getattr(jax.config, name) for name in CONFIG}
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def test_what_was_compiled_once_is_taken_from_the_folder(tmp_path, restored):
    events = []
    jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
    assert keep_compiled(str(tmp_path)) == tmp_path
    compilation_cache.reset_cache()
    hits = []
    for _ in range(2):  # a new function each time: nothing is known in memory
        before = events.count("/jax/compilation_cache/cache_hits")
        assert float(jax.jit(lambda x: x * 3 + 41)(np.float32(2))) == 47
        hits.append(events.count("/jax/compilation_cache/cache_hits") - before)
    assert hits == [0, 1] and any(tmp_path.iterdir())


def test_off_changes_nothing(restored):
    before = jax.config.jax_compilation_cache_dir
    assert keep_compiled("off") is None and jax.config.jax_compilation_cache_dir == before
