"""Text from a remembered prompt is text from full forward passes, and it is legal."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.generation import Sampling, choose, generate, read_prompt, read_token
from gato_ros.models.layout import token_layout
from gato_ros.models.mixed_sequence import mixed_features
from gato_ros.models.parameters import init
from gato_ros.models.presets import PRESETS
from gato_ros.models.segments import Continuous, Image, SequenceTokens, Step, Text, pack

features = jax.jit(mixed_features, static_argnums=1)


@pytest.fixture(scope="module")
def prompt():
    pixels = np.random.default_rng(0).integers(0, 256, (48, 32, 3), dtype=np.uint8)
    return (Step((Text("the red one"),), (Continuous([0.5]),)), Step((Image(pixels), Text("which is left"))))


def full_logits(params, config, tokens):
    """[count text_rows] by a full forward pass of what there is so far."""
    count = int(tokens.count[0])
    return np.asarray(features(params, config, tokens))[0, :count] @ np.asarray(params["table"])[: config.text_rows].T


@pytest.mark.parametrize(
    "changes",
    [{}, {"context_tokens": 26}, {"attention_positions": "none"}],
    ids=["whole", "window slides", "no positions"],
)
def test_remembering_equals_computing_everything_again(text_config, text_params, small_vocabulary, prompt, changes):
    text_config = replace(text_config, **changes)
    packed = pack(prompt, text_config, multiple=16)
    tokens = SequenceTokens(*(part[None] for part in packed))
    # Padded wider than the prompt: the keys of the padding must not be seen later.
    count, added = int(tokens.count[0]), small_vocabulary.encode(" red, blue and left")
    assert count < tokens.ids.shape[1] and len(added) > tokens.ids.shape[1] - count
    logits, memory = read_prompt(text_params, tokens, config=text_config, slots=96)
    seen = [np.asarray(logits)]
    place = int(tokens.place[0, count - 1]) + 1
    for n, chosen in enumerate(added):
        logits, memory = read_token(
            text_params, memory, np.int32(chosen), np.int32(place + n), np.int32(count + n), config=text_config
        )
        seen.append(np.asarray(logits))
    longer = pack((*prompt[:-1], Step((*prompt[-1].observation, Text(" red, blue and left")))), text_config, 96)
    wanted = full_logits(text_params, text_config, SequenceTokens(*(part[None] for part in longer)))
    assert len(wanted) == count + len(added)
    np.testing.assert_allclose(seen, wanted[count - 1 :], atol=1e-5)


def test_generation_takes_the_likeliest_legal_pieces(text_config, text_params, small_vocabulary, prompt):
    ids = list(generate(text_params, text_config, prompt, max_tokens=20))
    legal = small_vocabulary.legal.copy()
    legal[small_vocabulary.end] = True
    text, wanted = prompt, []
    for _ in range(20):
        tokens = SequenceTokens(*(part[None] for part in pack(text, text_config, 96)))
        # Ids and not their text: pieces of a text may be cut otherwise when they are read again.
        ids_now, place, count = tokens.ids.copy(), tokens.place.copy(), int(tokens.count[0])
        ids_now[0, count : count + len(wanted)] = wanted
        place[0, count : count + len(wanted)] = place[0, count - 1] + 1 + np.arange(len(wanted))
        longer = tokens._replace(ids=ids_now, place=place, count=tokens.count + len(wanted))
        logits = full_logits(text_params, text_config, longer)[-1, : small_vocabulary.pieces]
        chosen = int(np.where(legal, logits, -np.inf).argmax())
        if chosen == small_vocabulary.end:
            break
        wanted.append(chosen)
    assert ids == wanted and len(set(ids)) > 1
    assert small_vocabulary.decode(ids).encode().decode() == small_vocabulary.decode(ids)


def test_a_token_is_one_decode_and_compiles_once(text_config, text_params, small_vocabulary, prompt):
    list(generate(text_params, text_config, prompt, max_tokens=8))
    before = read_prompt._cache_size(), read_token._cache_size()
    ids = list(generate(text_params, text_config, [*prompt, Step((Text("right"),))], max_tokens=30))
    assert len(ids) > 1 and (read_prompt._cache_size(), read_token._cache_size()) == before


def test_only_legal_ids_and_the_top_ones_are_drawn():
    legal = np.array([False, True, True, True, False, True])
    logits = np.array([9.0, 1.0, 3.0, 2.0, 9.0, 0.5, 9.0, 9.0], np.float32)
    draw = lambda sampling: {int(choose(logits, legal, jax.random.key(i), sampling=sampling)) for i in range(200)}
    assert draw(Sampling()) == {2}
    assert draw(Sampling(temperature=2.0)) == {1, 2, 3, 5}
    assert draw(Sampling(temperature=2.0, top_k=2)) == {2, 3}
    assert draw(Sampling(temperature=2.0, top_k=50)) == {1, 2, 3, 5}
    share = np.mean([int(choose(logits, legal, jax.random.key(i), sampling=Sampling(1.0))) == 2 for i in range(2000)])
    expected = np.exp(3) / np.exp([1, 3, 2, 0.5]).sum()
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 2000)


def test_the_seed_decides_and_the_end_piece_stops(text_config, text_params, small_vocabulary, prompt):
    def draw(seed):
        return list(generate(text_params, text_config, prompt, max_tokens=8, sampling=Sampling(1.0), seed=seed))

    assert draw(1) == draw(1) != draw(2)
    # The end piece made the likeliest by far: its row points where all features point.
    norm = text_params["final_norm"]
    ending = {
        **text_params,
        "final_norm": {**norm, "bias": norm["bias"] + 50.0},
        "table": text_params["table"].at[small_vocabulary.end].set(1.0),
    }
    assert list(generate(ending, text_config, prompt, max_tokens=8)) == []


def test_what_cannot_generate_is_refused(text_config, text_params, small_vocabulary, prompt):
    for changed, message in (
        (replace(text_config, vocabulary=None), "knows text"),
        (replace(text_config, action_decoding="one_pass", context_tokens=None), "action_decoding"),
    ):
        with pytest.raises(SetupError, match=message):
            list(generate(text_params, changed, prompt, max_tokens=1))
    for nothing in ((), (Step(()),), (Step((Text(""),)),)):
        with pytest.raises(SetupError, match="a prompt"):
            list(generate(text_params, text_config, nothing, max_tokens=1))
    for sampling in ((-1.0, None), (float("nan"), None), (1.0, 0)):
        with pytest.raises(SetupError, match="temperature"):
            Sampling(*sampling)
    broken = {**text_params, "table": text_params["table"].at[40, 0].set(np.nan)}
    with pytest.raises(NonFiniteError):
        list(generate(broken, text_config, prompt, max_tokens=1))
    blind = {name: value for name, value in text_params.items() if name != "stem"}
    with pytest.raises(SetupError, match="sees images"):
        list(generate(blind, text_config, prompt, max_tokens=1))


def test_the_published_vocabulary_fits_the_paper_s_table(embodiment):
    """32,000 text rows, and the rows of all else behind them."""
    from gato_ros.models.vocabulary import PUBLISHED

    config = replace(PRESETS["debug"], text_rows=32000, vocabulary=PUBLISHED, layers=1)
    params = init(jax.random.key(0), config, token_layout(embodiment.spec, config))
    ids = list(generate(params, config, [Step((Text("stack the red object on the"),))], max_tokens=3))
    assert len(ids) == 3 and all(0 <= i < 32000 for i in ids)
