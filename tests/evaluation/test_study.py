"""Studies at toy sizes: real trainings and evaluations, resumed, refused, and the plot read back."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from gato_ros.cli import main, study, train
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.statistics import wilson95
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.frames import SUFFIX, make_frames, save_frames
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.studies import cell as study_cell
from gato_ros.evaluation.studies import study as studies
from gato_ros.evaluation.studies.plots import markdown, plot
from gato_ros.evaluation.training_run.data import training_frames
from gato_ros.training.config import TrainingConfig
from gato_ros.training.mixing import mixing_weights

FRAMES_PER_FILE = 4
TOY = {"training": TrainingConfig(steps=3, batch=4, warmup_steps=1), "episodes": 1, "workers": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Five files whose actions tell which file they are from."""
    folder, embodiment = tmp_path_factory.mktemp("data"), load_embodiment()
    for number in range(5):
        values = {
            key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
            for key, channel in embodiment.observations.items()
        }
        privileged = {
            f"privileged/{colour}/{what}": np.array(value, np.float32)
            for colour in ("red", "green", "blue")
            for what, value in (("pose", [0.6, 0, 0.08, 0, 0, 0, 1]), ("object", [0]))
        }
        row = (Observation(values, 0.0, privileged), ArmAction(np.full(4, 0.01 * number), 0.0))
        save_frames(
            folder / f"cubes-snapshots-{number:06d}{SUFFIX}",
            make_frames(embodiment.image_keys, [row] * FRAMES_PER_FILE),
        )
    return folder


def test_a_limit_takes_the_first_files_and_smaller_ones_are_part_of_larger_ones(data):
    def files(limit):
        options = train.Options((data,), Path("nowhere"), limit=limit)
        training, validation, counts = training_frames(options, mixing_weights(()))
        assert counts == {str(data): FRAMES_PER_FILE * (limit or 5)}
        return [sorted({round(float(vx) / 0.01) for vx in part.actions[:, 0]}) for part in (training, validation)]

    assert files(2) == [[1], [0]]
    assert files(4) == [[1, 2, 3], [0]]
    assert files(None) == [[1, 2, 3, 4], [0]]
    for limit in (6, 1, 0):
        with pytest.raises(SetupError, match="the 5 files"):
            training_frames(train.Options((data,), Path("nowhere"), limit=limit), mixing_weights(()))


@pytest.fixture(scope="module")
def done(data, tmp_path_factory, played_here):
    """The whole study once. The preset that sees poses: it renders nothing, and trains and plays like the others."""
    options = study.Options(
        "demonstrations",
        tmp_path_factory.mktemp("study") / "out",
        (data,),
        preset="sawyer_state",
        demonstrations=(2, 4),
        **TOY,
    )
    return options, study.run(options)


def read_plot(path):
    pixels = matplotlib.image.imread(path)[..., :3]
    assert pixels.shape[1] == 1400, "twice 700 px, for sharp letters"
    return pixels


@pytest.mark.slow
def test_the_study_leaves_figures_a_table_and_a_plot(done):
    options, result = done
    assert json.loads((options.out / "study.json").read_text()) == result
    assert [row["demonstrations"] for row in result["cells"]] == [2, 4]
    assert [row["frames"] for row in result["cells"]] == [2 * FRAMES_PER_FILE, 4 * FRAMES_PER_FILE]
    for row in result["cells"]:
        evaluated = json.loads((options.out / row["cell"] / "evaluate.json").read_text())
        assert (row["episodes"], evaluated["seed"]) == (1, options.seed)
        assert row["wilson95"] == list(wilson95(row["successes"], 1))
        trained = json.loads((options.out / row["cell"] / "train.json").read_text())
        assert trained["steps"] == 3
    table = (options.out / "study.md").read_text()
    assert sum("sawyer_state" in line for line in table.splitlines()) == 2 and "3 steps of 4 frames" in table
    assert read_plot(options.out / "study.png").std() > 0.05


@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_what_is_missing_is(done):
    options, result = done
    before = {path: path.stat().st_mtime_ns for path in options.out.glob("*/*.json")}
    evaluated = options.out / "0002" / "evaluate.json"
    evaluated.unlink()
    (options.out / "study.json").unlink()
    assert study.run(options) == result
    changed = {path for path in options.out.glob("*/*.json") if path.stat().st_mtime_ns != before[path]}
    assert changed == {evaluated}


@pytest.mark.parametrize("spell", [os.path.relpath, lambda path: f"{path}/../{path.name}/", "link", "copy"])
def test_the_same_data_under_another_path_goes_on(done, tmp_path, spell):
    (data,) = done[0].data
    place = tmp_path / "elsewhere" if isinstance(spell, str) else Path(spell(data))
    if spell == "link":
        place.symlink_to(data)
    if spell == "copy":
        shutil.copytree(data, place)
    for cell in studies.study_cells(replace(done[0], data=(place,))):
        study_cell.check_cell(cell, done[0])
    if spell == "copy":
        min(place.glob(f"*{SUFFIX}")).unlink()
        with pytest.raises(SetupError, match="different data in 0002; .*train --init"):
            study.run(replace(done[0], data=(place,)))


def test_other_options_do_not_go_on_in_the_same_folder(done):
    options, _ = done
    longer = replace(options.training, steps=4)
    for change, word in (
        ({"training": longer}, "training.steps"),
        ({"seed": 950_000}, "seed"),
        ({"preset": "sawyer_tiny"}, "preset"),
    ):
        with pytest.raises(SetupError, match=f"different {word} in 0002"):
            study.run(replace(options, **change))


def test_list_shows_the_state_and_does_nothing(done, data, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["study", "demonstrations", "--out", str(tmp_path / "new"), "--data", str(data), "--list"])
    shown = capsys.readouterr().out
    assert exit_.value.code == 0 and shown.count("to do") == 3 and "1000" in shown
    assert not (tmp_path / "new").exists()
    study.run(replace(done[0], list_cells=True))
    assert capsys.readouterr().out.count("of 1 stacked") == 2


def test_few_shot_compares_two_starts_on_the_new_task(tmp_path):
    cells = studies.study_cells(study.Options("few_shot", tmp_path, init=tmp_path / "weights"))
    assert [(cell.limit, cell.init is not None) for cell in cells] == [
        (10, True),
        (30, True),
        (100, True),
        (10, False),
        (30, False),
        (100, False),
    ]
    assert {cell.task for cell in cells} == {"blue_on_green"}
    assert {cell.data for cell in cells} == {(tmp_path / "demonstrations",)}
    assert len({cell.name for cell in cells}) == 6 and len({cell.series for cell in cells}) == 2


def test_size_has_a_cell_per_model_in_order_of_size(tmp_path):
    options = study.Options("size", tmp_path, (tmp_path,))
    sizes = [study_cell.figures(cell, options)["parameters"] for cell in studies.study_cells(options)]
    assert len(sizes) == 3 and sizes[1] > 3 * sizes[0] and sizes[2] > 3 * sizes[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("demonstrations",), "--data"),
        (("demonstrations", "--data", "DATA", "DATA"), "one folder"),
        (("demonstrations", "--data", "DATA"), "1000 files of demonstrations"),
        (("demonstrations", "--data", "DATA", "--demonstrations", "2", "2"), "name each once"),
        (("demonstrations", "--data", "DATA", "--demonstrations", "1", "2"), "at least 2"),
        (("size", "--data", "DATA", "--presets", "sawyer_tinny"), "sawyer_tiny"),
        (("size", "--data", "DATA", "--demonstrations", "2"), "no --demonstrations"),
        (("size", "--data", "DATA", "--set", "cubs"), "cubes"),
        (("size", "--data", "DATA", "--episodes", "0"), "--episodes"),
        (("few_shot",), "--init"),
        (("few_shot", "--init", "DATA"), "config.json"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(data, tmp_path, capsys, arguments, words):
    with pytest.raises(SystemExit) as exit_:
        main(["study", *(str(data) if one == "DATA" else one for one in arguments), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and words in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_few_shot_refuses_weights_of_another_model(done, tmp_path):
    weights = done[0].out / "0002" / "run" / "last"
    with pytest.raises(SetupError, match="weights of sawyer_small"):
        study.run(study.Options("few_shot", tmp_path / "out", init=weights, **TOY))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_few_shot_collects_the_new_task_and_no_more_than_it_needs(tmp_path):
    options = study.Options("few_shot", tmp_path, demonstrations=(2,), **TOY)
    studies.collect_new_task(options)
    episodes = [read_episode(path) for path in episode_paths(tmp_path / "demonstrations")]
    assert len(episodes) >= 2 and {one.metadata["task"] for one in episodes} == {"blue_on_green"}
    assert all(one.outcome["success"] for one in episodes)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "demonstrations").iterdir()}
    studies.collect_new_task(options)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "demonstrations").iterdir()} == before


def made_up(rates, episodes=20):
    """A few-shot result without a run."""
    rows, cells = [], [(count, series) for series in ("pretrained", "from nothing") for count in (10, 30, 100)]
    for (count, series), successes in zip(cells, rates):
        rows.append(
            {
                "cell": f"{count}{series}",
                "series": series,
                "preset": "sawyer_small",
                "demonstrations": count,
                "parameters": 1_000_000,
                "frames": 50 * count,
                "successes": successes,
                "episodes": episodes,
                "rate": successes / episodes,
                "wilson95": list(wilson95(successes, episodes)),
                "mean_steps": 200.0,
            }
        )
    return {
        "study": "few_shot",
        "set": "cubes",
        "seed": 900_000,
        "steps": 10,
        "batch": 4,
        "task": "blue_on_green",
        "init": "weights",
        "cells": rows,
    }


def test_a_plot_shows_every_line_and_its_intervals(tmp_path):
    results = {"some": made_up([2, 9, 15, 0, 3, 20]), "others": made_up([2, 9, 15, 0, 3, 4])}
    wide = made_up([2, 9, 15, 0, 3, 20])
    for row in wide["cells"]:
        row["wilson95"] = [0.0, 1.0]
    pictures = {}
    for name, result in {**results, "wide": wide}.items():
        plot(result, tmp_path / f"{name}.png")
        pictures[name] = read_plot(tmp_path / f"{name}.png")
    for colour in ([0x33, 0x66, 0xAA], [0xCC, 0x66, 0x11]):
        assert (np.abs(pictures["some"] * 255 - colour).max(-1) < 3).sum() > 1000, "one line per series"
    for name in ("others", "wide"):
        assert np.abs(pictures["some"] - pictures[name]).max() > 0.5
    table = markdown(results["some"])
    assert "| pretrained | sawyer_small | 1.00 M | 10 | 500 | 2 of 20 | 10% | 3% - 30% | 200 |" in table
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_unfinished_study_is_plotted_too(tmp_path):
    result = made_up([2, 9, 15, 0, 3, 20])
    for row in result["cells"][1:]:
        row.update(episodes=0, successes=0, rate=None, mean_steps=None)
    plot(result, tmp_path / "one.png")
    assert read_plot(tmp_path / "one.png").std() > 0.05
    assert markdown(result).count("to do") == 5
