"""Sequence training on a debug preset: what a window holds, and the real loop from episodes to a streaming policy."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.prompt import Prompt
from gato_ros.data.episodes.recording import Recording
from gato_ros.data.frames import Frames, make_frames
from gato_ros.domains.rgb_stacking.auxiliary import NAMES
from gato_ros.domains.rgb_stacking.patch_labels import PATCH_NAMES
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.embodiments import load_embodiment
from gato_ros.models.config import Convolution
from gato_ros.models.gato import init, sequence_logits
from gato_ros.models.layout import token_layout
from gato_ros.models.loss import action_loss, masked_action_loss
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.tokenizer import tokenize_actions
from gato_ros.models.weights import load_weights
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.training.loop import CURVES, Schedule, train
from gato_ros.training.optimiser import learning_rates, start
from gato_ros.training.resident import ResidentSequences, gathered, tables
from gato_ros.training.sequence import Sequences, sequence_step
from gato_ros.training.sequence_config import PAPER, SequenceConfig, sequence_config
from gato_ros.training.starting_weights import taken_over
from gato_ros.training.windows import Plan, Windows, expert_return, good_enough, sequence_batches

MODEL = replace(PRESETS["debug"], stochastic_depth=0.1)
CONFIG = SequenceConfig(
    steps=6,
    batch=2,
    length=5,
    learning_rate=3e-3,
    warmup_steps=2,
    average=0.5,
    mirror=True,
    brightness=0.05,
    patch_dropout=0.1,
    token_noise_bins=2,
)
ROBOT = load_embodiment()
SUPERVISION = StackingSupervision()
LAYOUT = token_layout(ROBOT.spec, MODEL)


def recording(number, steps=range(9), length=None, source=("red_on_blue", "cubes", "expert"), outcome=1.0):
    """An episode whose opening tells its number and its step; half of the label is what was done."""
    rows = []
    for step in steps:
        values = {
            key: np.full(channel.shape, 30 + 20 * number, np.uint8)
            if channel.kind == "image"
            else np.zeros(channel.shape, np.float32)
            for key, channel in ROBOT.observations.items()
        }
        values["gripper/opening"] = np.array([number * 0.01 + step * 0.0005], np.float32)
        rows.append((Observation(values), ArmAction(np.full(4, 0.01 * number), 0.085)))
    frames = make_frames(ROBOT.image_keys, rows)
    steps = np.array(list(steps))
    return Recording(frames, steps, 0.5 * frames.actions, length or int(steps[-1]) + 1, source, outcome)


@pytest.fixture(scope="module")
def windows():
    return Windows.of([recording(number) for number in range(4)], LAYOUT, SUPERVISION, auxiliary=False)


def test_weights_without_positions_start_a_model_with_relative_ones_as_what_they_were(windows):
    plain = replace(MODEL, attention_positions="none")
    known, fresh = (init(jax.random.key(seed), model, LAYOUT) for seed, model in ((0, plain), (1, MODEL)))
    batch = windows.batch(windows.draw(np.random.default_rng(0), CONFIG, 2))
    given = taken_over(fresh, known)
    logits = jax.jit(sequence_logits, static_argnums=(1, 2))
    expected = logits(known, plain, LAYOUT, batch.tokens, batch.done_ids)
    found = logits(given, MODEL, LAYOUT, batch.tokens, batch.done_ids)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert jax.tree.structure(given) == jax.tree.structure(fresh)


def test_a_window_holds_pieces_of_episodes_in_order(windows):
    """Every first piece begins anywhere, every later one at an episode's start, and none leaves its episode."""
    config, rng = replace(CONFIG, prompt_share=0.0, length=7), np.random.default_rng(0)
    firsts = set()
    for _ in range(200):
        rows, pieces, _ = windows.plan(rng, config, 2)
        assert len(rows) == len(pieces) == 7 and pieces[0] == 0
        assert (np.diff(rows)[np.diff(pieces) == 0] == 1).all() and set(np.diff(pieces)) <= {0, 1}
        for number in range(pieces[-1] + 1):
            inside = rows[pieces == number]
            assert inside[0] // 9 == inside[-1] // 9 and (number == 0 or inside[0] % 9 == 0)
        firsts.add(int(rows[0]))
    assert len(firsts) > 30


def test_a_quarter_follows_a_prompt_of_another_episode_half_of_them_goals(windows):
    config, rng = replace(CONFIG, length=18, prompt_share=0.25), np.random.default_rng(1)
    begun = prompted = goals = 0
    for _ in range(800):
        rows, pieces, _ = windows.plan(rng, config, 3)
        piece = rows[pieces == 0]
        breaks = np.flatnonzero(np.diff(piece) != 1)
        begun += 1
        if len(breaks):  # none, too, in the few prompts that end right before the row where the piece begins
            assert len(breaks) == 1 and breaks[0] < 3
            prompt, body = piece[: breaks[0] + 1], piece[breaks[0] + 1 :]
            assert prompt[0] // 9 == prompt[-1] // 9 != body[0] // 9
            prompted += 1
            goals += prompt[-1] % 9 == 8
    assert 0.2 < prompted / begun < 0.3
    # Half are ends; of the others some end there by chance: with 1 to 3 of 9 steps, one in 9, 8 or 7.
    assert 0.48 < goals / prompted < 0.66


def test_prompts_come_from_the_same_source_or_not_at_all():
    sources = [(task, "cubes", "expert") for task in ("red_on_blue", "red_on_blue", "blue_on_green")]
    windows = Windows.of(
        [recording(i, source=source) for i, source in enumerate(sources)], LAYOUT, SUPERVISION, auxiliary=False
    )
    config, rng = replace(CONFIG, length=12, prompt_share=1.0), np.random.default_rng(2)
    for _ in range(100):
        rows, pieces, _ = windows.plan(rng, config, 2)
        for number in range(pieces[-1] + 1):
            assert len({sources[row // 9] for row in rows[pieces == number]}) == 1


def test_batches_are_a_function_of_seed_and_step(windows):
    config = replace(CONFIG, steps=5)
    whole, tail = list(sequence_batches(windows, config, 2, 0)), list(sequence_batches(windows, config, 2, 3))
    for left, right in zip(whole[3:], tail, strict=True):
        jax.tree.map(np.testing.assert_array_equal, left, right)
    other = next(sequence_batches(windows, replace(config, seed=1), 2, 0))
    assert not np.array_equal(whole[0].tokens.ids, other.tokens.ids)


def test_a_batch_shows_what_was_done_asks_for_the_label_and_unpacks_no_other_picture(windows, monkeypatch):
    rows, unpacked = np.array([[0, 1, 2], [30, 31, 9]]), []
    pixels = Frames.pixels
    monkeypatch.setattr(Frames, "pixels", lambda self, which: (unpacked.extend(which), pixels(self, which))[1])
    batch = windows.batch(Plan(rows, np.array([[0, 0, 0], [0, 0, 1]]), np.array([False, False])))
    assert unpacked == rows.reshape(-1).tolist()
    np.testing.assert_array_equal(batch.label_ids, tokenize_actions(LAYOUT, windows.frames.actions[rows]))
    np.testing.assert_array_equal(batch.done_ids, tokenize_actions(LAYOUT, windows.executed[rows]))
    assert batch.tokens.patches.shape == (2, 3, 16, 32, 32, 3) and (batch.tokens.patches[1, 0] == 90).all()
    mirrored = windows.batch(Plan(rows, np.zeros_like(rows), np.array([False, True])))
    y = lambda batch: batch.label_ids[..., 1]
    np.testing.assert_array_equal(y(mirrored)[0], y(batch)[0])
    assert (y(mirrored)[1] < y(batch)[1]).all()
    blind = replace(MODEL, observation_keys=("gripper/opening",), context_tokens=20)
    Windows(windows.frames, windows.executed, windows.stretches, token_layout(ROBOT.spec, blind)).batch(
        Plan(rows, np.zeros_like(rows), np.array([False, False]))
    )
    assert len(unpacked) == 2 * rows.size


def test_steps_that_were_not_rendered_divide_an_episode():
    windows = Windows.of(
        [recording(0, steps=[0, 1, 2, 5, 6], length=9), recording(1)], LAYOUT, SUPERVISION, auxiliary=False
    )
    found = [(one.first, one.length, one.episode, one.ends) for one in windows.stretches]
    assert found == [(0, 3, 0, False), (3, 2, 0, False), (5, 9, 1, True)]
    sparse = Windows.of(
        [recording(0, steps=[0, 2, 4, 6]), recording(1, steps=range(6), length=9)], LAYOUT, SUPERVISION, auxiliary=False
    )
    assert Sequences(CONFIG, MODEL, LAYOUT, sparse, sparse)  # most steps lie in long stretches
    with pytest.raises(SetupError, match="--image-share 1"):
        Sequences(replace(CONFIG, length=7), MODEL, LAYOUT, sparse, sparse)


def test_sequences_are_longer_than_the_window(windows):
    with pytest.raises(SetupError, match="window of 2.5"):
        Sequences(replace(CONFIG, length=2), MODEL, LAYOUT, windows, windows)
    with pytest.raises(SetupError, match="autoregressive"):
        Sequences(CONFIG, PRESETS["debug_one_pass"], LAYOUT, windows, windows)


def test_single_steps_are_sequences_of_one(windows):
    model = replace(MODEL, single_steps=(tuple(sorted(item.key for item in LAYOUT.items)),))
    for refused in ({"length": 5, "prompt_share": 0.0}, {"length": 1, "prompt_share": 0.1}):
        with pytest.raises(SetupError, match="length 1 without prompts"):
            Sequences(replace(CONFIG, **refused), model, LAYOUT, windows, windows)
    config = replace(CONFIG, length=1, prompt_share=0.0, batch=64)
    sequences = Sequences(config, model, LAYOUT, windows, windows)
    plan = windows.plan_of_step(config, sequences.longest_prompt, 0)
    assert plan.rows.shape == (64, 1) and len(set(plan.rows[:, 0])) > len(windows) / 2  # from anywhere in the data


def test_the_filter_is_the_papers():
    assert expert_return([0.2] * 20 + [1.0, 1.0] + [0.0] * 8) == pytest.approx((1.0 + 1.0 + 0.2) / 3)
    outcomes = [1.0, 0.85, 0.7, 0.0]
    recordings = [recording(i, steps=range(2), outcome=outcome) for i, outcome in enumerate(outcomes)]
    assert [one.outcome for one in good_enough(recordings, 0.8)] == [1.0, 0.85]
    assert good_enough(recordings, 0.0) == recordings
    with pytest.raises(SetupError, match="succeeded"):
        good_enough(recordings[3:], 0.8)


def test_the_papers_numbers_are_the_default_of_the_papers_presets():
    rates = learning_rates(PAPER)
    assert [float(rates(step)) for step in (0, 15_000, 1_000_000)] == pytest.approx([1e-7, 1e-4, 1e-5], rel=1e-3)
    for name in ("gato_1_18b", "gato_364m", "gato_79m"):
        assert sequence_config(name) == PAPER and PRESETS[name].stochastic_depth == 0.1
        assert PAPER.length * token_layout(ROBOT.spec, PRESETS[name]).step_tokens > PRESETS[name].context_tokens
    assert (PAPER.batch, PAPER.prompt_share, PAPER.goal_share, PAPER.return_share) == (512, 0.25, 0.5, 0.8)


class _Stop(Exception):
    pass


def run(objective, folder, stop_after=10**9):
    def report(progress):
        if progress.step > stop_after:
            raise _Stop

    return train(objective, ROBOT, SUPERVISION, {"some": 36}, folder, Schedule(log=1, validate=3, checkpoint=3), report)


def test_it_trains_resumes_to_the_same_weights_and_streams(windows, tmp_path):
    objective = Sequences(CONFIG, MODEL, LAYOUT, windows, windows)
    result = run(objective, tmp_path / "whole")
    rows = [json.loads(line) for line in (tmp_path / "whole" / CURVES).read_text().splitlines()]
    losses = [row["loss"] for row in rows if row["kind"] == "train"]
    assert losses[-1] < losses[0] and result["steps"] == 6 and np.isfinite(result["error_vx"])
    with pytest.raises(_Stop):
        run(objective, tmp_path / "parts", stop_after=3)
    run(objective, tmp_path / "parts")
    whole = (tmp_path / "whole" / "last" / "params.safetensors").read_bytes()
    assert (tmp_path / "parts" / "last" / "params.safetensors").read_bytes() == whole
    with pytest.raises(SetupError, match="training.prompt_share"):
        run(replace(objective, config=replace(CONFIG, prompt_share=0.0)), tmp_path / "parts")

    policy = GatoPolicy.from_directory(tmp_path / "whole" / "last", ROBOT)
    frames = windows.frames
    observations = [
        Observation(
            {
                **{key: value[row] for key, value in frames.vectors.items()},
                **dict(zip(frames.image_keys, frames.pixels([row])[0])),
            }
        )
        for row in range(6)
    ]
    policy.reset(
        Prompt(tuple(observations[:2]), tuple(ArmAction.from_vector(action) for action in windows.executed[:2]))
    )
    for observation in observations:
        assert np.isfinite(policy.act(observation).action.as_vector()).all()


TOLD = replace(
    PRESETS["sawyer_streaming"],
    layers=2,
    width=32,
    heads=2,
    head_size=16,
    feed_forward=64,
    stem=(Convolution(4, 4, 8), Convolution(2, 2, 16)),
    context_tokens=2 * 39,
    auxiliary=NAMES,
    auxiliary_early_layer=1,
    patch_auxiliary=PATCH_NAMES,
)
TOLD_LAYOUT = token_layout(ROBOT.spec, TOLD)
TEACHING = replace(CONFIG, soft_sigma_bins=8.0, auxiliary_weight=5.0, patch_weight=2.0, blind_share=0.4)


@pytest.fixture(scope="module")
def told():
    """Windows of two episodes of the simulator, and what it knows of each frame."""
    env, recordings = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS), []
    expert = StackingExpert(env.embodiment)
    for seed in (0, 1):
        env.start(seed=seed)
        rows = []
        for _ in range(7):
            observation = expert.with_plan(env.observe())
            rows.append((observation, expert.act(observation).action))
            for _ in range(4):
                env.step_action(expert.act(env.observe(images=False)).action)
        frames = make_frames(ROBOT.image_keys, rows)
        recordings.append(Recording(frames, np.arange(7), frames.actions, 7, ("red_on_blue", "cubes", "expert"), 1.0))
    env.close()
    return Windows.of(recordings, TOLD_LAYOUT, SUPERVISION)


def test_frames_that_lie_on_the_device_make_the_same_batches(told):
    reflected = 0
    for step in range(3):
        plan = told.plan_of_step(replace(TEACHING, batch=3), 2, step)
        reflected += plan.mirrored.sum()
        found = gathered(jax.device_put(tables(told)), plan, layout=TOLD_LAYOUT, image_keys=told.frames.image_keys)
        jax.tree.map(np.testing.assert_array_equal, found, told.batch(plan))
    assert 0 < reflected < 9


def test_frames_that_lie_on_the_device_train_the_same_weights(told, tmp_path):
    for kind, name in ((Sequences, "read"), (ResidentSequences, "held")):
        run(kind(replace(TEACHING, steps=3), TOLD, TOLD_LAYOUT, told, told), tmp_path / name)
    read, held = (load_weights(tmp_path / name / "last", ROBOT).params for name in ("read", "held"))
    jax.tree.map(lambda left, right: np.testing.assert_allclose(left, right, atol=1e-6), read, held)


def test_sequences_learn_what_the_simulator_knows(told, tmp_path):
    objective = Sequences(replace(TEACHING, steps=30, average=0.0, mirror=False), TOLD, TOLD_LAYOUT, told, told)
    before = objective.measure(init(jax.random.key(0), TOLD, TOLD_LAYOUT))
    result = run(objective, tmp_path)
    assert result["auxiliary_loss"] < 0.7 * before["auxiliary_loss"]
    assert result["patch_loss"] < 0.7 * before["patch_loss"] and result["error_red_x"] > 0
    assert "auxiliary" not in load_weights(tmp_path / "last", ROBOT).params


def test_a_hidden_sequence_teaches_no_action(told):
    """With nothing but hidden sequences the heads alone have gradients, and what was hidden changes nothing."""
    config = replace(TEACHING, blind_share=0.999999, brightness=0.0, patch_dropout=0.0, token_noise_bins=0)
    batch = told.batch(told.plan_of_step(config, 2, 0))
    other = batch._replace(
        tokens=batch.tokens._replace(ids=batch.tokens.ids[::-1].copy()),
        done_ids=batch.done_ids[::-1].copy(),
        label_ids=batch.label_ids[::-1].copy(),
    )
    fixed = {"config": config, "model": TOLD, "layout": TOLD_LAYOUT}
    start_again = lambda: start(config, init(jax.random.key(0), TOLD, TOLD_LAYOUT))
    (_, values), (_, changed) = (sequence_step(start_again(), one, **fixed) for one in (batch, other))
    assert float(values["action_loss"]) == 0 and float(values["auxiliary_loss"]) > 0
    assert float(values["loss"]) == float(changed["loss"])


def test_spread_targets_are_those_of_single_steps():
    rng = np.random.default_rng(0)
    logits, bins = rng.normal(size=(2, 5, 1200)).astype(np.float32), rng.integers(0, 1024, (2, 5))
    mask = np.ones((2, 5), bool)
    found = masked_action_loss(logits, bins, mask, 100, 8.0)
    inside = jax.nn.log_softmax(logits)[..., 100:1124]
    expected = action_loss(inside, bins, 8.0).mean() - jax.nn.logsumexp(inside, -1).mean()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert float(masked_action_loss(logits, bins, mask, 100, 0.0)) == pytest.approx(
        -float(np.take_along_axis(np.asarray(inside), bins[..., None], -1).mean()), rel=1e-5
    )
    half = masked_action_loss(logits, bins, np.arange(2)[:, None] * np.ones((2, 5)) > 0, 100, 8.0)
    np.testing.assert_allclose(half, masked_action_loss(logits[1:], bins[1:], mask[1:], 100, 8.0), rtol=1e-5)
