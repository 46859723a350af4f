"""A vocabulary is total: every text comes back as it went in, and what is no vocabulary is refused."""

import random
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gato_ros.core.errors import SetupError
from gato_ros.models import vocabulary
from gato_ros.models.presets import PRESETS
from gato_ros.models.vocabulary import PUBLISHED, Vocabulary, load_vocabulary, vocabulary_of

AWKWARD = st.text(
    st.sampled_from(
        "\u2581 \t\n\r\0\x07\x1f\x7f\x85\u00a0\u200b\u200d\u2028\ufeff\ufffd\uffff"
        "aeé\u0301\u0308ﬁＡ①々한각\u1112\u1161👍🏽🇩🇪\U0010ffff<s>"
    )
)
ANY = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def published():
    return load_vocabulary()


def both(test):
    """Texts of any characters, and of those that SentencePiece changes by itself."""
    for text in ("", " ", "  ", "a ", " a", "\u2581", "a\u2581 b", "\0", "a\0", "</s>", "<0x41>", "e\u0301", "é", "ﬁ"):
        test = example(text)(test)
    return settings(max_examples=300, deadline=None)(given(st.one_of(ANY, AWKWARD))(test))


@both
def test_every_text_comes_back_from_the_published_vocabulary(published, text):
    ids = published.encode(text)
    assert published.decode(ids) == text
    assert all(0 <= i < 32000 and published.legal[i] for i in ids)


@both
def test_every_text_comes_back_from_one_that_would_normalise(small_vocabulary, text):
    assert small_vocabulary.decode(small_vocabulary.encode(text)) == text


def test_sentencepiece_by_itself_does_not_give_that(small_vocabulary):
    """The test above tests something: the plain library changes these texts."""
    from sentencepiece import SentencePieceProcessor

    plain = SentencePieceProcessor(model_proto=small_vocabulary.content)
    for text in (" a", "a  b", "a\u2581b", "ﬁ"):
        assert plain.decode(plain.encode(text)) != text


@given(ids=st.lists(st.integers(0, 31999)))
@settings(max_examples=200, deadline=None)
def test_any_ids_make_a_text(published, ids):
    text = published.decode(ids)
    assert published.decode(published.encode(text)) == text


@pytest.mark.parametrize("bad", [[-1], [3, 32000]])
def test_ids_that_are_no_pieces_are_refused(published, bad):
    with pytest.raises(ValueError, match="32000"):
        published.decode(bad)


@given(before=ANY, lone=st.characters(categories=["Cs"]))
@settings(max_examples=50, deadline=None)
def test_lone_surrogates_are_refused_and_located(published, before, lone):
    with pytest.raises(SetupError, match=f"surrogate .* at character {len(before)}; "):
        published.encode(before + lone + "after")


def test_the_published_vocabulary_is_that_of_the_paper_s_size(published):
    assert published.pieces == 32000 and published.digest == PUBLISHED
    assert not published.legal[published.end] and published.decode([published.end]) == ""
    words = [published.name(i) for i in published.encode("stack the red object on the blue one")]
    assert words == ["▁stack", "▁the", "▁red", "▁object", "▁on", "▁the", "▁blue", "▁one"]
    # One character that is a piece, and one that is not and goes by bytes.
    assert len(published.encode("梦")) == 2 and len(published.encode("𒀀")) == 5
    assert unicodedata.normalize("NFC", "e\u0301") != published.decode(published.encode("e\u0301"))


def trained(tmp_path, **options):
    from sentencepiece import SentencePieceTrainer

    path = tmp_path / "some.model"
    with open(path, "wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter(["a word or two of text"] * 9),
            model_writer=file,
            hard_vocab_limit=False,
            minloglevel=2,
            **options,
        )
    return path


def test_without_byte_pieces_it_is_refused(tmp_path):
    with pytest.raises(SetupError, match="0 byte pieces.*byte_fallback"):
        load_vocabulary(trained(tmp_path, vocab_size=20))


def test_without_an_end_piece_it_is_refused(tmp_path):
    with pytest.raises(SetupError, match="0 end pieces"):
        load_vocabulary(trained(tmp_path, vocab_size=280, byte_fallback=True, eos_id=-1))


def test_more_than_32000_pieces_are_refused(tmp_path, published):
    from sentencepiece.sentencepiece_model_pb2 import ModelProto

    model = ModelProto.FromString(published.content)
    model.pieces.add(piece="one more", score=-1.0)
    path = tmp_path / "large.model"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(SetupError, match="1 to 32000 pieces in .*large.model; got 32001"):
        load_vocabulary(path)


def test_damage_is_refused_or_harmless(small_vocabulary, tmp_path):
    content, rng = small_vocabulary.content, random.Random(0)
    for length in [0, 1, 2, *rng.sample(range(len(content)), 40)]:
        with pytest.raises(SetupError, match="some file"):
            Vocabulary(content[:length], "some file")
    refused = 0
    # The pieces come first in the file; behind them are the tables of a normalisation that is not used.
    for _ in range(150):
        flipped = bytearray(content)
        flipped[rng.randrange(6000)] ^= 1 << rng.randrange(8)
        try:
            damaged = Vocabulary(bytes(flipped), "some file")
        except SetupError:
            refused += 1
        else:
            assert damaged.digest != small_vocabulary.digest
            assert damaged.decode(damaged.encode("the left \u2581 é")) == "the left \u2581 é"
    assert refused > 20
    with pytest.raises(SetupError, match="SentencePiece model"):
        Vocabulary(b"#!/bin/sh\nexit 0\n" * 99, "some file")
    with pytest.raises(SetupError, match="no file"):
        load_vocabulary(tmp_path / "missing.model")


def test_a_damaged_published_file_is_refused(monkeypatch, tmp_path, published):
    class Installed:
        def locate_file(self, name):
            return tmp_path / "tokenizer.model"

    monkeypatch.setattr(vocabulary.importlib.metadata, "distribution", lambda name: Installed())
    find = vocabulary._published.__wrapped__
    with pytest.raises(SetupError, match="pip install --no-deps mistral-common=="):
        find()
    (tmp_path / "tokenizer.model").write_bytes(published.content[:-1] + b"x")
    with pytest.raises(SetupError, match="sha256 dadfd56d7667"):
        find()


def test_a_model_finds_its_vocabulary_by_digest(small_vocabulary):
    from dataclasses import replace

    config = replace(PRESETS["debug"], vocabulary=small_vocabulary.digest, text_rows=320)
    assert vocabulary_of(config) is small_vocabulary
    for changed, message in (
        (replace(config, vocabulary=None), "a model that knows text"),
        (replace(config, text_rows=200), "text_rows of at least"),
        (replace(config, vocabulary="0" * 64), "the vocabulary 000000000000"),
    ):
        with pytest.raises(SetupError, match=message):
            vocabulary_of(changed)
