"""Text as a part of a mixture: learned from its learned tokens alone, and resumed as all else is."""

import json
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from gato_ros.models.layout import PAD, layout_without_spec
from gato_ros.models.loss import masked_cross_entropy
from gato_ros.models.mixed_sequence import mixed_targets
from gato_ros.models.segments import NOWHERE, SequenceTokens
from gato_ros.models.weights import load_weights
from gato_ros.training.loop import CURVES, Schedule, train
from gato_ros.training.mixture.config import MixtureConfig
from gato_ros.training.mixture.objective import Mixture, Part
from gato_ros.training.mixture.writing import Writing, measure_writing
from gato_ros.training.mixture.writing_config import WritingConfig
from gato_ros.training.supervision import ActionsOnly
from tests.training import test_mixture as games

WRITING = WritingConfig(batch=16, length=6, learned=2, legal_only=True)
MODEL = replace(games.MODEL, layers=1, auxiliary=(), auxiliary_early_layer=0, patch_auxiliary=())
WIDER = replace(WRITING, length=8, learned=0, legal_only=False)
CONFIG = MixtureConfig(
    (("words", 1.0, WRITING), ("more", 0.5, WIDER)), steps=40, learning_rate=2e-2, warmup_steps=2, average=0.8
)


class Doubled:
    """A question of one token, which is answered by its double and the end; padded at its end."""

    grids, digest = (), "doubled"

    def __len__(self):
        return 1

    def sequence(self, rng, length, learned):
        asked = int(rng.integers(1, 12))
        ids = np.array([asked, 2 * asked, 100, *[PAD] * (length - 3)], np.int32)
        place = np.array([0, 1, 2, *[NOWHERE] * (length - 3)], np.int32)
        predicted = np.isin(np.arange(length), (1, 2))
        nothing = (np.zeros((0, 32, 32, 3), np.uint8), np.zeros(0, np.int32), np.zeros((0, 2, 2), np.int32))
        return SequenceTokens(ids, place, predicted, np.asarray(3, np.int32), *nothing)


def mixture():
    return Mixture(
        CONFIG,
        MODEL,
        tuple(
            Part(name, Writing(config, MODEL, layout_without_spec(MODEL), Doubled(), Doubled()), ActionsOnly(()))
            for name, _, config in CONFIG.parts
        ),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writing")
    result = train(mixture(), games.GAME, ActionsOnly(()), {"a": 1}, folder, Schedule(10, 40, 20), lambda row: None)
    return folder, result


def test_text_is_learned_and_has_its_own_figures(trained):
    folder, result = trained
    assert result["words/accuracy"] > 0.9 and result["words/text_loss"] < 0.5 and result["more/accuracy"] > 0.9
    assert result["loss"] == pytest.approx(result["words/loss"] + 0.5 * result["more/loss"], rel=1e-5)
    first = json.loads((folder / CURVES).read_text().splitlines()[0])
    assert first["words/text_loss"] > 1 and {"words/accuracy", "more/text_loss"} <= first.keys()


def test_a_resumed_training_of_text_ends_with_the_same_weights(trained, tmp_path):
    for steps in (20, 40):
        objective = games._until(mixture(), steps)
        train(objective, games.GAME, ActionsOnly(()), {"a": 1}, tmp_path, Schedule(0, 0, 20), print)
    once, twice = (load_weights(folder / "last", games.GAME).params for folder in (trained[0], tmp_path))
    jax.tree.map(np.testing.assert_array_equal, once, twice)


def test_batches_are_a_function_of_the_step():
    words = mixture().parts[0].sequences
    for one, other in zip(words.batch_of_step(0, 7), words.batch_of_step(0, 7)):
        jax.tree.map(np.testing.assert_array_equal, one, other)
    assert not np.array_equal(words.batch_of_step(0, 7).tokens.ids, words.batch_of_step(0, 8).tokens.ids)


def test_the_loss_is_among_the_rows_of_text_if_only_these_are_legal(trained):
    batch = mixture().parts[0].sequences.batch_of_step(0, 0)
    params = load_weights(trained[0] / "last", games.GAME).params
    of_all = jax.jit(partial(mixed_targets, config=MODEL))
    logits, rows, mask = of_all(params, tokens=batch.tokens)  # of every token, against every row
    assert mask.sum() == 2 * WRITING.batch and batch.learned.shape == (WRITING.batch, WRITING.places)
    for legal_only, among in ((True, MODEL.text_rows), (False, None)):
        wanted = masked_cross_entropy(logits[..., :among], np.minimum(rows, 125), mask)
        config = replace(WRITING, legal_only=legal_only)
        found = measure_writing(params, batch, config=config, model=MODEL, grids=())
        assert found["text_loss"] == pytest.approx(float(wanted), abs=1e-4)
