"""`train --mixture`: the file, and a run on two specs from shards to weights."""

import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from gato_ros.cli import chat, generate, train
from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import WRITTEN, load_domain
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.foreign import collection
from gato_ros.evaluation.foreign.policies import make_policy
from gato_ros.evaluation.settings import Evaluation
from gato_ros.evaluation.training_run.mixture import read_mixture
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from tests.data.recordings import write
from tests.pool_here import pool_here

SHIPPED = Path(__file__).parents[2] / "gato_ros" / "domains" / "generalist" / "mixture.yaml"
PART = "parts:\n  rooms:\n    domain: babyai\n    tasks: [go_to_obj]\n    data: [somewhere]\n"
WORDS = "parts:\n  words:\n    domain: scenes\n    data: [somewhere]\n"


def mixture(tmp_path, text):
    path = tmp_path / "mixture.yaml"
    path.write_text(text)
    return path


def test_the_shipped_mixture_is_one():
    plan = read_mixture(SHIPPED)
    assert plan.preset == "gato_generalist" and {part.domain for part in plan.parts} == {
        "atari",
        "babyai",
        "meta_world",
        "rgb_stacking",
        "scenes",
        "text",
    }
    model = plan.model()
    assert model.generalist and {"view/cells", "task/text"} <= set(model.observation_keys)
    assert {"target_in_view", "grasp_x"} <= set(model.auxiliary) and model.auxiliary_early_layer
    for part in plan.parts:
        if part.domain in WRITTEN:
            assert part.sequences.length <= model.window and part.sequences.legal_only
            continue
        spec = part.contracts()[0].spec
        if part.domain in ("meta_world", "rgb_stacking"):
            assert part.sequences.length == 1 and not model.remembers(model.keys_of(spec))
            continue
        step = token_layout(spec, model).step_tokens
        assert model.remembers(model.keys_of(spec))
        assert model.window < part.sequences.length * step < 1.4 * model.window, part.name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{PART}    lenght: 7\n", "parts.rooms.lenght, line 6 .*did you mean 'length'"),
        (f"{PART}    length: 0\n", "length of at least 1"),
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
        (f"{PART}    learned: 9\n", "keys of a part of babyai at parts.rooms.learned .*got learned, .*line 6"),
        (f"{WORDS}    prompt_share: 0.1\n", "keys of a part of scenes at parts.words.prompt_share .*line 5"),
        (f"{WORDS}    length: 0\n", "length of at least 1"),
        (WORDS.replace("scenes", "text") + "    tasks: [python]\n", "keys of a part of text at parts.words.tasks"),
        (f"{WORDS}    tasks: [caption, colour]\n", "a task of scenes at line 5"),
    ],
)
def test_a_fault_in_the_file_is_one_line_with_its_place(tmp_path, text, says):
    with pytest.raises(SetupError, match=says):
        read_mixture(mixture(tmp_path, text))


def test_whether_steps_are_single_depends_on_what_is_observed(tmp_path):
    room = PART.partition("parts:\n")[2]
    both = PART + room.replace("rooms:", "halls:").replace("go_to_obj", "go_to_local")
    assert not read_mixture(mixture(tmp_path, both)).model().single_steps
    single = f"{PART}    length: 1\n"
    keys = read_mixture(mixture(tmp_path, single)).model().single_steps
    assert [set(each) for each in keys] == [{"agent/direction", "mission/text", "view/cells"}]
    differing = single + room.replace("rooms:", "halls:").replace("go_to_obj", "go_to_local")
    with pytest.raises(SetupError, match="length 1 in rooms and halls"):
        read_mixture(mixture(tmp_path, differing)).model()


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


def test_scenes_and_text_are_learned_and_answer(tmp_path, monkeypatch, capsys):
    small = {"layers": 1, "width": 32, "heads": 2, "head_size": 16, "feed_forward": 64, "context_tokens": 200}
    monkeypatch.setitem(PRESETS, "tiny_generalist", replace(PRESETS["gato_generalist"], **small))
    with monkeypatch.context() as patched:
        patched.setattr(collection, "worker_pool", pool_here)
        collect(Collection(tmp_path / "scenes", domain="scenes", episodes=4, workers=1))
    (tmp_path / "some.txt").write_text("\n\n".join(f"paragraph {number} of some text" for number in range(40)))
    parts = {"scenes": ("scenes", 128), "text": ("some.txt", 64)}
    text = "model: tiny_generalist\nsteps: 2\nparts:\n" + "".join(
        f"  {name}:\n    domain: {name}\n    data: [{tmp_path / data}]\n    batch: 2\n    length: {length}\n"
        "    legal_only: true\n"
        for name, (data, length) in parts.items()
    )
    out = tmp_path / "run"
    result = train.run(train.parse(["--mixture", str(mixture(tmp_path, text)), "--out", str(out)]))
    assert {"scenes/accuracy", "scenes/text_loss", "text/accuracy", "loss"} <= set(result) and result["steps"] == 2
    domain, weights = load_domain("scenes"), str(out / "last")
    environment = domain.environment("left_of")
    environment.reset(seed=900_000)
    policy = make_policy(domain, "left_of", weights)
    assert environment.step_action(policy.act(environment.observe()).action)[1]
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), environment.observe().values["scene/pixels"])
    environment.close()
    measured = evaluate_policy(
        Evaluation(weights, domain="text", tasks="files", texts=(tmp_path / "some.txt",), episodes=2, quiet=True)
    )
    assert 5 < measured["domains"]["text"]["tasks"]["files"]["score"] < 15
    monkeypatch.setattr("sys.stdin", io.StringIO("describe the scene.\n\nwhich one is the leftmost?\n"))
    capsys.readouterr()
    said = chat.run(chat.Options(weights, image=(picture,), max_tokens=3))["turns"]
    assert [turn["question"] for turn in said] == ["describe the scene.", "which one is the leftmost?"]
    assert capsys.readouterr().out.splitlines()[-2:] == [turn["answer"] for turn in said]
    written = generate.run(generate.Options(weights, "describe the scene.", (picture,), max_tokens=3))
    assert " ".join(written["text"].split()) == said[0]["answer"]
    with pytest.raises(SetupError, match="a part of scenes; got --domain scenes"):
        train.run(train.parse(["--domain", "scenes", "--data", str(tmp_path / "scenes"), "--out", str(tmp_path / "x")]))


def test_a_robots_single_steps_are_learned_from_snapshots(tmp_path, monkeypatch):
    small = {"layers": 2, "width": 32, "heads": 2, "head_size": 16, "feed_forward": 64, "context_tokens": 200}
    monkeypatch.setitem(PRESETS, "tiny_generalist", replace(PRESETS["gato_generalist"], **small))
    robot, folder = "sawyer_rgb_stacking_told", tmp_path / "snapshots"
    for seed in (0, 1):
        wanted = Collection(folder, embodiment=robot, kind="snapshots", episodes=2, per_scene=3, seed=seed, workers=1)
        collect(wanted)
    part = ROBOT_PART.replace("sawyer_rgb_stacking", robot) + f"    data: [{folder}]\n    batch: 2\n"
    text = f"model: tiny_generalist\nsteps: 2\n{part}    prompt_share: 0.0\n    length: "
    with pytest.raises(SetupError, match="snapshots have no order in time"):
        read_mixture(mixture(tmp_path, f"{text}20\n")).parts[0].recordings()
    path = mixture(tmp_path, f"{text}1\n")
    training, validation, counts = read_mixture(path).parts[0].recordings()
    assert sum(len(one.frames) for one in (*training, *validation)) == counts[str(folder)] > 6
    result = train.run(train.parse(["--mixture", str(path), "--out", str(tmp_path / "run")]))
    assert result["steps"] == 2 and np.isfinite(result["stacking/action_loss"])
    policy = GatoPolicy.from_directory(tmp_path / "run" / "last", load_embodiment(robot))
    assert not policy.info.remembers
