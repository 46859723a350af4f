"""One set of weights for several specs: learned together, saved with all contracts, served for each."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, StepSpec
from gato_ros.data.episodes.recording import Recording
from gato_ros.data.frames import make_frames
from gato_ros.models.gato import init, sequence_logits
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.tokenizer import StepTokens
from gato_ros.models.weights import load_weights, weights_config
from gato_ros.training.loop import CURVES, Schedule, train
from gato_ros.training.mixture.config import MixtureConfig
from gato_ros.training.mixture.objective import Mixture, Part
from gato_ros.training.mixture.wide_truth import OneOfMany
from gato_ros.training.sequence import Sequences
from gato_ros.training.sequence_config import SequenceConfig
from gato_ros.training.starting_weights import grown
from gato_ros.training.supervision import ActionsOnly, AuxiliaryTargets
from gato_ros.training.windows import Windows

GAME = SpecContract("game", StepSpec.of({"game/cells": DiscreteSpec(5, 9)}, {"game/move": DiscreteSpec(3)}))
ARM = SpecContract(
    "arm",
    StepSpec.of(
        {"arm/state": ContinuousSpec((-1.0, -1.0), (1.0, 1.0), ("m", "m"))},
        {"arm/speed": ContinuousSpec((-1.0, -1.0), (1.0, 1.0), ("m/s", "m/s"))},
    ),
)
MODEL = replace(
    PRESETS["debug"],
    generalist=True,
    observation_keys=("arm/state", "game/cells"),
    continuous_encoding="range",
    action_positions="distinct",
    auxiliary=("seen", "side"),
    auxiliary_early_layer=1,
    patch_auxiliary=("target_seen",),
)
SEQUENCE = SequenceConfig(batch=4, length=24, legal_only=True, auxiliary_weight=1.0, patch_weight=1.0, return_share=0)
CONFIG = MixtureConfig(
    (("game", 1.0, SEQUENCE), ("arm", 0.5, replace(SEQUENCE, soft_sigma_bins=8.0))),
    steps=60,
    learning_rate=1e-2,
    warmup_steps=5,
    average=0.9,
)


class TargetTruth:
    """Knows the cell with a 4 in it."""

    def __init__(self, frames):
        self._cells = frames.vectors["game/cells"]

    def targets(self, rows, mirrored=None):
        target = (self._cells[rows] == 4).astype(np.float32)
        seen = target.any(1, keepdims=True).astype(np.float32)
        return AuxiliaryTargets(seen, np.ones_like(seen), target[..., None], np.ones((*target.shape, 1), np.float32))


class GameSupervision(ActionsOnly):
    def truth(self, frames, layout):
        return TargetTruth(frames)


def game_step(rng):
    """The move is where the 4 is: left, middle or right third of nine cells."""
    cells, place = rng.integers(0, 4, 9).astype(np.float32), int(rng.integers(9))
    cells[place] = 4
    return Observation({"game/cells": cells}), Action({"game/move": place // 3})


def arm_step(rng):
    state = rng.uniform(-1, 1, 2).astype(np.float32)
    return Observation({"arm/state": state}), Action({"arm/speed": -0.5 * state})


def episodes(step, count, rng, steps=6):
    for _ in range(count):
        frames = make_frames((), [step(rng) for _ in range(steps)])
        yield Recording(frames, np.arange(steps), frames.actions.copy(), steps, ("task", "", "expert"), 1.0)


def mixture(model=MODEL, config=CONFIG):
    rng = np.random.default_rng(0)
    parts = []
    for contract, step, known, (name, _, sequence) in (
        (GAME, game_step, GameSupervision(("move",), ("seen",), ("target_seen",), (1.0,)), config.parts[0]),
        (ARM, arm_step, ActionsOnly(("x", "y")), config.parts[1]),
    ):
        layout, wide = token_layout(contract.spec, model), OneOfMany(known, model)
        windows = [Windows.of(list(episodes(step, count, rng)), layout, wide) for count in (40, 8)]
        parts.append(Part(name, Sequences(sequence, model, layout, *windows), wide))
    return Mixture(config, model, tuple(parts))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixture")
    result = train(
        mixture(), GAME, ActionsOnly(()), {"a": 1}, folder, Schedule(10, 60, 30), lambda row: None, others=[ARM]
    )
    return folder, result


def test_every_part_learns_and_has_its_own_figures(trained):
    folder, result = trained
    rows = [json.loads(line) for line in (folder / CURVES).read_text().splitlines()]
    first, last = [row for row in rows if row["kind"] == "train"][:: len(rows) - 2]
    for part in ("game", "arm"):
        assert last[f"{part}/action_loss"] < 0.8 * first[f"{part}/action_loss"]
    assert last["game/patch_loss"] < first["game/patch_loss"] and "arm/patch_loss" not in last
    assert result["game/move_accuracy"] > 0.5 and result["arm/error_x"] < 0.5
    assert "game/error_side" not in result  # nobody knows it
    assert result["loss"] == pytest.approx(result["game/loss"] + 0.5 * result["arm/loss"])


def test_weights_serve_every_spec_they_were_made_for(trained):
    folder, _ = trained
    config = weights_config(folder / "last")
    assert config.generalist and config.keys_of(GAME.spec) == ("game/cells",) and not config.auxiliary
    rng = np.random.default_rng(1)
    game, arm = (GatoPolicy.from_directory(folder / "last", contract) for contract in (GAME, ARM))
    moves = [(game.act(seen).action, done) for seen, done in (game_step(rng) for _ in range(20))]
    assert sum(found.values["game/move"] == done.values["game/move"] for found, done in moves) > 10
    assert arm.act(arm_step(rng)[0]).action.values["arm/speed"].shape == (2,)
    assert game.info.digest == arm.info.digest


def test_weights_refuse_a_spec_they_were_not_made_for(trained):
    other = SpecContract("other", StepSpec.of(GAME.spec.observations, {"game/move": DiscreteSpec(4)}))
    with pytest.raises(SetupError, match="one of what .* was made for: game, arm; got other"):
        load_weights(trained[0] / "last", other)
    same_name = SpecContract("game", other.spec)
    with pytest.raises(SetupError, match="the embodiment of .* game with actions"):
        load_weights(trained[0] / "last", same_name)


def test_a_resumed_mixture_ends_with_the_same_weights(trained, tmp_path):
    def run(steps, config=CONFIG):
        objective = _until(mixture(config=config), steps)
        train(objective, GAME, ActionsOnly(()), {"a": 1}, tmp_path, Schedule(0, 0, 30), print, others=[ARM])

    run(30)
    run(60)
    once, twice = (load_weights(folder / "last", ARM).params for folder in (trained[0], tmp_path))
    jax.tree.map(np.testing.assert_array_equal, once, twice)
    with pytest.raises(SetupError, match="different training.parts"):
        changed = (CONFIG.parts[0], ("arm", 0.7, CONFIG.parts[1][2]))
        run(60, replace(CONFIG, parts=changed))


class _until(Mixture):
    """A run that is stopped after so many steps."""

    def __init__(self, whole, steps):
        super().__init__(whole.config, whole.model, whole.parts)
        object.__setattr__(self, "stop", steps)

    def batches(self, first_step):
        for step, batch in enumerate(super().batches(first_step), first_step):
            if step < self.stop:
                yield batch


def test_a_generalist_takes_no_more_actions_than_it_has_places():
    many = StepSpec.of(ARM.spec.observations, {"x": ContinuousSpec((-1.0,) * 17, (1.0,) * 17, ("1",) * 17)})
    with pytest.raises(SetupError, match="at most 16 action values"):
        token_layout(many, MODEL)
    with pytest.raises(SetupError, match="at least one of x in the observation_keys"):
        token_layout(StepSpec.of({"x": DiscreteSpec(2)}, GAME.spec.actions), MODEL)


def test_a_grown_model_does_what_the_small_one_did():
    small = replace(
        MODEL,
        generalist=False,
        observation_keys=("arm/state",),
        auxiliary=(),
        patch_auxiliary=(),
        auxiliary_early_layer=0,
    )
    large = replace(MODEL, layers=4, text_rows=300)
    layout = token_layout(ARM.spec, small)
    known = init(jax.random.key(1), small, layout)
    fresh = init(jax.random.key(2), large, token_layout(ARM.spec, large))
    more = grown(fresh, known, small, large)
    rng = np.random.default_rng(0)
    ids = 32000 + rng.integers(0, 1024, (1, 3, 2)).astype(np.int32)
    tokens, done = StepTokens(np.zeros((1, 3, 0, 32, 32, 3), np.uint8), ids), ids[..., ::-1].copy()
    logits = jax.jit(sequence_logits, static_argnums=(1, 2))
    before = logits(known, small, layout, tokens, done)[..., small.text_rows : small.text_rows + 1024]
    after = logits(more, large, token_layout(ARM.spec, large), tokens, done)
    np.testing.assert_allclose(after[..., 300 : 300 + 1024], before, atol=1e-5)
    with pytest.raises(SetupError, match="another width"):
        grown(fresh, known, replace(small, width=64), large)
