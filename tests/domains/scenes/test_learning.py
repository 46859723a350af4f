"""Scenes from collection to sequences, and how answers are scored."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data.demonstrations.reading import read_demonstrations
from gato_ros.domains.scenes import domain
from gato_ros.domains.scenes.facts import FACTS, facts_of
from gato_ros.domains.scenes.questions import KINDS, ask
from gato_ros.domains.scenes.source import SceneSource
from gato_ros.domains.scenes.spec import PICTURE
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.foreign import collection
from gato_ros.evaluation.settings import Evaluation
from gato_ros.models.dialogue import cut, dialogue_step
from gato_ros.models.layout import PAD
from gato_ros.models.presets import PRESETS
from gato_ros.models.segments import pack
from gato_ros.models.vocabulary import load_vocabulary
from tests.domains.conftest import Here

MODEL = PRESETS["gato_generalist"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(collection, "worker_pool", lambda *options: contextlib.nullcontext(Here()))
        counts = collect(Collection(folder, domain="scenes", episodes=8, workers=1))
    assert counts["kept"] == counts["frames"] == 8
    return read_demonstrations([folder])


def test_a_record_holds_a_picture_its_facts_and_a_question(scenes):
    assert {one.source for one in scenes} == {("scene", "scenes", "expert")}
    for one in scenes:
        facts = facts_of(one.frames.privileged[FACTS][0])
        assert one.frames.image_keys == (PICTURE,) and len(one.frames) == 1 and facts.sees() and one.outcome == 1.0


def test_sequences_are_a_picture_and_a_dialogue_about_it(scenes):
    source, vocabulary = SceneSource(scenes, KINDS, MODEL), load_vocabulary()
    assert len(source) == 8 and source.grids == ((3, 4),) and source.patches == 12
    for seed in range(5):
        tokens = source.sequence(np.random.default_rng(seed), 160, 40)
        assert tokens.predicted.sum() <= 40 and (tokens.ids[:12] == PAD).all() and tokens.count <= 160
        texts = vocabulary.decode(tokens.ids[12 : int(tokens.count)])
        answered = tokens.ids[tokens.predicted]
        ends = np.flatnonzero(answered == vocabulary.end)
        answers = [vocabulary.decode(part[part != vocabulary.end]) for part in np.split(answered, ends[:-1] + 1)]
        assert len(answers) >= 3 and all(answer in texts for answer in answers)
        row = int(np.random.default_rng(seed).integers(8))
        pixels = scenes[row].frames.pixels([0])[0, 0]
        facts = facts_of(scenes[row].frames.privileged[FACTS][0])
        own = pack([dialogue_step((), MODEL, [pixels])], MODEL)
        np.testing.assert_array_equal(tokens.patches, own.patches)
        assert cut(pixels, MODEL).pixels.shape == (96, 128, 3)
        asked = [ask(kind, facts, np.random.default_rng(k), False) for kind in KINDS for k in range(30)]
        assert {one.answer for one in asked if one is not None}.issuperset(answers)


def test_some_kinds_alone_can_be_learned(scenes):
    source, vocabulary = SceneSource(scenes, ("unknown",), MODEL), load_vocabulary()
    tokens = source.sequence(np.random.default_rng(0), 64, 64)
    assert vocabulary.decode(tokens.ids[tokens.predicted]) == "I do not know."
    assert source.digest != SceneSource(scenes, KINDS, MODEL).digest


def test_scenes_that_are_kept_are_not_learned_from(scenes):
    facts = scenes[0].frames.privileged[FACTS].copy()
    facts[0, -1] = 1
    kept = replace(scenes[0], frames=replace(scenes[0].frames, privileged={FACTS: facts}))
    with pytest.raises(SetupError, match="1 that are kept for evaluation"):
        SceneSource([kept, *scenes[1:]], KINDS, MODEL)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"task": "count"}, "no --task for scenes; got count"),
        ({"noise": 0.1}, "neither --noise nor --policy"),
        ({"seed": 899_999, "episodes": 2}, "higher seeds are for evaluation"),
    ],
)
def test_what_makes_no_scene_is_refused(tmp_path, options, says):
    with pytest.raises(SetupError, match=says):
        collect(Collection(tmp_path / "out", domain="scenes", **{"episodes": 1, **options}))


def test_scores_are_shares_of_exact_answers(played_here, monkeypatch):
    monkeypatch.setattr(domain, "COUNTED", 20)
    result = evaluate_policy(
        Evaluation("random", domain="scenes", tasks="left_of,unknown", episodes=6, workers=1, quiet=True)
    )
    rows = result["domains"]["scenes"]["tasks"]
    assert rows["left_of"]["expert"] == 1.0 and 0 <= rows["left_of"]["score"] == rows["left_of"]["random"] <= 1
    mean = (rows["left_of"]["score"] + 1.0) / 2
    assert result["domains"]["scenes"]["mean_score"] == pytest.approx(mean)
    assert rows["unknown"]["random"] == 1.0 and rows["unknown"]["percent_of_expert"] is None
    assert result["versions"]["scenes"].keys() == {"pybullet"} and result["domains"]["scenes"]["metric"] == "success"
