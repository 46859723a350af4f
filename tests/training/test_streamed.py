"""Demonstrations that stay in their shards: the batches, weights and resumed runs of data in memory, bit by bit."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, ImageSpec, StepSpec
from gato_ros.data.demonstrations import streamed
from gato_ros.data.demonstrations.catalogue import Catalogue, catalogue_digest
from gato_ros.data.demonstrations.demonstration import Demonstration
from gato_ros.data.demonstrations.pictures import PictureWriter
from gato_ros.data.demonstrations.reading import read_demonstrations
from gato_ros.data.demonstrations.shard import Head, write_shard
from gato_ros.data.demonstrations.streamed import StreamedSteps
from gato_ros.evaluation.training_run.data import domain_recordings, training_frames, training_recordings
from gato_ros.evaluation.training_run.settings import TrainingRun
from gato_ros.evaluation.training_run.streaming import (
    EPISODE_BYTES,
    PEAK,
    Room,
    streamed_folders,
    streamed_frames,
    streamed_tasks,
)
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import token_layout
from gato_ros.training.batches.streamed import StreamedExamples, StreamedWindows
from gato_ros.training.checkpoint import _check_run, run_record
from gato_ros.training.examples import BatchMaker, Examples
from gato_ros.training.loop import CURVES, Schedule, train
from gato_ros.training.mixing import mixing_weights
from gato_ros.training.sequence import Sequences
from gato_ros.training.sequence_config import SequenceConfig
from gato_ros.training.supervision import ActionsOnly, AuxiliaryTargets
from gato_ros.training.windows import Windows

pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")

CELLS, PLACE, EYE, GOAL, MOVE = "cells", "place", "eye/pixels", "privileged/goal", "move"
SPEC = StepSpec.of(
    {CELLS: DiscreteSpec(300, 3), PLACE: ContinuousSpec((-1.0,), (1.0,), ("m",)), EYE: ImageSpec(4, 4)},
    {MOVE: DiscreteSpec(4)},
)
HEAD = Head("grid", "near", SPEC, "return", "expert", "expert", {"versions": {"numpy": "2"}})
MODEL = GatoConfig(
    layers=1,
    width=16,
    heads=1,
    head_size=16,
    feed_forward=32,
    observation_keys=(CELLS, EYE, PLACE),
    patch_size=4,
    text_rows=400,
    action_decoding="autoregressive",
    context_tokens=12,
)
LAYOUT = token_layout(SPEC, MODEL)
CONFIG = SequenceConfig(steps=4, batch=3, length=7, prompt_share=0.5, mirror=True)
ALL = mixing_weights(())
REST = (None, 0.0, 20, ALL)
NONE = Room(0.0, True)


class Mirror:
    action_sign = np.array([1.0], np.float32)

    def possible(self, image_keys, vector_keys):
        return True

    def pixels(self, pixels, rows):
        pixels[rows] = pixels[rows][:, :, :, ::-1]

    def vectors(self, values, rows):
        turned = values[PLACE].copy()
        turned[rows] *= -1
        return {**values, PLACE: turned}


class Goals:
    """The `GroundTruth` of frames; where no frame of all has it, of another shape."""

    def __init__(self, goal):
        self._goal = goal

    def targets(self, rows, mirrored=None):
        goal = self._goal[rows].astype(np.float32)
        known = np.isfinite(goal)
        return AuxiliaryTargets(np.where(known, goal, 0), known.astype(np.float32), *[np.zeros((len(rows), 0, 0))] * 2)


class Known(ActionsOnly):
    def truth(self, frames, layout):
        return Goals(frames.privileged[GOAL])


KNOWN = Known((MOVE,), ("goal",), auxiliary_scale=(1.0,), reflection=Mirror())


def play(seed, goal):
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(1, 9))
    writer = PictureWriter()
    for _ in range(steps):
        writer.add({EYE: rng.integers(256, size=(4, 4, 3), dtype=np.uint8)})
    seen = {
        # Stored in one byte here, and in two there.
        CELLS: rng.integers(300 if seed % 2 else 200, size=(steps, 3)).astype(np.float32),
        PLACE: rng.uniform(-1, 1, (steps, 1)).astype(np.float32),
    }
    truth = {GOAL: np.full((steps, 2), seed, np.float32)} if goal else {}
    done, label = (rng.integers(4, size=(steps, 1)).astype(np.float32) for _ in range(2))
    return Demonstration(seed, seen, writer.finish(), truth, done, label, float(rng.random()), bool(seed % 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two tasks; of an older version episodes without ground truth."""
    path = tmp_path_factory.mktemp("shards")
    write_shard(path / "grid-near-0.array_record", HEAD, [play(seed, True) for seed in range(30)])
    old = replace(HEAD, about={"versions": {"numpy": "1"}})
    write_shard(path / "grid-near-1.array_record", old, [play(seed, False) for seed in range(30, 50)])
    write_shard(path / "grid-far-0.array_record", replace(HEAD, task="far"), [play(seed, True) for seed in range(40)])
    write_shard(path / "grid-far-1.array_record", replace(HEAD, task="far"), [])
    return path


def same(one, other):
    one, other = jax.tree.leaves(one), jax.tree.leaves(other)
    assert len(one) == len(other)
    for a, b in zip(one, other):
        assert a.dtype == b.dtype and np.array_equal(a, b)


def test_windows_are_those_of_data_in_memory(folder):
    held = Windows.of(read_demonstrations([folder]), LAYOUT, KNOWN)
    read = StreamedWindows.of(StreamedSteps(Catalogue.of(folder)), LAYOUT, KNOWN, True)
    assert len(held) == len(read) > 300 and read.can_mirror
    for step in range(12):
        plans = [one.plan_of_step(CONFIG, 3, step) for one in (held, read)]
        same(*plans)
        same(held.batch(plans[0]), read.batch(plans[1]))
    blind = StreamedWindows.of(read.steps, LAYOUT, KNOWN, False)
    assert blind.batch(plans[0]).auxiliary is None


def test_single_steps_are_those_of_data_in_memory(folder):
    frames = [one.frames for one in read_demonstrations([folder])]
    held = Examples.of(streamed.join(frames), LAYOUT, KNOWN)
    read = StreamedExamples.of(StreamedSteps(Catalogue.of(folder)), LAYOUT, KNOWN)
    assert held.picture_bytes == read.picture_bytes == 48
    makers = [BatchMaker(one, 16, seed=3) for one in (held, read)]
    for step in range(40):  # more than an epoch
        same(*(make(step) for make in makers))


def test_few_shards_are_open_at_a_time(folder, monkeypatch):
    monkeypatch.setattr(streamed, "MOST_OPEN", 1)
    steps, catalogue = StreamedSteps(Catalogue.of(folder)), Catalogue.of(folder)
    rows = np.random.default_rng(0).integers(len(steps), size=50)
    same(steps.taken(rows)[1], np.concatenate([one.executed for one in read_demonstrations([folder])])[rows])
    assert len(steps._readers) == 1 and len(catalogue) == 90 and catalogue.steps == len(steps)


def sources(steps):
    number, names = steps.catalogue.sources
    return [names[one] for one in number]


@pytest.mark.parametrize(("limit", "share"), [(None, 0.0), (25, 0.0), (None, 0.8)])
def test_the_same_episodes_count_and_are_held_out(folder, limit, share):
    held = training_recordings((folder, folder), limit, share, 20, ALL)
    read = streamed_folders((folder, folder), limit, share, 20, ALL, NONE)
    assert held[2] == read[2]
    for recordings, steps in zip(held[:2], read[:2]):
        assert [one.source for one in recordings] == sources(steps)
        assert [one.outcome for one in recordings] == steps.catalogue.outcome.tolist()
        same(np.concatenate([one.executed for one in recordings]), steps.taken(np.arange(len(steps)))[1])


def test_the_same_frames_count_step_by_step(folder):
    held = training_frames(TrainingRun((folder,), Path("nowhere"), limit=30), ALL)
    read = streamed_frames((folder,), 30, 20, ALL, NONE)
    assert held[2] == read[2]
    for frames, steps in zip(held[:2], read[:2]):
        same(frames.actions, steps.taken(np.arange(len(steps)))[0].actions)


def test_the_same_tasks_count_in_a_mixture(folder):
    held = domain_recordings((folder,), SPEC, ("near",), 33, 0.5, 20)
    read = streamed_tasks((folder,), SPEC, ("near",), 33, 0.5, 20, NONE)
    assert held[2] == read[2] and set(sources(read[0])) == {("near", "grid", "expert")}
    for recordings, steps in zip(held[:2], read[:2]):
        same(np.concatenate([one.executed for one in recordings]), steps.taken(np.arange(len(steps)))[1])


def test_what_has_room_in_memory_is_read_into_it(folder):
    catalogue = Catalogue.of(folder)
    size = PEAK * StreamedSteps(catalogue).bytes_in_memory + EPISODE_BYTES * len(catalogue)
    room = Room.of(2.5 * size / 1e9)
    for _ in range(2):
        assert streamed_folders((folder,), None, 0.0, 20, ALL, room) is None
    assert streamed_folders((folder,), None, 0.0, 20, ALL, room) is not None
    free = Room.of(None)
    assert 0 < free.bytes_left < np.inf and not free.wanted


def test_what_cannot_stay_in_shards_is_refused(folder, tmp_path):
    with pytest.raises(SetupError, match="count for nothing; leave the option out"):
        streamed_folders((folder,), None, 0.0, 20, mixing_weights(("expert=0",)), NONE)
    assert streamed_folders((folder,), None, 0.0, 20, mixing_weights(("expert=0",)), Room(0.0, False)) is None
    with pytest.raises(SetupError, match="at least two good episodes"):
        streamed_folders((folder,), 1, 0.0, 20, ALL, NONE)
    with pytest.raises(SetupError, match="got episodes of a robot"):
        streamed_folders((tmp_path,), None, 0.0, 20, ALL, NONE)


def test_a_shard_that_changed_is_refused(tmp_path):
    path = tmp_path / "a.array_record"
    write_shard(path, HEAD, [play(seed, True) for seed in range(8)])
    steps = StreamedSteps(Catalogue.of(tmp_path))
    write_shard(path, HEAD, [play(seed, True) for seed in range(8, 16)])
    with pytest.raises(SetupError, match="a whole shard of demonstrations"):
        steps.taken(np.arange(len(steps)))
    path.unlink()
    with pytest.raises(SetupError, match="a whole shard of demonstrations"):
        StreamedSteps(steps.catalogue).taken(np.array([0]))


def test_a_run_goes_on_where_its_data_lie_elsewhere(folder, tmp_path):
    digest = catalogue_digest([Catalogue.of(folder)])
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in folder.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert catalogue_digest([Catalogue.of(moved)]) == digest != catalogue_digest([Catalogue.of(folder).only(slice(9))])
    record = lambda data, digest: run_record(CONFIG, MODEL, data, digest)
    in_memory = record({"a": 3}, "0a1b")
    _check_run(tmp_path, in_memory, record({"a": 3}, digest))
    _check_run(tmp_path, record({"a": 3}, digest), in_memory)
    with pytest.raises(SetupError, match="data.a"):
        _check_run(tmp_path, in_memory, record({"a": 4}, digest))
    with pytest.raises(SetupError, match="content of a"):
        _check_run(tmp_path, record({"a": 3}, digest), record({"a": 3}, digest[:-1] + "x"))
    assert json.dumps(in_memory)


def test_a_stopped_training_reaches_the_weights_of_data_in_memory(folder, tmp_path):
    """The real loop: in memory without a stop, against shards with a stop between two checkpoints."""
    contract, quiet = SpecContract("grid", SPEC), lambda progress: None
    held = [Windows.of(some, LAYOUT, KNOWN, auxiliary=False) for some in training_recordings((folder,), *REST)[:2]]
    read = [StreamedWindows.of(some, LAYOUT, KNOWN, False) for some in streamed_folders((folder,), *REST, NONE)[:2]]
    in_memory, in_shards = (Sequences(CONFIG, MODEL, LAYOUT, *some) for some in (held, read))

    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    run = lambda made, name, report: train(
        made, contract, KNOWN, {"a": 1}, tmp_path / name, Schedule(log=1, validate=4, checkpoint=2), report
    )
    expected = run(in_memory, "memory", quiet)
    with pytest.raises(KeyboardInterrupt):
        run(in_shards, "shards", stop)
    assert run(in_shards, "shards", quiet) == expected
    weights = [(tmp_path / name / "last" / "params.safetensors").read_bytes() for name in ("memory", "shards")]
    assert weights[0] == weights[1]
    rows = [(tmp_path / name / CURVES).read_text().splitlines() for name in ("memory", "shards")]
    losses = [{row["step"]: row["loss"] for row in map(json.loads, some) if row["kind"] == "train"} for some in rows]
    assert losses[0] == losses[1] and len(losses[0]) == 4
