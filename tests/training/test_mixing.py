"""Simulated and recorded episodes in one training: who taught counts, and what failed does not."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.cli import train
from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.label import add_label
from gato_ros.data.episodes.recording import load_recordings
from gato_ros.data.episodes.trash import trash
from gato_ros.data.frame_cache import frame_parts
from gato_ros.data.frames import Frames, join
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.domains.rgb_stacking.training_model import training_model
from gato_ros.evaluation.training_run.objectives import sequence_objective, single_step_objective
from gato_ros.evaluation.training_run.settings import SequenceOptions
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import init
from gato_ros.models.presets import PRESETS
from gato_ros.training.config import TrainingConfig
from gato_ros.training.examples import BatchMaker, Examples
from gato_ros.training.mixing import DEFAULTS, drawn_in_proportion, mixing_weights, step_weights, unless_equal
from gato_ros.training.sequence import measure_sequences
from gato_ros.training.sequence_config import sequence_config
from gato_ros.training.windows import Windows
from tests.data.recordings import OPERATED, ROBOT, label, write

LENGTH = 12


def intervention(step):
    """A human takes over for the last four steps."""
    return "human" if step >= 8 else "policy"


@pytest.fixture
def folder(tmp_path):
    """Three simulated and three recorded episodes."""
    for name in "abc":
        write(tmp_path, name)
    for name in "def":
        write(tmp_path, name, facts=OPERATED, source=intervention)
    return tmp_path


def single_step(folder, tmp_path, **options):
    """The objective and the count of frames."""
    given = train.Options(
        data=(folder,),
        out=tmp_path / "run",
        preset="debug_one_pass",
        training=TrainingConfig(batch=8, steps=40),
        **options,
    )
    return single_step_objective(given, training_model("debug_one_pass"), ROBOT, StackingSupervision())


def test_the_human_is_learned_from_and_the_policy_is_not(folder, tmp_path, capsys):
    made, data = single_step(folder, tmp_path)
    assert data == {str(folder): 3 * 12 + 3 * 4} and made.training.weights is None
    teachers = made.training.frames.teachers
    assert len(teachers) + len(made.validation) == 48 and set(teachers) == {"expert", "human"}
    recorded = made.training.frames.actions[teachers == "human"]
    assert {round(float(action[0]), 4) for action in recorded} == {round(0.001 * step, 4) for step in range(8, 12)}
    assert "human 12 (weight 1), policy 24 (weight 0)" in capsys.readouterr().out


def test_the_simulators_episodes_can_be_left_out_as_well(folder, tmp_path):
    made, data = single_step(folder, tmp_path, weights=("expert=0",))
    assert data == {str(folder): 3 * 4} and set(made.training.frames.teachers) == {"human"}


def test_weights_change_how_often_a_source_is_drawn(folder, tmp_path):
    made, data = single_step(folder, tmp_path, weights=("human=3", "policy=0.5"))
    assert data == {str(folder): 72}
    seen = []
    original = type(made.training).batch

    class Watching(type(made.training)):
        def batch(self, rows, mirrored=None):
            seen.append(self.frames.teachers[rows])
            return original(self, rows, mirrored)

    watching = Watching(**{name: getattr(made.training, name) for name in made.training.__dataclass_fields__})
    make = BatchMaker(watching, 6, 0)
    for step in range(len(watching) // 6):
        make(step)
    names, counts = np.unique(np.concatenate(seen), return_counts=True)
    share = dict(zip(names, counts / counts.sum()))
    there = {name: (made.training.frames.teachers == name).sum() for name in names}
    total = there["human"] * 3 + there["policy"] * 0.5 + there["expert"]
    for name, weight in (("human", 3), ("policy", 0.5), ("expert", 1)):
        assert share[name] == pytest.approx(there[name] * weight / total, abs=0.06)


def test_an_epoch_draws_every_row_as_often_as_its_weight_says_up_to_one():
    rng = np.random.default_rng(0)
    weights = rng.choice([0.0, 0.5, 1.0, 4.0], 400)
    drawn = drawn_in_proportion(rng.permutation(400), weights, rng)
    counts, wanted = np.bincount(drawn, minlength=400), weights / weights.mean()
    assert len(drawn) == 400 and (np.abs(counts - wanted) < 1).all() and (counts[weights == 0] == 0).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["hunan=2"], "did you mean 'human'"),
        (["human"], "0 or more"),
        (["human=-1"], "0 or more"),
        (["human=nan"], "0 or more"),
        (["human=0", "expert=0"], "above 0"),
    ],
)
def test_weights_that_mean_nothing_are_refused(given, words):
    with pytest.raises(SetupError, match=words):
        mixing_weights(given)


def test_unknown_sources_count_for_nothing_and_equal_weights_are_none():
    assert mixing_weights([]) == DEFAULTS and mixing_weights(["policy=2"])["policy"] == 2
    assert step_weights(np.array(["human", "ghost", "policy"]), DEFAULTS).tolist() == [1, 0, 0]
    assert unless_equal(np.ones(3)) is None and unless_equal(np.array([1.0, 2.0])) is not None


def test_recordings_without_ground_truth_train_beside_those_with_it(folder, tmp_path):
    """Nothing is asked of what nobody knows: not where an object is, and not that there is none."""
    real = frame_parts(folder)[3]
    layout = token_layout(ROBOT.spec, training_model("debug_one_pass"))
    alone = Examples.of(real, layout, StackingSupervision())
    assert alone.truth.patch_labels is None and not alone.truth.weight.any()
    assert alone.batch(np.arange(4)).auxiliary.patch_weight.shape == (4, 0, 0)
    truth = {
        f"privileged/{colour}/{what}": np.tile(value, (len(real), 1)).astype(np.float32)
        for colour in ("red", "green", "blue")
        for what, value in (("pose", [0.6, 0.0, 0.1, 0, 0, 0, 1]), ("object", [0]))
    }
    both = Examples.of(join([real, replace(real, privileged=truth)]), layout, StackingSupervision())
    known = both.batch(np.array([0, len(real)])).auxiliary
    assert not known.patch_weight[0].any() and known.patch_weight[1].any()
    assert not known.weight[0].any() and known.weight[1].any()
    assert np.isfinite(known.patch).all() and np.isfinite(known.numbers).all()
    simulated = (
        Examples.of(replace(real, privileged=truth), layout, StackingSupervision()).batch(np.array([0])).auxiliary
    )
    np.testing.assert_array_equal(simulated.patch, known.patch[1:])
    np.testing.assert_array_equal(simulated.patch_weight, known.patch_weight[1:])


def test_failures_and_the_trash_are_left_out_and_said(folder, tmp_path, capsys):
    add_label(folder / "a.mcap", verdict="fail")
    write(folder, "g", facts=OPERATED, outcome={"success": False}, source=intervention)
    write(folder, "h", outcome={"success": False})  # an expert labelled it: it teaches
    trash(folder / "b.mcap", "bumped")
    made, data = single_step(folder, tmp_path)
    assert data[str(folder)] == 2 * 12 + 3 * 4
    shown = capsys.readouterr().out
    assert "left out, labelled a failure: a.mcap" in shown and "left out, ended as a failure: g.mcap" in shown
    assert single_step(folder, tmp_path, failures=True)[1][str(folder)] == 3 * 12 + 4 * 4


def test_a_later_verdict_counts_for_sequences_too(folder):
    write(folder, "g", facts=OPERATED, outcome={"success": None})
    assert [one.outcome for one in load_recordings(folder)][-1] == 0
    add_label(folder / "g.mcap", verdict="success")
    add_label(folder / "a.mcap", verdict="fail")
    outcomes = [one.outcome for one in load_recordings(folder)]
    assert outcomes[-1] == 1 and outcomes[0] == 0
    assert len(load_recordings(folder, {folder / "a.mcap": ""})) == 6


def test_who_was_in_command_survives_the_cache(folder):
    first, again = frame_parts(folder), frame_parts(folder)
    assert [part.sources is None for part in first] == [True] * 3 + [False] * 3
    np.testing.assert_array_equal(again[3].sources, [intervention(step) for step in range(LENGTH)])
    assert isinstance(again[3].only(np.array([9, 8])), Frames) and again[3].only(np.array([9])).sources == ["human"]


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    write(folder, "a", facts=OPERATED, source=intervention), write(folder, "b", facts=OPERATED, source=intervention)
    return Windows.of(
        load_recordings(folder), token_layout(ROBOT.spec, PRESETS["debug"]), StackingSupervision(), DEFAULTS
    )


def sequences(folder, tmp_path, **options):
    given = train.Options(
        data=(folder,),
        out=tmp_path,
        preset="debug",
        sequence=SequenceOptions(prompt_share=0.0, batch=4, length=5),
        **options,
    )
    return sequence_objective(given, training_model("debug"), ROBOT, StackingSupervision())


def test_a_window_shows_what_the_policy_did_and_teaches_what_the_human_did(windows):
    config = replace(sequence_config("debug"), batch=32, length=5, prompt_share=0.0)
    batch = windows.batch(windows.draw(np.random.default_rng(0), config, 2))
    human = np.array([intervention(row % LENGTH) == "human" for row in range(2 * LENGTH)])
    np.testing.assert_array_equal(windows.weights > 0, human)
    # Each window reaches at least one step to learn from in its first piece, and some begin before it.
    assert batch.learned.any(1).all() and 0.2 < batch.learned.mean() < 0.95 and not batch.learned[:, 0].all()


def test_what_the_policy_did_is_no_lesson(windows):
    model, config = PRESETS["debug"], replace(sequence_config("debug"), batch=2, length=5, prompt_share=0.0)
    batch = windows.batch(windows.draw(np.random.default_rng(1), config, 2))
    assert batch.learned.any() and not batch.learned.all()
    params = init(jax.random.key(0), model, windows.layout)

    def loss(where):
        """With other labels at some steps."""
        labels = np.where(where[..., None], batch.label_ids[..., ::-1], batch.label_ids)
        return float(
            measure_sequences(
                params, batch._replace(label_ids=labels), config=config, model=model, layout=windows.layout
            )["loss"]
        )

    whole = loss(np.zeros_like(batch.learned))
    assert loss(~batch.learned) == whole != loss(batch.learned)


def test_a_sequence_objective_takes_both_kinds(folder, tmp_path):
    made, data = sequences(folder, tmp_path)
    assert data == {str(folder): 72} and made.training.weights is not None
    assert next(made.batches(0)).learned.shape == (4, 5)
    (tmp_path / "sim").mkdir()
    for name in "abc":
        write(tmp_path / "sim", name)
    assert next(sequences(tmp_path / "sim", tmp_path)[0].batches(0)).learned is None
    assert label(3).twist[0] == pytest.approx(0.003)
