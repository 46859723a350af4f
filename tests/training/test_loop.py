"""The real loop on a debug preset: trains, resumes to the same weights, refuses another run's folder."""

import json
import shutil
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.frames import load_frames, make_frames, save_frames
from gato_ros.domains.rgb_stacking.auxiliary import NAMES, auxiliary_targets
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.embodiments import load_embodiment
from gato_ros.models.gato import init
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.sim.grasp import object_faces
from gato_ros.sim.task import OBJECT_NAMES
from gato_ros.training.config import TrainingConfig
from gato_ros.training.examples import Examples, batches
from gato_ros.training.loop import CURVES, Schedule, portable, train
from gato_ros.training.objective import SingleStep
from gato_ros.training.optimiser import start

SUPERVISION = StackingSupervision(sees_patches=False)
CONFIG = TrainingConfig(steps=8, batch=8, warmup_steps=2)
MODEL = replace(PRESETS["debug_one_pass"], auxiliary=NAMES, auxiliary_early_layer=1)
DROPPING = replace(MODEL, dropout=0.1)
"""What is left out is drawn, too: of a run that resumes, as of one that did not stop."""


def some_frames(count, seed):
    """Frames whose action depends on the image, so that there is something to learn."""
    embodiment, rng = load_embodiment(), np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        bright = rng.random() < 0.5
        image = np.full((128, 128, 3), 200 if bright else 40, np.uint8)
        values = {
            key: image if channel.kind == "image" else np.zeros(channel.shape, np.float32)
            for key, channel in embodiment.observations.items()
        }
        values["sawyer/pinch/pose"] = np.array([0.6, 0, 0.2, 1, 0, 0, 0], np.float32)
        privileged = {
            f"privileged/{colour}/pose": np.array([0.6, 0, 0.08, 0, 0, 0, 1], np.float32)
            for colour in ("red", "green", "blue")
        }
        for colour in ("red", "green", "blue"):
            privileged[f"privileged/{colour}/object"] = np.array([1], np.float32)
        speed = 0.05 if bright else -0.05
        rows.append((Observation(values, 0.0, privileged), ArmAction(np.full(4, speed), 0.085 if bright else 0.0)))
    return make_frames(embodiment.image_keys, rows)


@pytest.fixture(scope="module")
def examples():
    layout = token_layout(load_embodiment().spec, MODEL)
    return [Examples.of(some_frames(count, seed), layout, SUPERVISION) for count, seed in ((48, 0), (8, 1))]


@pytest.fixture(scope="module")
def finished(examples, tmp_path_factory):
    """A run that is done, to be copied."""
    folder = tmp_path_factory.mktemp("finished")
    run(examples, folder)
    return folder


def run(examples, folder, config=CONFIG, model=MODEL, kept=4, **more):
    schedule = Schedule(log=2, validate=kept, checkpoint=kept, closed_loop=more.pop("every", 0))
    what = objective(examples, config, model)
    return train(what, load_embodiment(), SUPERVISION, {"some": 56}, folder, schedule, lambda progress: None, **more)


def objective(examples, config=CONFIG, model=MODEL):
    return SingleStep(config, model, token_layout(load_embodiment().spec, model), *examples)


def test_loss_falls_and_the_weights_act(examples, tmp_path):
    config = replace(CONFIG, steps=60, learning_rate=3e-3, average=0.9)
    run(examples, tmp_path, config, kept=config.steps)
    rows = [json.loads(line) for line in (tmp_path / CURVES).read_text().splitlines()]
    losses = [row["action_loss"] for row in rows if row["kind"] == "train"]
    assert losses[-1] < losses[0] - 0.5
    policy = GatoPolicy.from_directory(tmp_path / "last", load_embodiment())
    frames = examples[1].frames
    pixels = frames.pixels([0])[0]
    values = {key: value[0] for key, value in frames.vectors.items()}
    values.update(zip(frames.image_keys, pixels))
    assert np.isfinite(policy.act(Observation(values)).action.as_vector()).all()


def test_the_first_state_has_the_types_of_every_later_one(examples):
    """Else the step is compiled twice."""
    what = objective(examples)
    fresh = start(CONFIG, init(jax.random.key(0), MODEL, what.layout))
    first, (later, _) = jax.eval_shape(lambda state: (state, what.step(state, next(iter(what.batches(0))))), fresh)
    types = lambda state: [(leaf.dtype, leaf.weak_type) for leaf in jax.tree.leaves(state)]
    assert types(first) == types(later)


@pytest.mark.parametrize(
    "folders, names",
    [
        (["/home/ann/run/data/a", "/home/ann/run/data/b"], ["data/a", "data/b"]),
        (["/home/ann/run/data/a"], ["data/a"]),
        (["/home/ann/run/a", "/home/ann/run/more/b"], ["run/a", "run/more/b"]),
        ([], []),
    ],
)
def test_folders_are_named_from_where_they_meet(folders, names):
    assert list(portable(dict.fromkeys(folders, 1))) == names


def test_a_relative_folder_is_named_like_the_absolute_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert portable({"data/a": 3}) == portable({str(tmp_path / "data" / "a"): 3}) == {"data/a": 3}


def test_a_resumed_run_ends_with_the_same_weights_and_drops_a_row_that_was_cut(examples, tmp_path):
    run(examples, tmp_path / "whole", model=DROPPING)
    stopped = _StopAt(4)
    with pytest.raises(_Stop):
        schedule = Schedule(log=1, validate=4, checkpoint=4)
        what = objective(examples, model=DROPPING)
        train(what, load_embodiment(), SUPERVISION, {"some": 56}, tmp_path / "parts", schedule, stopped)
    curves = tmp_path / "parts" / "curves.jsonl"
    curves.write_bytes(curves.read_bytes()[:-9])
    run(examples, tmp_path / "parts", model=DROPPING)
    assert all("step" in json.loads(line) for line in curves.read_text().splitlines())
    whole = (tmp_path / "whole" / "last" / "params.safetensors").read_bytes()
    assert (tmp_path / "parts" / "last" / "params.safetensors").read_bytes() == whole
    assert json.loads((tmp_path / "parts" / "last" / "config.json").read_text())["model"]["dropout"] == 0.1


class _Stop(Exception):
    pass


class _StopAt:
    """Interrupts a run after the checkpoint of a step."""

    def __init__(self, step):
        self._step = step

    def __call__(self, progress):
        if progress.step > self._step:
            raise _Stop


def test_dropout_is_drawn_by_seed_and_step_and_never_measured(examples):
    plain, dropped = (objective(examples, model=model) for model in (MODEL, DROPPING))
    params, batch = init(jax.random.key(0), MODEL, plain.layout), next(iter(plain.batches(0)))
    step = lambda one: one.step(start(CONFIG, jax.tree.map(jnp.copy, params)), batch)[1]["action_loss"]
    assert step(dropped) == step(dropped) != step(plain)
    measured = [one.measure(params) for one in (plain, dropped)]
    assert all((measured[0][key] == measured[1][key]).all() for key in measured[0])


def test_another_configuration_does_not_go_on_in_the_same_folder(examples, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(SetupError, match="training.learning_rate"):
        run(examples, folder, replace(CONFIG, learning_rate=5e-4))


def test_a_cut_checkpoint_is_refused(examples, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    largest = max((folder / "checkpoint").rglob("*"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-100])
    with pytest.raises(SetupError, match="whole checkpoint"):
        run(examples, folder)


def test_best_weights_are_kept_by_success_and_not_by_loss(examples, tmp_path):
    rates = iter([0.6, 0.2])
    result = run(examples, tmp_path, closed_loop=lambda directory: {"rate": next(rates)}, every=4)
    assert result["best_rate"] == 0.6
    assert json.loads((tmp_path / "best" / "config.json").read_text())["extra"]["step"] == 4


def test_batches_are_a_function_of_seed_and_step(examples):
    whole = [batch.action_bins for batch in batches(examples[0], 8, 0, 12, seed=3)]
    tail = [batch.action_bins for batch in batches(examples[0], 8, 7, 12, seed=3)]
    for left, right in zip(whole[7:], tail, strict=True):
        np.testing.assert_array_equal(left, right)
    other = next(iter(batches(examples[0], 8, 0, 1, seed=4))).action_bins
    assert not np.array_equal(whole[0], other)


def test_frames_round_trip_and_a_cut_file_is_refused(tmp_path):
    frames = some_frames(5, 0)
    save_frames(tmp_path / "a.frames.npz", frames)
    again = load_frames(tmp_path / "a.frames.npz")
    np.testing.assert_array_equal(again.pixels([4, 0]), frames.pixels([4, 0]))
    np.testing.assert_array_equal(again.actions, frames.actions)
    (tmp_path / "a.frames.npz").write_bytes((tmp_path / "a.frames.npz").read_bytes()[:-50])
    with pytest.raises(SetupError, match="whole frames file"):
        load_frames(tmp_path / "a.frames.npz")


def targets(angle, number, tilt=0.0):
    about_z = np.array([0, 0, np.sin(angle / 2), np.cos(angle / 2)])
    about_x = np.array([np.sin(tilt / 2), 0, 0, np.cos(tilt / 2)])
    quat = (Rotation.from_quat(about_z) * Rotation.from_quat(about_x)).as_quat()
    pose = np.concatenate([[0.6, 0.0, 0.08], quat]).astype(np.float32)[None]
    colours = ("red", "green", "blue")
    privileged = {f"privileged/{colour}/pose": pose for colour in colours}
    privileged.update({f"privileged/{colour}/object": np.array([[number]], np.float32) for colour in colours})
    values, weights = auxiliary_targets(privileged, object_faces())
    return dict(zip(NAMES, values[0])), dict(zip(NAMES, weights[0]))


def harmonic(values, k):
    return np.array([values[f"red_faces_{part}{k}"] for part in ("sin", "cos")])


def test_a_cube_looks_the_same_after_a_quarter_turn_and_is_opposite_after_an_eighth():
    cube = OBJECT_NAMES.index("s0")
    first, weights = targets(0.2, cube)
    np.testing.assert_allclose(harmonic(first, 4), [np.sin(0.8), np.cos(0.8)], atol=1e-4)
    np.testing.assert_allclose(harmonic(targets(0.2 + np.pi / 2, cube)[0], 4), harmonic(first, 4), atol=1e-4)
    np.testing.assert_allclose(harmonic(targets(0.2 + np.pi / 4, cube)[0], 4), -harmonic(first, 4), atol=1e-4)
    np.testing.assert_allclose(harmonic(targets(0.2, cube, np.pi / 2)[0], 4), harmonic(first, 4), atol=1e-4)
    assert np.abs(harmonic(first, 2)).max() < 1e-4 and np.abs(harmonic(first, 6)).max() < 1e-4
    # Frames that were recorded without the expert's plan teach nothing about it.
    assert weights["red_x"] == weights["red_faces_sin4"] == 1 and weights["grasp_x"] == weights["place_x"] == 0
    assert first["grasp_x"] == first["place_x"] == 0


def test_every_shape_turns_with_its_harmonics():
    rng = np.random.default_rng(0)
    for number in rng.choice(len(OBJECT_NAMES), 12, replace=False):
        before, after = targets(0.3, number)[0], targets(0.3 + 0.25, number)[0]
        for k in (2, 4, 6):
            sine, cosine = harmonic(before, k)
            turned = [
                sine * np.cos(0.25 * k) + cosine * np.sin(0.25 * k),
                cosine * np.cos(0.25 * k) - sine * np.sin(0.25 * k),
            ]
            np.testing.assert_allclose(harmonic(after, k), turned, atol=1e-4)
            assert np.hypot(sine, cosine) <= 1 + 1e-6


def test_large_frames_are_measured_in_parts_to_the_same_figures(examples, monkeypatch):
    whole = objective(examples)
    params = init(jax.random.key(0), MODEL, whole.layout)
    expected = whole.measure(params)
    monkeypatch.setattr("gato_ros.training.objective.LARGE_BYTES", 0)
    monkeypatch.setattr("gato_ros.training.objective.PART_BYTES", 2 * 128 * 128 * 2 * 3)
    parts = objective(examples)
    assert [len(rows) for rows in parts._held_out] == [2] * 4
    found = parts.measure(params)
    assert found.keys() == expected.keys()
    for key in ("loss", "action_loss", "action_error", "action_accuracy"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4)
