"""Sequences in which a prompt alone says what to do, because the text is hidden."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.text import value_from_text
from gato_ros.data.episodes.recording import Recording
from gato_ros.data.frames import make_frames
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.embodiments import load_embodiment
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.tokenizer import text_ids
from gato_ros.models.vocabulary import load_vocabulary
from gato_ros.sim.task import TASKS
from gato_ros.training.resident import gathered, tables
from gato_ros.training.sequence import Sequences, _shown
from gato_ros.training.sequence_config import SequenceConfig
from gato_ros.training.windows import Windows

ROBOT = load_embodiment("sawyer_rgb_stacking_told")
CONFIG = SequenceConfig(steps=6, batch=8, length=12, prompt_share=0.5, text_hidden_share=0.5)


def recording(number, task):
    """Nine steps of an episode with its task in words."""
    rows = []
    for step in range(9):
        values = {
            key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
            for key, channel in ROBOT.observations.items()
        }
        values["task/text"] = value_from_text(TASKS[task].text, 64)
        rows.append((Observation(values, step / 20), ArmAction(np.full(4, 0.01 * number), 0.085)))
    frames = make_frames(ROBOT.image_keys, rows)
    return Recording(frames, np.arange(9), frames.actions, 9, (task, "cubes", "expert"), 1.0)


@pytest.fixture(scope="module")
def model():
    vocabulary, keys = load_vocabulary(), ("basket_front_left/pixels", "gripper/opening", "task/text")
    return replace(
        PRESETS["debug"],
        observation_keys=keys,
        text_rows=vocabulary.pieces,
        vocabulary=vocabulary.digest,
        context_tokens=100,
    )


@pytest.fixture(scope="module")
def layout(model):
    return token_layout(ROBOT.spec, model)


@pytest.fixture(scope="module")
def windows(layout):
    tasks = ("lift_red", "lift_red", "push_blue", "push_blue")
    recordings = [recording(number, task) for number, task in enumerate(tasks)]
    return Windows.of(recordings, layout, StackingSupervision(), auxiliary=False)


def test_half_of_the_pieces_with_a_prompt_and_no_other_hide_their_text(windows):
    rng, prompted, hidden = np.random.default_rng(0), 0, 0
    for _ in range(400):
        rows, pieces, hide = windows.plan(rng, CONFIG, 3)
        for number in range(pieces[-1] + 1):
            inside = rows[pieces == number]
            has_prompt = len(set(inside // 9)) == 2
            assert len(set(hide[pieces == number])) == 1
            if len(inside) > 4:  # a shorter one may end within its prompt
                assert has_prompt or not hide[pieces == number][0]
                prompted, hidden = prompted + has_prompt, hidden + bool(hide[pieces == number][0])
    assert prompted > 150 and 0.4 < hidden / prompted < 0.6


def test_without_the_share_windows_are_as_they_were(windows):
    draw = lambda share: windows.draw(np.random.default_rng(3), replace(CONFIG, text_hidden_share=share), 3)  # noqa: E731
    plain = draw(0.0)
    assert plain.text_hidden is None and windows.batch(plain).text_hidden is None
    assert draw(1.0).text_hidden.shape == plain.rows.shape and draw(1.0).text_hidden.any()
    np.testing.assert_array_equal(plain.rows[0, :3], draw(1.0).rows[0, :3])


def test_a_hidden_text_is_the_empty_text_and_nothing_else_changes(windows, layout):
    plan = windows.draw(np.random.default_rng(1), CONFIG, 3)
    batch = windows.batch(plan)
    (item,) = [item for item in layout.vectors if item.kind == "text"]
    empty = text_ids(layout, item, np.zeros(item.shape, np.float32))
    seen, before = np.asarray(_shown(batch, layout).ids), batch.tokens.ids
    hide = plan.text_hidden
    assert 0 < hide.sum() < hide.size
    np.testing.assert_array_equal(seen[~hide], before[~hide])
    columns = np.flatnonzero((seen != before).reshape(-1, seen.shape[-1]).any(0))
    assert len(columns) and (seen[hide][:, -item.tokens :] == empty).all()
    np.testing.assert_array_equal(seen[hide][:, : -item.tokens], before[hide][:, : -item.tokens])
    on_device = gathered(tables(windows), plan, layout=layout, image_keys=windows.frames.image_keys)
    jax.tree.map(np.testing.assert_array_equal, on_device, batch)


@pytest.mark.parametrize("change", [{"prompt_share": 0.0}, {}], ids=["no prompts", "no text"])
def test_what_has_nothing_to_hide_or_no_prompt_is_refused(windows, layout, model, change):
    seen = layout if change else token_layout(ROBOT.spec, replace(model, observation_keys=model.observation_keys[:2]))
    with pytest.raises(
        SetupError, match=r"expected with text_hidden_share a model that reads a text, and a prompt_share"
    ):
        Sequences(replace(CONFIG, **change), model, seen, windows, windows)
