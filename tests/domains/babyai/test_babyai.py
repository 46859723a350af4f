"""BabyAI behind the same verbs as the robot's own domain."""

import json

import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.contract import Contract
from gato_ros.core.errors import SetupError
from gato_ros.core.policy import Policy, RandomPolicy
from gato_ros.core.text import text_from_value
from gato_ros.data.demonstrations.reading import read_demonstrations
from gato_ros.data.demonstrations.shard import SUFFIX
from gato_ros.domains.babyai.domain import DOMAIN
from gato_ros.domains.babyai.environment import MISSION, MOVE, MOVES, SPEC, TARGET, TILE_PX, TILES, VIEW
from gato_ros.domains.babyai.supervision import TargetTruth
from gato_ros.domains.registry import DOMAINS, load_domain, task_of
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.models.layout import token_layout
from gato_ros.models.tokenizer import tokenize
from gato_ros.models.vocabulary import PUBLISHED, known_vocabulary

pytest.importorskip("minigrid", reason="minigrid is an extra: pip install minigrid")


@pytest.fixture(scope="module")
def environment():
    made = DOMAIN.environment("go_to_local")
    yield made
    made.close()


def test_the_environment_passes_gymnasiums_check(environment):
    from gymnasium.utils.env_checker import check_env

    check_env(environment, skip_render_check=True)


def test_a_seed_begins_the_same_episode_again(environment):
    first = environment.reset(seed=7)[0]
    again = environment.reset(seed=7)[0]
    other = environment.reset(seed=8)[0]
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first[VIEW], other[VIEW])
    assert text_from_value(first[MISSION]).startswith("go to")


def test_the_bot_solves_every_level_and_random_moves_do_not(environment):
    bot, luck = DOMAIN.expert("go_to_local", environment), RandomPolicy(SPEC.actions)
    assert isinstance(bot, Policy) and isinstance(luck, Policy)
    shown = [run_episode(environment, bot, seed) for seed in range(900_000, 900_010)]
    drawn = [run_episode(environment, luck, seed) for seed in range(900_000, 900_010)]
    assert all(outcome.success and outcome.reward > 0.7 for outcome in shown)
    assert np.mean([outcome.reward for outcome in drawn]) < 0.6
    assert {outcome.failure for outcome in drawn if not outcome.success} == {"time_limit"}


def test_who_has_reached_the_target_has_it_in_the_tile_ahead(environment):
    """Ground truth of the tiles in view, and what the heads should make of it."""
    bot, ahead, seen = DOMAIN.expert("go_to_local", environment), (TILES - 2) * TILES + TILES // 2, []
    for seed in range(6):
        assert run_episode(environment, bot, seed).success
        seen.append(environment.observe().privileged[TARGET])
    assert all(tiles[ahead] == 1 for tiles in seen)
    targets = TargetTruth(np.stack([*seen, np.zeros(TILES**2), np.full(TILES**2, np.nan)])).targets(np.arange(8))
    np.testing.assert_allclose(targets.numbers[:6], [[1, 0, 1 / TILES]] * 6)
    assert targets.weight[6].tolist() == [1, 0, 0] and not targets.weight[7].any()
    assert targets.patch.shape == (8, TILES**2, 1) and not targets.patch_weight[7].any()


@pytest.mark.parametrize("move", [-1, len(MOVES), 0.5, np.nan])
def test_what_is_no_move_is_refused(environment, move):
    environment.reset(seed=0)
    with pytest.raises(ValueError, match="a move is one of"):
        environment.step_action(Action({MOVE: move}))


def test_a_tile_is_a_patch_and_a_move_is_its_own_token():
    layout = token_layout(SPEC, DOMAIN.presets["babyai_small"])
    assert layout.patches == 49 and layout.patch_size == TILE_PX
    assert (layout.actions, layout.action_start, layout.choices) == (1, 0, len(MOVES))
    assert isinstance(DOMAIN.contract("go_to_local"), Contract)


def test_every_word_of_a_mission_has_room(environment):
    known_vocabulary(PUBLISHED)
    layout = token_layout(SPEC, DOMAIN.presets["babyai_small"])
    for colour in ("red", "green", "blue", "purple", "yellow", "grey"):
        for thing in ("key", "ball", "box"):
            environment._mission = f"go to the {colour} {thing}"
            assert len(tokenize(layout, environment.observe().values).ids) == 12


def test_names_that_are_none_are_refused():
    assert load_domain("babyai") is DOMAIN and DOMAINS == ("rgb_stacking", "babyai")
    with pytest.raises(SetupError, match="did you mean 'babyai'"):
        load_domain("babyia")
    with pytest.raises(SetupError, match="did you mean 'go_to_local'"):
        task_of(DOMAIN, "go_to_lokal")


def test_it_is_collected_trained_and_evaluated_by_the_same_verbs(tmp_path, capsys):
    from gato_ros.cli import main

    def verb(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return end.value.code

    data, run = tmp_path / "data", tmp_path / "run"
    for seed in (0, 100):
        collect = ("collect", "--domain", "babyai", "--out", data, "--episodes", 3, "--seed", seed, "--workers", 1)
        assert verb(*collect) in (0, None)
    assert verb(*collect, "--json", tmp_path / "again.json") in (0, None)
    assert json.loads((tmp_path / "again.json").read_text())["skipped"] == 3
    files = sorted(data.glob(f"*{SUFFIX}"))
    episodes = read_demonstrations([data])
    frames = episodes[0].frames
    assert len(files) == 2 and frames.actions.shape[1] == 1 and frames.privileged[TARGET].shape[1] == TILES**2
    assert len((data / "index.jsonl").read_text().splitlines()) == len(episodes) == 6
    train = ("train", "--domain", "babyai", "--data", data, "--out", run, "--training.steps", 4, "--training.batch", 4)
    assert verb(*train, "--json", tmp_path / "train.json") in (0, None)
    assert 0 <= json.loads((tmp_path / "train.json").read_text())["move_accuracy"] <= 1
    assert "auxiliary" not in json.loads((run / "last" / "config.json").read_text())["model"].get("auxiliary", ())
    evaluate = ("evaluate", "--domain", "babyai", "--episodes", 2, "--workers", 1)
    assert verb(*evaluate, "--policy", run / "last", "--json", tmp_path / "score.json") in (0, None)
    result = json.loads((tmp_path / "score.json").read_text())
    assert result["expert"]["score"] > result["random"]["score"] and len(result["outcomes"]) == 2
    assert np.isclose(
        result["share_of_expert"],
        (result["score"] - result["random"]["score"]) / (result["expert"]["score"] - result["random"]["score"]),
    )
    capsys.readouterr()
    assert verb("evaluate", "--policy", run / "last", "--episodes", 1) == 2
    assert "babyai_go_to_local" in capsys.readouterr().err
    assert verb(*evaluate, "--set", "train") == 2 and "--set" in capsys.readouterr().err
