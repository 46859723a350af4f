"""Texts by paragraph, what is kept for evaluation, and the model of counts that is the yardstick."""

import json
import sysconfig

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.domains.text import sources
from gato_ros.domains.text.ngram import NGram, _interpolated, _triples
from gato_ros.domains.text.source import TextSource, encoded
from gato_ros.domains.text.sources import held_out, paragraphs
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.settings import Evaluation
from gato_ros.models.presets import PRESETS
from gato_ros.models.segments import Step, Text, pack
from gato_ros.models.vocabulary import load_vocabulary

SUBJECTS, VERBS, OBJECTS = ("the robot", "the arm", "the gripper"), ("lifts", "sees", "moves"), ("cube", "ball", "lid")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A hundred paragraphs of one language, in two files."""
    folder, rng = tmp_path_factory.mktemp("texts"), np.random.default_rng(0)
    lines = [
        " and ".join(f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} the {rng.choice(OBJECTS)}" for _ in range(4))
        for _ in range(100)
    ]
    (folder / "one.txt").write_text("\n\n".join(lines[:60]))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "two.txt").write_text("short\n\n" + "\n \n".join(lines[50:]))
    return folder


def test_paragraphs_come_once_and_in_one_order(folder):
    found = paragraphs(str(folder))
    assert 80 < len(found) == len(set(found)) <= 100 and all(len(one) >= sources.SHORTEST for one in found)
    assert found == paragraphs(str(folder)) and set(paragraphs(str(folder / "one.txt"))) < set(found)


def test_one_paragraph_in_twenty_is_held_out():
    kept = [held_out(f"paragraph number {number}") for number in range(4000)]
    assert 140 < sum(kept) < 260


def test_indentation_and_empty_lines_go(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("    first line of it\n      second line of it\n\n\n\t\n   x\n")
    assert paragraphs(str(path)) == ["first line of it\n  second line of it"]


def test_documentation_of_the_library_is_read_not_imported(tmp_path, monkeypatch):
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "hidden.py").write_text('"""A test that nobody should read."""')
    (tmp_path / "broken.py").write_text("def :")
    source = '"""What this module is about."""\nraise SystemExit\nclass A:\n    """What an A is good for."""\n'
    (tmp_path / "good.py").write_text(source)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert set(paragraphs("python")) == {"What this module is about.", "What an A is good for."}


def test_definitions_are_read_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "WORDNET_FOLDER", tmp_path)
    with pytest.raises(SetupError, match="WordNet in .*; got none"):
        paragraphs("wordnet")
    line = '00001740 03 n 02 solid_body 0 thing 1 000 | something that has a shape; "a cube is one"  \n'
    for name in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"data.{name}").write_text("  1 the licence\n" + (line if name == "noun" else ""))
    assert paragraphs("wordnet") == ['solid body, thing: something that has a shape; "a cube is one"']


@pytest.mark.parametrize(
    ("content", "says"), [(None, "a text file, a folder"), (b"\xff\xfe text", "UTF-8 in"), (b"short", "20 characters")]
)
def test_what_is_no_text_is_refused(tmp_path, content, says):
    path = tmp_path / "some.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SetupError, match=says):
        paragraphs(str(path))


def test_sequences_are_what_the_packing_of_steps_gives(folder):
    """Whole paragraphs from the beginning of one on, each a time-step, every token but the first learned."""
    config, texts = PRESETS["gato_generalist"], paragraphs(str(folder))[:5]
    source = TextSource(texts, config)
    vocabulary = load_vocabulary()
    assert len(source) == sum(len(encoded(text, vocabulary)) for text in texts)
    for seed in range(6):
        found = source.sequence(np.random.default_rng(seed), 64, 64)
        begun = vocabulary.decode(found.ids[: int(np.flatnonzero(found.ids == vocabulary.end)[0])])
        start = texts.index(begun)
        whole = pack([Step((Text(text, end=True),)) for text in texts[start:]], config)
        count = min(64, int(whole.count))
        for name in ("ids", "place", "predicted"):
            np.testing.assert_array_equal(getattr(found, name)[:count], getattr(whole, name)[:count], err_msg=name)
        assert found.count == count and not found.predicted[count:].any()
    assert source.sequence(np.random.default_rng(0), 64, 10).predicted[1:].sum() == 10


def test_counts_sum_to_one_and_foresee_their_language(folder):
    vocabulary = load_vocabulary()
    texts = [encoded(text, vocabulary) for text in paragraphs(str(folder))]
    ngram = NGram.of(texts[:60], vocabulary.pieces, vocabulary.end)
    keys = _triples([5, 6, 7], vocabulary.pieces, vocabulary.end)[-1:] // vocabulary.pieces * vocabulary.pieces
    known = _triples(texts[0], vocabulary.pieces, vocabulary.end)[3:4] // vocabulary.pieces * vocabulary.pieces
    for start in (keys, known):  # a history that never came, and one that did
        following = start + np.arange(vocabulary.pieces)
        probability = np.full(vocabulary.pieces, 1 / vocabulary.pieces)
        for order, counts in enumerate(ngram.orders, 1):
            part = following % vocabulary.pieces**order
            probability = _interpolated(counts, part, part // vocabulary.pieces, probability)
        assert probability.sum() == pytest.approx(1) and (probability > 0).all()
    new = np.concatenate([ngram.nats(text, vocabulary.end) for text in texts[60:]])
    mixed = np.random.default_rng(0).permutation(np.concatenate(texts[60:]))
    assert new.mean() < 0.7 < 3 < ngram.nats(mixed.tolist(), vocabulary.end).mean()
    assert len(ngram.nats(texts[60], vocabulary.end)) == len(texts[60]) - 1


def test_text_has_no_demonstrations_to_collect(tmp_path):
    with pytest.raises(SetupError, match="a domain with demonstrations; got text"):
        collect(Collection(tmp_path / "out", domain="text", episodes=1))


def test_evaluation_puts_nats_between_chance_and_counts(folder, tmp_path, capsys):
    options = {"domain": "text", "episodes": 50, "tasks": "files", "texts": (folder,)}
    chance = evaluate_policy(Evaluation("random", **options, json=tmp_path / "r.json"))
    row = chance["domains"]["text"]["tasks"]["files"]
    assert row["score"] == pytest.approx(row["random"]) == pytest.approx(np.log(32000))
    assert row["ngram"] == row["expert"] < 1.5 and chance["mean_percent_of_expert"] == pytest.approx(0)
    assert json.loads((tmp_path / "r.json").read_text())["domains"] == chance["domains"]
    assert "nats per token" in capsys.readouterr().out
    counts = evaluate_policy(Evaluation("expert", **options, quiet=True))
    assert counts["mean_percent_of_expert"] == pytest.approx(100) and counts["domains"]["text"]["tasks_above_50"] == 1
    with pytest.raises(SetupError, match="texts of files"):
        evaluate_policy(Evaluation("random", domain="text", tasks="files"))
    with pytest.raises(SetupError, match="no --temperature for text"):
        evaluate_policy(Evaluation("some", domain="text", temperature=1.0))
    with pytest.raises(SetupError, match="--texts with --domain text"):
        evaluate_policy(Evaluation("random", domain="babyai", texts=(folder,)))
