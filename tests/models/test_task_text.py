"""The task in words as an observation of the robot, and text from weights on disk."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from gato_ros.cli import main
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.text import text_from_value, value_from_text
from gato_ros.data.episodes.episode import EpisodeWriter, read_episode
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER
from gato_ros.models import vocabulary
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.tokenizer import tokenize
from gato_ros.models.weights import load_weights, save_weights

KEYS = ("basket_front_left/pixels", "gripper/opening", "task/text")
STACK = "stack the red object on the blue one"


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    """The shipped contract with two lines more."""
    content = yaml.safe_load((FOLDER / "sawyer_rgb_stacking.yaml").read_text())
    content["observations"]["task/text"] = {"kind": "text", "source": "task", "size_bytes": 64, "tokens": 40}
    path = tmp_path_factory.mktemp("contract") / "sawyer_told.yaml"
    path.write_text(yaml.safe_dump({**content, "name": "sawyer_told"}))
    return path


@pytest.fixture(scope="module")
def told(contract):
    return load_embodiment(contract)


@pytest.fixture(scope="module")
def config(small_vocabulary):
    return replace(
        PRESETS["debug"], observation_keys=KEYS, context_tokens=180, text_rows=320, vocabulary=small_vocabulary.digest
    )


@pytest.fixture(scope="module")
def weights(told, config, tmp_path_factory):
    import jax

    folder, rng = tmp_path_factory.mktemp("weights"), np.random.default_rng(0)
    # Not the model's own start: compiling it takes longer than all these tests.
    params = jax.tree.map(
        lambda leaf: 0.3 * rng.standard_normal(leaf.shape, np.float32),
        parameter_shapes(config, token_layout(told.spec, config)),
    )
    save_weights(folder, params, config, told)
    return folder


def values(task, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    return {
        "basket_front_left/pixels": pixels,
        "gripper/opening": np.array([0.05], np.float32),
        "task/text": value_from_text(task, 64),
    }


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def test_the_text_becomes_tokens_of_the_step(told, config, small_vocabulary):
    layout = token_layout(told.spec, config)
    assert layout.observation_tokens == 16 + 1 + 40
    ids = tokenize(layout, values(STACK)).ids
    pieces = small_vocabulary.encode(STACK)
    np.testing.assert_array_equal(ids[1:], pieces + [small_vocabulary.end] * (40 - len(pieces)))
    assert ids[1:].max() < 32000
    # Any leading axes, as for every other key.
    batch = {key: np.stack([values(STACK)[key], values("")[key]])[:, None] for key in KEYS}
    many = tokenize(layout, batch).ids
    np.testing.assert_array_equal(many[0, 0], ids)
    assert (many[1, 0, 1:] == small_vocabulary.end).all()
    with pytest.raises(SetupError, match="at most 40 tokens"):
        tokenize(layout, values("\x07" * 60))
    with pytest.raises(SetupError, match="text_rows"):
        tokenize(token_layout(told.spec, replace(config, text_rows=100)), values(STACK))


def test_a_contract_s_text_needs_a_model_with_a_vocabulary(told, config):
    with pytest.raises(SetupError, match="a vocabulary, to read task/text"):
        token_layout(told.spec, replace(config, vocabulary=None))


def test_the_simulator_says_its_task_and_a_recording_gives_the_same_tokens(told, config, tmp_path):
    from gato_ros.sim.env import RgbStackingEnv
    from gato_ros.sim.task import task_named

    environment = RgbStackingEnv(embodiment=told, wanted=task_named("blue_on_green"))
    environment.start(3)
    seen, hold = environment.observe(), ArmAction(np.zeros(4), 0.0)
    environment.close()
    assert text_from_value(seen.values["task/text"]) == "stack the blue object on the green one"
    with EpisodeWriter(tmp_path, "one", told, {}) as writer:
        writer.add(0, seen, hold, hold)
        episode = read_episode(writer.close({}))
    layout = token_layout(told.spec, config)
    for live, recorded in zip(
        tokenize(layout, seen.values), tokenize(layout, {key: value[0] for key, value in episode.values.items()})
    ):
        np.testing.assert_array_equal(live, recorded)


def test_a_policy_does_what_it_is_told(weights, told):
    policy = GatoPolicy.from_directory(weights, told)
    policy.warm_up()
    felt = []
    for task in (STACK, STACK, "left"):
        policy.reset()
        felt.append(policy.act(Observation(values(task))).trace.entropy_nat)
    assert policy.compilations == 1
    np.testing.assert_array_equal(felt[0], felt[1])
    assert np.abs(felt[0] - felt[2]).max() > 1e-4
    policy.check_texts({"task/text": value_from_text(STACK, 64)})
    with pytest.raises(SetupError, match="at most 40 tokens"):
        policy.check_texts({"task/text": value_from_text("\x07" * 60, 64)})


def test_the_vocabulary_goes_with_the_weights_and_no_other_is_taken(weights, told, small_vocabulary, monkeypatch):
    file = weights / "vocabulary.model"
    assert file.read_bytes() == small_vocabulary.content
    # As in another process: nothing was loaded yet.
    monkeypatch.setattr(vocabulary, "_known", {})
    assert load_weights(weights, told).config.vocabulary == small_vocabulary.digest
    monkeypatch.setattr(vocabulary, "_known", {})
    try:
        file.write_bytes(vocabulary.load_vocabulary().content)
        with pytest.raises(SetupError, match="of vocabulary.model"):
            load_weights(weights, told)
        file.unlink()
        with pytest.raises(SetupError, match="put vocabulary.model beside the weights"):
            load_weights(weights, told)
    finally:
        file.write_bytes(small_vocabulary.content)


def test_weights_with_the_published_vocabulary_carry_no_copy(told, config, tmp_path):
    import jax

    published = replace(config, vocabulary=vocabulary.PUBLISHED, text_rows=32000)
    (tmp_path / "vocabulary.model").write_bytes(b"of weights that were here before")
    params = jax.tree.map(
        lambda leaf: np.zeros(leaf.shape, np.float32), parameter_shapes(published, token_layout(told.spec, published))
    )
    save_weights(tmp_path, params, published, told)
    assert not (tmp_path / "vocabulary.model").exists()
    assert load_weights(tmp_path, told).config == published


def test_tokens_verb_shows_the_pieces_of_the_text(weights, contract, told, small_vocabulary, tmp_path, capsys):
    from gato_ros.sim.env import RgbStackingEnv

    environment = RgbStackingEnv(embodiment=told)
    environment.start(3)
    hold = ArmAction(np.zeros(4), 0.0)
    with EpisodeWriter(tmp_path, "one", told, {}) as writer:
        writer.add(0, environment.observe(), hold, hold)
        path = writer.close({})
    environment.close()
    assert call("tokens", path, "--policy", weights, "--embodiment", contract, "--json", tmp_path / "t.json") == 0
    rows = [row for row in json.loads((tmp_path / "t.json").read_text())["tokens"] if row["key"] == "task/text"]
    assert [row["id"] for row in rows][:3] == small_vocabulary.encode(STACK)[:3] and len(rows) == 40
    assert rows[0]["raw"] == small_vocabulary.name(rows[0]["id"]) and rows[-1]["raw"] == "</s>"
    assert "task/text" in capsys.readouterr().out


def test_generate_verb_writes_text(weights, contract, small_vocabulary, tmp_path, capsys):
    import cv2

    picture = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    written = {}
    for name, image in (("blind", ()), ("seeing", ("--image", tmp_path / "p.png"))):
        code = call(
            "generate",
            "--policy",
            weights,
            "--embodiment",
            contract,
            "--text",
            "which is left",
            *image,
            "--max-tokens",
            12,
            "--temperature",
            1,
            "--top-k",
            50,
            "--json",
            tmp_path / "g.json",
        )
        written[name] = json.loads((tmp_path / "g.json").read_text())
        assert code == 0 and capsys.readouterr().out == written[name]["text"] + "\n"
        assert written[name]["text"] == small_vocabulary.decode(written[name]["ids"])
    assert written["blind"]["ids"] != written["seeing"]["ids"] and written["seeing"]["tokens_per_s"] > 0
    cv2.imwrite(str(tmp_path / "odd.png"), picture[:50])
    for arguments, said in (
        (("--image", tmp_path / "odd.png"), "multiples of 32 px; got 50 x 32"),
        (("--image", tmp_path / "none.png"), "no file"),
        (("--image", weights / "config.json"), "none that can be read"),
        ((), "a prompt"),
        (("--text", "a", "--max-tokens", 0), "--max-tokens of at least 1"),
    ):
        assert call("generate", "--policy", weights, "--embodiment", contract, *arguments) == 2
        assert said in capsys.readouterr().err
    assert call("generate", "--policy", "sawyer_mastery", "--text", "a") == 2
    assert "a model that knows text" in capsys.readouterr().err
