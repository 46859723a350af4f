"""Answers in words behind the Policy seam, and several turns of them."""

from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.spec import DiscreteSpec, ImageSpec, StepSpec, TextSpec
from gato_ros.core.text import text_from_value, value_from_text
from gato_ros.models.config import Crop
from gato_ros.models.dialogue import cut, dialogue_step
from gato_ros.models.generation import generate
from gato_ros.models.layout import token_layout
from gato_ros.models.segments import Image, Step, Text, pack
from gato_ros.models.serving.answers import AnswerPolicy
from gato_ros.models.serving.conversation import Conversation
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.weights import Weights, load_weights, save_weights

SPEC = StepSpec.of({"eye/pixels": ImageSpec(32, 32), "asked/text": TextSpec(64, 24)}, {"said/text": TextSpec(24, 8)})
CONTRACT = SpecContract("questions", SPEC)
PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(text_config, fresh):
    config = replace(text_config, generalist=True, observation_keys=("asked/text", "eye/pixels"))
    return Weights(fresh(config, token_layout(SPEC, config), 0, 0.1), config, {})


def seen(*lines):
    return Observation({"eye/pixels": PICTURE, "asked/text": value_from_text("\n".join(lines), 64)})


def test_a_question_has_the_tokens_that_it_is_learned_with(text_config):
    whole = pack([dialogue_step(["which is left", "red", "and right", "blue"], text_config, [PICTURE])], text_config)
    asked = pack([dialogue_step(["which is left", "red", "and right"], text_config, [PICTURE])], text_config)
    for name in ("ids", "place", "predicted"):
        np.testing.assert_array_equal(getattr(whole, name)[: int(asked.count)], getattr(asked, name), err_msg=name)
    assert whole.predicted[int(asked.count) :].all() and not whole.predicted[:4].any()


def test_a_picture_is_cut_as_a_camera_is(text_config):
    image = cut(PICTURE, replace(text_config, crop=Crop(top=8, bottom=8)))
    np.testing.assert_array_equal(image.pixels, PICTURE[8:24])
    assert (image.whole, image.origin) == ((32, 32), (8, 0)) and isinstance(image, Image)
    with pytest.raises(SetupError, match="16 x 0 px that are cut off"):
        cut(PICTURE[:16], replace(text_config, crop=Crop(bottom=16)))


def test_an_answer_is_what_is_generated(weights, small_vocabulary):
    policy = AnswerPolicy(weights, CONTRACT)
    step = Step((Image(PICTURE), Text("which is left", predicted=False)))
    ids = list(generate(weights.params, weights.config, [step], max_tokens=8))
    given = text_from_value(policy.act(seen("which is left")).action.values["said/text"])
    assert ids and given == small_vocabulary.decode(ids).encode()[:24].decode(errors="ignore")
    assert policy.observation_keys == ("asked/text", "eye/pixels") and policy.ticks == 1


def test_a_step_of_numbers_is_for_the_other_policy(weights, tmp_path):
    moves = SpecContract("moves", StepSpec.of(SPEC.observations, {"move": DiscreteSpec(3)}))
    with pytest.raises(SetupError, match="one text to read and one to write; got moves"):
        AnswerPolicy(weights, moves)
    with pytest.raises(SetupError, match="questions, which is answered in words"):
        GatoPolicy(weights.params, weights.config, CONTRACT)


def test_weights_come_back_by_their_contract_or_by_none(weights, tmp_path):
    save_weights(tmp_path, weights.params, weights.config, CONTRACT)
    for contract in (CONTRACT, None):
        assert load_weights(tmp_path, contract).config == weights.config.deployed()
    other = SpecContract("questions", StepSpec.of(SPEC.observations, {"said/text": TextSpec(24, 9)}))
    with pytest.raises(SetupError, match="with actions"):
        load_weights(tmp_path, other)
    with pytest.raises(SetupError, match="weights of a generalist, where no contract is named"):
        load_weights("sawyer_mastery", None)


def test_a_conversation_forgets_its_oldest_turns(weights):
    conversation = Conversation(weights, [PICTURE], max_tokens=8)
    first = conversation.answer("which is left")
    policy = AnswerPolicy(weights, CONTRACT)
    alone = " ".join(text_from_value(policy.act(seen("which is left")).action.values["said/text"]).split())
    assert first.startswith(alone) and conversation.lines == ["which is left", first]
    for _ in range(8):
        conversation.answer("and the red one")
        steps = [dialogue_step(conversation.lines[:-1], weights.config, [PICTURE])]
        assert pack(steps, weights.config).count + 8 <= weights.config.window
    assert conversation.lines[0] == "and the red one" and len(conversation.lines) < 18
    with pytest.raises(SetupError, match="a question that fits into 92 tokens"):
        conversation.answer("zxq " * 100)
    with pytest.raises(SetupError, match="within 100 tokens"):
        Conversation(weights, [PICTURE], max_tokens=96)
