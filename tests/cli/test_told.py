"""A policy that reads its task in words, from the demonstration to the episode."""

from dataclasses import replace

import numpy as np
import pytest

from gato_ros.cli import collect, train
from gato_ros.core.errors import SetupError
from gato_ros.core.text import text_from_value
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.frames import load_frames
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation import evaluate
from gato_ros.models.weights import load_weights, weights_config
from gato_ros.training.config import TrainingConfig

TOLD = "sawyer_rgb_stacking_told"
TEXTS = {
    "red_on_blue": "stack the red object on the blue one",
    "blue_on_green": "stack the blue object on the green one",
}


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory, played_here):
    """Task -> a folder with two files of snapshots."""
    folders = {task: tmp_path_factory.mktemp(task) for task in TEXTS}
    for task, folder in folders.items():
        for seed in (0, 1):
            collect.run(
                collect.Options(
                    folder, "snapshots", task=task, embodiment=TOLD, episodes=1, seed=seed, workers=1, per_scene=8
                )
            )
    return folders


@pytest.fixture(scope="module")
def run(demonstrations, tmp_path_factory):
    options = train.Options(
        tuple(demonstrations.values()),
        tmp_path_factory.mktemp("run"),
        "debug_one_pass",
        TOLD,
        ("task/text",),
        TrainingConfig(steps=2, batch=4, mirror=True),
    )
    train.run(options)
    return options


def test_demonstrations_hold_the_task_in_words(demonstrations, tmp_path):
    for task, folder in demonstrations.items():
        frames = load_frames(sorted(folder.glob("*.npz"))[0])
        assert {text_from_value(row) for row in frames.vectors["task/text"]} == {TEXTS[task]}
    collect.run(
        collect.Options(
            tmp_path, task="blue_on_green", embodiment=TOLD, episodes=1, workers=1, image_share=0.05, keep_failures=True
        )
    )
    episode = read_episode(episode_paths(tmp_path)[0])
    assert episode.metadata["embodiment"] == TOLD
    assert {text_from_value(row) for row in episode.values["task/text"]} == {TEXTS["blue_on_green"]}


def test_the_task_s_text_travels_with_the_weights(run):
    robot, folder = load_embodiment(TOLD), run.out / "last"
    assert "task/text" in weights_config(folder).observation_keys
    assert np.isfinite(load_weights(folder, robot).params["table"]).all()
    with pytest.raises(SetupError, match="did you mean|task/text"):
        load_weights(folder, load_embodiment())
    result = evaluate.evaluate_policy(
        evaluate.Evaluation(str(folder), task="blue_on_green", episodes=1, workers=1, quiet=True)
    )
    assert result["embodiment"] == TOLD and result["sets"]["cubes"]["episodes"] == 1
    with pytest.raises(SetupError, match="task/text"):
        evaluate.evaluate_policy(
            evaluate.Evaluation(str(folder), embodiment="sawyer_rgb_stacking", episodes=1, workers=1, quiet=True)
        )


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"observe": ("task/txt",)}, "did you mean 'task/text'"),
        ({"observe": ("gripper/grasp",)}, "what the preset does not see"),
        ({"embodiment": "sawyer_rgb_stacking"}, "task/text"),
        ({"embodiment": "sawyer_rgb_stacking_tod"}, f"did you mean '{TOLD}'"),
    ],
)
def test_what_cannot_be_observed_is_refused(run, tmp_path, changed, words):
    with pytest.raises(SetupError, match=words):
        train.run(replace(run, out=tmp_path / "run", **changed))
    assert not (tmp_path / "run").exists()


def test_another_task_in_the_same_folder_is_other_data(demonstrations):
    folder = demonstrations["red_on_blue"]
    options = collect.Options(folder, "snapshots", embodiment=TOLD, episodes=1, workers=1, per_scene=1)
    assert collect.run(options)["skipped"] == 1
    for other in (replace(options, task="blue_on_green"), replace(options, embodiment="sawyer_rgb_stacking")):
        assert collect.run(replace(other, out=folder.parent / "both"))["skipped"] == 0
    assert len(list((folder.parent / "both").glob("*.npz"))) == 2


def test_weights_of_another_model_are_no_start(run, tmp_path):
    with pytest.raises(SetupError, match="another .*width.*choose the --preset"):
        train.run(replace(run, out=tmp_path / "run", preset="sawyer_tiny", init=run.out / "last"))
    assert not (tmp_path / "run").exists()


def test_data_without_the_text_is_refused(run, tmp_path):
    data = tmp_path / "data"
    for seed in (0, 1):
        collect.run(collect.Options(data, "snapshots", episodes=1, seed=seed, workers=1, per_scene=2))
    with pytest.raises(SetupError, match="task/text"):
        train.run(replace(run, out=tmp_path / "run", data=(data,)))
