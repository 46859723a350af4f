"""`train --mixture`: the file, and a run on two specs from shards to weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gato_ros.cli import train
from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import load_domain
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.training_run.mixture import read_mixture
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from tests.data.recordings import write

SHIPPED = Path(__file__).parents[2] / "gato_ros" / "domains" / "generalist" / "mixture.yaml"
PART = "parts:\n  rooms:\n    domain: babyai\n    tasks: [go_to_obj]\n    data: [somewhere]\n"


def mixture(tmp_path, text):
    path = tmp_path / "mixture.yaml"
    path.write_text(text)
    return path


def test_the_shipped_mixture_is_one():
    plan = read_mixture(SHIPPED)
    assert plan.preset == "gato_generalist" and {part.domain for part in plan.parts} == {
        "babyai",
        "meta_world",
        "rgb_stacking",
    }
    model = plan.model()
    assert model.generalist and {"view/cells", "task/text"} <= set(model.observation_keys)
    assert {"target_in_view", "grasp_x"} <= set(model.auxiliary) and model.auxiliary_early_layer
    for part in plan.parts:
        step = token_layout(part.contracts()[0].spec, model).step_tokens
        assert model.window < part.sequences.length * step < 1.4 * model.window, part.name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{PART}    lenght: 7\n", "parts.rooms.lenght, line 6 .*did you mean 'length'"),
        (f"{PART}    length: 1\n", "length of at least 2"),
        (f"{PART}    weight: 0\n", "parts.rooms.weight, line 6"),
        (f"{PART}    seed: 3\n", "parts.rooms.seed, line 6"),
        (f"{PART}model: sawyer_small\n", "a preset of a generalist at line 6"),
        (f"{PART}steps: 0\n", "steps of at least 1"),
        ("parts: {}\n", "at least one part"),
        ("model: gato_generalist\n", "parts in .*no such key"),
        (PART.replace("babyai", "babyia"), "did you mean 'babyai'"),
        (PART.replace("go_to_obj", "go_to_objekt"), "a task of babyai at line 4"),
        (PART.replace("go_to_obj", "go_to_obj, boss_level"), "tasks of one spec .*different ones: .*boss_level"),
        (PART.replace("go_to_obj", ""), "all, or names of tasks"),
    ],
)
def test_a_fault_in_the_file_is_one_line_with_its_place(tmp_path, text, says):
    with pytest.raises(SetupError, match=says):
        read_mixture(mixture(tmp_path, text))


def test_two_specs_are_learned_by_one_command(tmp_path, monkeypatch):
    pytest.importorskip("minigrid")
    small = {"layers": 2, "width": 32, "heads": 2, "head_size": 16, "feed_forward": 64, "context_tokens": 200}
    monkeypatch.setitem(PRESETS, "tiny_generalist", replace(PRESETS["gato_generalist"], **small))
    parts = {"rooms": "go_to_obj", "missions": "mini_boss_level"}
    for name, task in parts.items():
        collect(Collection(tmp_path / name, domain="babyai", task=task, episodes=6, workers=1))
    section = (
        "    domain: babyai\n    batch: 2\n    return_share: 0.0\n    legal_only: true\n"
        "    observe: [view/cells, mission/text]\n"
    )
    text = "model: tiny_generalist\nsteps: 2\nparts:\n" + "".join(
        f"  {name}:\n{section}    tasks: [{task}]\n    data: [{tmp_path / name}]\n    length: {length}\n"
        for (name, task), length in zip(parts.items(), (4, 3))
    )
    path = mixture(tmp_path, text)
    result = train.run(train.parse(["--mixture", str(path), "--out", str(tmp_path / "run")]))
    assert {"rooms/move_accuracy", "missions/move_accuracy", "loss"} <= set(result) and result["steps"] == 2
    assert len(json.loads((tmp_path / "run" / "last" / "config.json").read_text())["others"]) == 1
    domain = load_domain("babyai")
    for task in parts.values():
        environment = domain.environment(task)
        environment.reset(seed=1)
        policy = GatoPolicy.from_directory(tmp_path / "run" / "last", domain.contract(task), temperature=1.0)
        assert policy.act(environment.observe()).action.values["move"] in range(7)
    with pytest.raises(SetupError, match="demonstrations of every task"):
        train.run(train.parse(["--mixture", str(mixture(tmp_path, text.replace("go_to_obj", "open"))), "--out", "x"]))


ROBOT_PART = (
    "parts:\n  stacking:\n    domain: rgb_stacking\n    embodiment: sawyer_rgb_stacking\n    return_share: 0.0\n"
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "gripper/grasp: not finite at 1 step: 3"),
        ({"embodiment: sawyer": "embodiment: panda"}, "episodes of panda_rgb_stacking .* some of sawyer_rgb_stacking"),
    ],
)
def test_a_robots_episodes_are_checked_as_train_does(tmp_path, changes, says):
    def spoil(step, values):
        if step == 3:
            values["gripper/grasp"][0] = np.nan

    write(tmp_path / "data", "good")
    write(tmp_path / "data", "bad", change=spoil)
    text = f"{ROBOT_PART}    data: [{tmp_path / 'data'}]\n"
    for old, new in changes.items():
        text = text.replace(old, new)
    with pytest.raises(SetupError, match=says):
        read_mixture(mixture(tmp_path, text)).parts[0].recordings()
