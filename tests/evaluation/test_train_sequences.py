"""`train` with an autoregressive preset: from the options and the episodes on disk to what is trained."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from gato_ros.cli import train
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.data.episodes.recording import SNAPSHOTS
from gato_ros.domains.rgb_stacking.auxiliary import NAMES
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.domains.rgb_stacking.training_model import training_model
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.training_run.data import training_recordings
from gato_ros.evaluation.training_run.objectives import sequence_objective
from gato_ros.evaluation.training_run.settings import SequenceOptions
from gato_ros.training.config import TrainingConfig
from gato_ros.training.mixing import mixing_weights
from gato_ros.training.resident import ResidentSequences
from gato_ros.training.sequence_config import PAPER, RECIPES, sequence_config

ROBOT = load_embodiment()
FACTS = {"task": "red_on_blue", "object_set": "cubes", "driver": "expert"}


@pytest.fixture(scope="module")
def episodes(tmp_path_factory):
    """Three successes and a failure of eight steps, all rendered."""
    return recorded(tmp_path_factory.mktemp("episodes"), range(8))


def recorded(folder, rendered):
    for number in range(4):
        with EpisodeWriter(folder, f"{number}", ROBOT, FACTS) as writer:
            for step in range(8):
                values = {
                    key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
                    for key, channel in ROBOT.observations.items()
                    if channel.kind != "image" or step in rendered
                }
                action = ArmAction(np.zeros(4), 0.085)
                writer.add(step, Observation(values, step / 20), action, action)
            writer.close({"success": number != 2})
    return folder


def objective(episodes, tmp_path, **changes):
    options = train.Options(data=(episodes,), out=tmp_path, preset="debug", sequence=SequenceOptions(**changes))
    return sequence_objective(options, training_model(options.preset), ROBOT, StackingSupervision())


def test_the_presets_recipe_is_the_default(episodes, tmp_path):
    made, data = objective(episodes, tmp_path)
    assert made.config == RECIPES["debug"] and data == {str(episodes): 24}
    assert (len(made.training), len(made.validation)) == (16, 8)  # the failure is left out, one success held out
    assert made.frames_per_step == made.config.batch * made.config.length


def test_the_frames_lie_on_the_device_on_request(episodes, tmp_path):
    options = train.Options(data=(episodes,), out=tmp_path, preset="debug", resident=True)
    made, _ = sequence_objective(options, training_model("debug"), ROBOT, StackingSupervision())
    assert isinstance(made, ResidentSequences) and made.held.pixels.shape[0] == len(made.training)


def test_frames_of_more_folders_are_learned_one_by_one(episodes, tmp_path):
    few = recorded(tmp_path / "few", (0, 3, 6))
    options = train.Options(data=(episodes,), single_steps=(few,), out=tmp_path / "run", preset="debug")
    made, data = sequence_objective(options, training_model("debug"), ROBOT, StackingSupervision())
    assert data == {str(episodes): 24, str(few): 12}  # of how an episode went on a single step says nothing
    alone = {place for place, one in enumerate(made.training.stretches) if one.source[2] == SNAPSHOTS}
    assert len(alone) == 9 and all(made.training.stretches[place].length == 1 for place in alone)
    plan = made.training.plan_of_step(replace(made.config, batch=64, prompt_share=0.9), 2, 0)
    seen = 0
    for rows, pieces in zip(plan.rows, plan.pieces, strict=True):
        for piece in np.unique(pieces):
            places = {made.training.stretches.at(row) for row in rows[pieces == piece]}
            seen += bool(places & alone)
            assert not places & alone or len(rows[pieces == piece]) == 1
    assert seen > 20


@pytest.mark.parametrize(
    "preset, single, words",
    [("debug_one_pass", "other", "with an autoregressive preset"), ("debug", "same", "in both")],
)
def test_single_steps_that_cannot_count_are_refused(episodes, tmp_path, preset, single, words):
    folder = episodes / ".." / episodes.name if single == "same" else recorded(tmp_path / "other", (0,))
    options = train.Options(data=(episodes,), single_steps=(folder,), out=tmp_path / "run", preset=preset)
    with pytest.raises(SetupError, match=words):
        train.run(options)
    assert not (tmp_path / "run").exists()


def test_a_robots_preset_has_heads_for_what_the_simulator_knows():
    assert training_model("sawyer_streaming").auxiliary == NAMES and RECIPES["sawyer_streaming"].auxiliary_weight
    for name in ("debug", "gato_79m"):
        assert not training_model(name).auxiliary and not sequence_config(name).auxiliary_weight


def test_options_change_the_recipe(episodes, tmp_path):
    made, data = objective(episodes, tmp_path, steps=7, prompt_share=0.0, return_share=0.0)
    assert (made.config.steps, made.config.prompt_share) == (7, 0.0) and data == {str(episodes): 32}
    assert made.config.learning_rate == RECIPES["debug"].learning_rate


@pytest.mark.parametrize(
    ("preset", "changes", "words"),
    [
        ("debug", {"length": 2}, "longer than the window"),
        ("debug", {"batch": 0}, "batch of at least 1"),
    ],
)
def test_what_cannot_be_trained_is_refused(episodes, tmp_path, preset, changes, words):
    options = train.Options(data=(episodes,), out=tmp_path / "run", preset=preset, sequence=SequenceOptions(**changes))
    with pytest.raises(SetupError, match=words):
        train.run(options)
    assert not (tmp_path / "run").exists()


def test_parts_of_episodes_shorter_than_a_sequence_are_refused(tmp_path):
    """The paper's sequences are of 13 steps. Whole episodes may be shorter: several of them make a sequence."""
    folder = tmp_path / "parts"
    folder.mkdir()
    recorded(folder, range(1, 8))
    options = train.Options(data=(folder,), out=tmp_path / "run", preset="gato_79m")
    with pytest.raises(SetupError, match="13 consecutive steps .* got 0 of 14 steps"):
        train.run(options)
    assert not (tmp_path / "run").exists() and PAPER.length == 13


@pytest.mark.parametrize(
    ("preset", "options", "words"),
    [
        ("debug", {"training": TrainingConfig(steps=9)}, "--sequence"),
        ("debug_one_pass", {"sequence": SequenceOptions(steps=9)}, "--training"),
        ("debug_one_pass", {"resident": True}, "--resident"),
        ("debug", {"resident": True, "mesh": "data=1"}, "--resident"),
    ],
)
def test_options_of_the_other_kind_are_refused(tmp_path, preset, options, words):
    with pytest.raises(SetupError, match=words):
        train.run(train.Options(data=(), out=tmp_path, preset=preset, **options))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"processes": 2}, "together"),
        ({"coordinator": "here:1"}, "together"),
        ({"mesh": "data=64"}, "devices there are"),
        ({"mesh": "rows=2"}, "data=4,fsdp=2"),
    ],
)
def test_a_mesh_that_cannot_be_is_refused_before_anything_is_made(tmp_path, given, words):
    with pytest.raises(SetupError, match=words):
        train.run(train.Options(data=(tmp_path,), out=tmp_path / "run", **given))
    assert not (tmp_path / "run").exists()


def test_shards_beside_a_robots_episodes_are_refused(episodes, tmp_path):
    folder = tmp_path / "both"
    shutil.copytree(episodes, folder)
    (folder / "a.array_record").touch()
    with pytest.raises(SetupError, match="one kind of demonstrations .*4 episodes of a robot and 1 shards"):
        training_recordings((folder,), None, 0.0, 20, mixing_weights(()))
