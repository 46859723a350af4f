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
from gato_ros.data.demonstrations.shard import SUFFIX, read_head
from gato_ros.domains.babyai.bot import BotPolicy
from gato_ros.domains.babyai.cells import CELL_VALUES, COLOURS, EMPTY, TILES, WALL, cells_of, mentioned
from gato_ros.domains.babyai.domain import DOMAIN
from gato_ros.domains.babyai.environment import TARGET, BabyAiEnv
from gato_ros.domains.babyai.levels import CELLS, LEVELS, LONG, MISSION, MOVE, MOVES, SHORT, Level
from gato_ros.domains.babyai.supervision import TargetTruth
from gato_ros.domains.domain import NoPlan
from gato_ros.domains.registry import load_domain, task_of, tasks_of
from gato_ros.evaluation.foreign.demonstrate import Disturbance, Drive
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.models.layout import token_layout
from gato_ros.models.tokenizer import tokenize
from gato_ros.models.vocabulary import PUBLISHED, known_vocabulary

pytest.importorskip("minigrid", reason="minigrid comes with the domains: pip install gato_ros[domains]")


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
    assert not np.array_equal(first[CELLS], other[CELLS])
    assert text_from_value(first[MISSION]).startswith("go to")


def test_there_are_twenty_levels_that_minigrid_knows():
    import gymnasium

    assert len(LEVELS) >= 20 and tasks_of(DOMAIN, "all") == tuple(LEVELS) and tasks_of(DOMAIN, None) == ("go_to_local",)
    assert tasks_of(DOMAIN, "open,go_to,open") == ("open", "go_to")
    assert all(gymnasium.spec(level.environment) for level in LEVELS.values())
    assert {level.spec for level in LEVELS.values()} == {SHORT, LONG}


@pytest.mark.parametrize("task", ["go_to_obj", "put_next_local", "unlock_pickup", "synth_loc", "boss_level"])
def test_every_kind_of_level_is_shown_by_the_bot(task):
    level = DOMAIN.environment(task)
    assert run_episode(level, DOMAIN.expert(task, level), 900_001).success
    seen = level.observe()
    spec = DOMAIN.contract(task).spec
    assert {key: value.shape for key, value in seen.values.items()} == {
        key: one.shape for key, one in spec.observations.items()
    }
    tokens = tokenize(token_layout(spec, DOMAIN.presets["babyai_small"]), seen.values)
    assert len(tokens.ids) == 49 + spec.observations[MISSION].tokens


def test_the_bot_solves_every_level_and_random_moves_do_not(environment):
    bot, luck = DOMAIN.expert("go_to_local", environment), RandomPolicy(SHORT.actions)
    assert isinstance(bot, Policy) and isinstance(luck, Policy)
    shown = [run_episode(environment, bot, seed) for seed in range(900_000, 900_010)]
    drawn = [run_episode(environment, luck, seed) for seed in range(900_000, 900_010)]
    assert all(outcome.success and outcome.reward > 0.7 for outcome in shown)
    assert np.mean([outcome.reward for outcome in drawn]) < 0.6
    assert {outcome.failure for outcome in drawn if not outcome.success} == {"time_limit"}


def test_a_bot_that_would_plan_for_ever_gives_up():
    level = BabyAiEnv(Level("UnlockToUnlock", SHORT))
    bot = BotPolicy(level)
    assert run_episode(level, bot, 13).success
    for seed in (17, 18, 19):
        with pytest.raises(NoPlan, match="subgoals"):
            run_episode(level, bot, seed)
    played, planned = Drive(bot, None, 0.0, Disturbance(SHORT.actions, 0.0)).demonstrate(level, 17)
    assert not planned and played is not None and not played.success and len(played) == 2


def test_the_bot_goes_on_from_what_others_did(environment):
    """DAgger: the label is the bot's, the move is another's, and the bot gets there all the same."""
    drive = Drive(DOMAIN.expert("go_to_local", environment), None, 0.0, Disturbance(SHORT.actions, 0.5))
    played = [drive.demonstrate(environment, seed)[0] for seed in range(12)]
    differ = np.concatenate([(one.executed != one.labels).ravel() for one in played])
    assert 0.25 < differ.mean() < 0.6 and sum(one.success for one in played) >= 8
    luck = Drive(drive.expert, RandomPolicy(SHORT.actions), 0.5, Disturbance(SHORT.actions, 0.0))
    mixed = [luck.demonstrate(environment, seed)[0] for seed in range(12)]
    assert sum(one.success for one in mixed) >= 8 and any(len(one) > 12 for one in mixed)


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


def test_every_tile_that_minigrid_draws_has_a_number():
    from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX, STATE_TO_IDX

    number = lambda what, colour="red", state="open": cells_of(
        np.full((1, 1, 3), [OBJECT_TO_IDX[what], COLOR_TO_IDX[colour], STATE_TO_IDX[state]], np.uint8)
    )[0]
    doors = [number("door", colour, state) for colour in COLOURS for state in STATE_TO_IDX]
    things = [number(what, colour) for what in ("key", "ball", "box") for colour in COLOURS]
    assert (number("empty"), number("wall", "grey")) == (EMPTY, WALL)
    assert [number("unseen"), number("empty"), number("wall"), *doors, *things] == list(range(CELL_VALUES))
    with pytest.raises(ValueError, match="no cell has a value"):
        number("lava")


@pytest.mark.parametrize(
    ("mission", "objects"),
    [
        ("go to the red ball", 1),
        ("pick up a box", 6),
        ("open the grey door on your left", 3),
        ("put the blue key next to a yellow box", 2),
        ("pick up the object behind you", CELL_VALUES - 3),
        ("go to a green object, then open a door", 3 + 3 + 5 * 3),
    ],
)
def test_a_mission_names_objects(mission, objects):
    named = mentioned(mission)
    assert named.sum() == objects and not named[:3].any()


@pytest.mark.parametrize("move", [-1, len(MOVES), 0.5, np.nan])
def test_what_is_no_move_is_refused(environment, move):
    environment.reset(seed=0)
    with pytest.raises(ValueError, match="a move is one of"):
        environment.step_action(Action({MOVE: move}))


def test_a_move_is_its_own_token():
    layout = token_layout(SHORT, DOMAIN.presets["babyai_small"])
    assert layout.observation_tokens == 49 + 9
    assert layout.action_values == (len(MOVES),) and layout.action_start == 0
    assert isinstance(DOMAIN.contract("go_to_local"), Contract)


def test_every_word_of_a_mission_is_one_token():
    """What the levels take for granted of how long a mission is."""
    vocabulary = known_vocabulary(PUBLISHED)
    missions = [f"put the {colour} {thing} next to a {colour} door" for colour in COLOURS for thing in ("key", "ball")]
    missions += ["go to the box in front of you, then pick up the ball behind you and open the door on your left"]
    missions += ["drop the object on your right after you pick up the box"]
    for mission in missions:
        assert len(vocabulary.encode(mission)) == len(mission.split()) + mission.count(",")


def test_a_mission_without_room_is_drawn_again():
    level = BabyAiEnv(Level("BossLevel", SHORT))
    missions = [text_from_value(level.reset(seed=seed)[0][MISSION]) for seed in range(8)]
    assert max(len(mission.split()) for mission in missions) <= 9
    assert missions == [text_from_value(level.reset(seed=seed)[0][MISSION]) for seed in range(8)]


def test_names_that_are_none_are_refused():
    assert load_domain("babyai") is DOMAIN
    with pytest.raises(SetupError, match="did you mean 'babyai'"):
        load_domain("babyia")
    with pytest.raises(SetupError, match="did you mean 'go_to_local'"):
        task_of(DOMAIN, "go_to_lokal")


def test_it_is_collected_trained_and_evaluated_by_the_same_verbs(tmp_path, capsys, request):
    from gato_ros.cli import main

    def verb(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return end.value.code

    data, run = tmp_path / "data", tmp_path / "run"
    for seed in (0, 100):
        collect = ("collect", "--domain", "babyai", "--out", data, "--episodes", 3, "--seed", seed, "--workers", 1)
        assert verb(*collect) in (0, None)
        request.getfixturevalue("played_here")  # the first one in a process of its own, as users have it
    assert verb(*collect, "--json", tmp_path / "again.json") in (0, None)
    assert json.loads((tmp_path / "again.json").read_text())["skipped"] == 3
    files = sorted(data.glob(f"*{SUFFIX}"))
    episodes = read_demonstrations([data])
    frames = episodes[0].frames
    assert len(files) == 2 and frames.actions.shape[1] == 1 and frames.privileged[TARGET].shape[1] == TILES**2
    assert len((data / "index.jsonl").read_text().splitlines()) == len(files) and len(episodes) == 6
    assert read_head(files[0]).about["versions"]["minigrid"]
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
    tasks = ("--tasks", "go_to_local,go_to_obj", "--temperature", 0, "--json", tmp_path / "tasks.json")
    assert verb(*evaluate, "--policy", run / "last", *tasks) in (0, None)
    rows = json.loads((tmp_path / "tasks.json").read_text())
    assert rows["domains"]["babyai"]["tasks"].keys() == {"go_to_local", "go_to_obj"} and rows["temperature"] == 0
    assert len(rows["weights_sha256"]) == 64 and "mean_percent_of_expert" in rows
    capsys.readouterr()
    assert verb("evaluate", "--policy", run / "last", "--episodes", 1) == 2
    assert "babyai_go_to_local" in capsys.readouterr().err
    assert verb(*evaluate, "--set", "train") == 2 and "--set" in capsys.readouterr().err
    for stacking in (evaluate, collect):
        assert verb(*stacking, "--task", "red_on_blue") == 2 and "a task of babyai" in capsys.readouterr().err
