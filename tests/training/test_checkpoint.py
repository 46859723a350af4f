"""The checkpoint by itself: what comes back, what is refused, what a crash leaves, and runs from before orbax."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import serialization

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.models.gato import init
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.training import checkpoint
from gato_ros.training.checkpoint import load_checkpoint, run_record, save_checkpoint
from gato_ros.training.config import TrainingConfig
from gato_ros.training.optimiser import TrainingState, start

MODEL = PRESETS["debug_one_pass"]
RECORD = run_record(TrainingConfig(), MODEL, {"some": 3})


@pytest.fixture(scope="module")
def fresh():
    return start(TrainingConfig(), init(jax.random.key(0), MODEL, token_layout(load_embodiment().spec, MODEL)))


def at(fresh, step) -> TrainingState:
    """A state in which every number is another one."""
    return jax.tree.map(lambda leaf: np.asarray(leaf) + np.asarray(step, leaf.dtype), fresh)


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right)):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_every_bit_of_the_newest_state_comes_back(fresh, tmp_path):
    assert load_checkpoint(tmp_path, fresh, RECORD) is None
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, at(fresh, step), RECORD)
        same(load_checkpoint(tmp_path, fresh, RECORD), at(fresh, step))
    assert len(list(tmp_path.iterdir())) == 2, "the manifest and one slot"


@pytest.mark.fault("F3")
@pytest.mark.parametrize("cut", ["_replace", "_fingerprints"])
def test_a_crash_while_saving_leaves_the_state_before(fresh, tmp_path, monkeypatch, cut):
    save_checkpoint(tmp_path, at(fresh, 1), RECORD)

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, cut, crash)
        save_checkpoint(tmp_path, at(fresh, 2), RECORD)
    same(load_checkpoint(tmp_path, fresh, RECORD), at(fresh, 1))
    save_checkpoint(tmp_path, at(fresh, 3), RECORD)
    same(load_checkpoint(tmp_path, fresh, RECORD), at(fresh, 3))


def test_another_run_is_named(fresh, tmp_path):
    save_checkpoint(tmp_path, fresh, RECORD)
    other = run_record(TrainingConfig(seed=4), replace(MODEL, dropout=0.5), {"some": 3, "more": 1})
    with pytest.raises(SetupError, match="data.more, model.dropout, training.seed"):
        load_checkpoint(tmp_path, fresh, other)


def test_another_optimiser_is_refused(fresh, tmp_path):
    save_checkpoint(tmp_path, fresh._replace(optimiser=fresh.optimiser[1]), RECORD)
    with pytest.raises(SetupError, match="array optimiser"):
        load_checkpoint(tmp_path, fresh, RECORD)


@pytest.mark.parametrize(
    "damage",
    [
        lambda slot: next(slot.rglob("d/*")).unlink(),
        lambda slot: (slot / "stranger").write_text("?"),
        lambda slot: (slot.parent / "manifest.json").write_text(""),
        lambda slot: (slot.parent / "manifest.json").write_text('{"schema": 1}\n'),
    ],
)
def test_missing_and_foreign_files_are_refused(fresh, tmp_path, damage):
    save_checkpoint(tmp_path, fresh, RECORD)
    damage(tmp_path / "slot_a")
    with pytest.raises(SetupError, match="whole checkpoint"):
        load_checkpoint(tmp_path, fresh, RECORD)


def test_a_run_from_before_orbax_goes_on(fresh, tmp_path):
    """Begun with fewer options too: what did not exist then ran as its default."""
    model = {key: value for key, value in RECORD["model"].items() if key != "rematerialise"}
    (tmp_path / "run.json").write_text(json.dumps({**RECORD, "model": model}))
    (tmp_path / "state.msgpack").write_bytes(serialization.to_bytes(at(fresh, 7)))
    with pytest.raises(SetupError, match="model.rematerialise"):
        load_checkpoint(tmp_path, fresh, run_record(TrainingConfig(), replace(MODEL, rematerialise=True), {"some": 3}))
    same(load_checkpoint(tmp_path, fresh, RECORD), at(fresh, 7))
    save_checkpoint(tmp_path, at(fresh, 8), RECORD)
    same(load_checkpoint(tmp_path, fresh, RECORD), at(fresh, 8))
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "slot_a"}


def test_a_cut_state_from_before_orbax_is_refused(fresh, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(RECORD))
    (tmp_path / "state.msgpack").write_bytes(serialization.to_bytes(fresh)[:-100])
    with pytest.raises(SetupError, match="whole checkpoint"):
        load_checkpoint(tmp_path, fresh, RECORD)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(SetupError, match="whole checkpoint"):
        load_checkpoint(tmp_path, fresh, RECORD)
