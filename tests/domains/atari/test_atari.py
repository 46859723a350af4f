"""Atari behind the same verbs as the robot's own domain."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.policy import Policy, RandomPolicy
from gato_ros.core.text import text_from_value
from gato_ros.data.demonstrations.pictures import FRAMES_PER_BLOCK
from gato_ros.data.demonstrations.reading import read_demonstrations, shard_paths
from gato_ros.domains.atari import console, environment
from gato_ros.domains.atari.domain import DOMAIN, SMALL
from gato_ros.domains.atari.environment import AtariEnv
from gato_ros.domains.atari.expert import RULES
from gato_ros.domains.atari.games import BUTTON, BUTTONS, GAMES, SCREEN, SPEC, TASK
from gato_ros.domains.registry import load_domain, task_of
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.evaluate import Evaluation, evaluate_policy
from gato_ros.evaluation.foreign import collection
from gato_ros.evaluation.foreign.demonstrate import Disturbance, Drive
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.evaluation.training_run.mixture import read_mixture
from gato_ros.evaluation.training_run.objectives import sequence_objective
from gato_ros.evaluation.training_run.settings import TrainingRun
from gato_ros.evaluation.training_run.start import start
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.training.sequence_config import RECIPES

pytest.importorskip("ale_py", reason="ale-py (GPL) comes with an extra of its own: pip install gato_ros[atari]")


@pytest.fixture(scope="module")
def breakout():
    return DOMAIN.environment("breakout")


@pytest.fixture
def short(monkeypatch):
    """Episodes of 70 steps: more than two blocks of pictures."""
    monkeypatch.setattr(environment, "LONGEST", 70)


def pressed(env, seed, buttons):
    """Rewards and the memory after each button."""
    env.reset(seed=seed)
    found = []
    for button in buttons:
        reward, *_ = env.step_action(Action({BUTTON: button}))
        found.append((reward, env.console.ram.tobytes()))
    return found


def test_the_environment_passes_gymnasiums_check(breakout):
    from gymnasium.utils.env_checker import check_env

    check_env(breakout, skip_render_check=True)
    assert AtariEnv("pong", "rgb_array").render() is not None and breakout.render() is None


@pytest.mark.parametrize("task", GAMES)
def test_every_game_is_there_and_has_a_rule(task):
    env = DOMAIN.environment(task)
    _, info = env.reset(seed=0)
    assert not info["success"] and set(RULES) == set(GAMES) and isinstance(DOMAIN.expert(task, env), Policy)
    assert set(env.console.minimal) <= set(range(len(BUTTONS))) and text_from_value(env.observe().values[TASK]) == task


def test_seed_and_buttons_decide_the_whole_episode(breakout):
    buttons = np.random.default_rng(0).integers(len(BUTTONS), size=60)
    first = pressed(breakout, 900_000, buttons)
    assert pressed(breakout, 900_000, buttons) == first == pressed(AtariEnv("breakout"), 900_000, buttons)
    assert pressed(breakout, 900_001, buttons) != first  # buttons stick at other frames


def test_the_picture_is_the_screen_by_area(breakout):
    pressed(breakout, 3, [1, 0, 0, 0])
    seen, screen = breakout.observe().values[SCREEN], breakout.console.screen()
    assert seen.shape == (96, 128, 3) and seen.dtype == np.uint8 and screen.shape == (210, 160, 3)
    np.testing.assert_allclose(seen.mean((0, 1)), screen.mean((0, 1)), atol=1)
    # The ball, two by four pixels of the screen, is still there.
    breakout.step_action(Action({BUTTON: 0}))
    assert np.abs(breakout.observe().values[SCREEN].astype(int) - seen).max() > 40


def test_a_model_sees_all_of_a_screen_beside_cropped_cameras():
    alone, general = token_layout(SPEC, SMALL), replace(PRESETS["gato_generalist"], observation_keys=(SCREEN, TASK))
    whole = token_layout(SPEC, replace(general, uncropped=(SCREEN,)))
    assert (alone.patches, whole.patches, token_layout(SPEC, general).patches) == (12, 12, 8)
    assert SMALL.context_tokens == 8 * alone.step_tokens
    with pytest.raises(SetupError, match="all cropped, or none"):
        replace(general, uncropped=(SCREEN,)).crop_of(("basket_front_left/pixels", SCREEN))


def test_a_mixture_reads_screens_whole(tmp_path):
    path = tmp_path / "mixture.yaml"
    path.write_text("parts:\n  games:\n    domain: atari\n    data: [somewhere]\n    length: 12\n")
    plan = read_mixture(path)
    assert plan.parts[0].tasks == tuple(GAMES) and plan.model().uncropped == (SCREEN,)
    assert token_layout(plan.parts[0].contracts()[0].spec, plan.model()).patches == 12


def test_an_episode_is_cut_and_judged_by_its_score(breakout, short):
    outcome = run_episode(breakout, RandomPolicy(SPEC.actions, 1), 1)
    assert outcome.steps == 70 and outcome.success == (outcome.reward > GAMES["breakout"].random)
    still = [breakout.reset(seed=2)[1], *(breakout.step_action(Action({BUTTON: 0}))[3] for _ in range(70))]
    assert not any(info["success"] for info in still) and still[-1]["failure"] == "low_score"


@pytest.mark.parametrize(
    ("task", "steps", "least"), [("pong", 300, 1), ("freeway", 350, 5), ("breakout", 350, 8), ("boxing", 350, 4)]
)
def test_a_rule_plays_well_from_the_start(task, steps, least, monkeypatch):
    monkeypatch.setattr(environment, "LONGEST", steps)
    env = DOMAIN.environment(task)
    assert run_episode(env, DOMAIN.expert(task, env), 900_000).reward >= least


def test_a_rule_goes_on_from_buttons_of_others(breakout, monkeypatch):
    monkeypatch.setattr(environment, "LONGEST", 400)
    drive = Drive(DOMAIN.expert("breakout", breakout), None, 0.0, Disturbance(SPEC.actions, 0.1))
    played, planned = drive.demonstrate(breakout, 0)
    assert planned and played.reward > 8 and 0.05 < (played.executed != played.labels).mean() < 0.15


def test_demonstrations_hold_what_was_seen(tmp_path, short, played_here, monkeypatch):
    monkeypatch.setattr(collection, "WITH_PICTURES", 2)
    counts = collect(Collection(tmp_path, domain="atari", task="boxing", episodes=3, noise=0.2, keep_failures=True))
    assert (counts["kept"], counts["frames"]) == (3, 210)
    assert [path.stem[-10:] for path in shard_paths(tmp_path)] == ["000000-002", "000002-001"]
    found, env = read_demonstrations([tmp_path]), DOMAIN.environment("boxing")
    lines = [json.loads(line) for line in (tmp_path / "index.jsonl").read_text().splitlines()]
    assert [row[1] for line in lines for row in line["episodes"]] == [70] * 3
    for seed in (0, 2):
        one = found[seed]
        env.reset(seed=seed)
        rows = (0, FRAMES_PER_BLOCK - 1, FRAMES_PER_BLOCK, 69)
        pictures = dict(zip(rows, one.frames.pixels(rows)[:, 0]))
        for step, button in enumerate(one.executed[:, 0]):
            if step in rows:
                np.testing.assert_array_equal(pictures[step], env.observe().values[SCREEN])
            env.step_action(Action({BUTTON: button}))


def test_the_preset_learns_windows_by_its_own_numbers(tmp_path, short, played_here):
    collect(Collection(tmp_path / "data", domain="atari", task="freeway", episodes=2, keep_failures=True))
    run = TrainingRun((tmp_path / "data",), tmp_path / "run", domain="atari", task="freeway")
    begun = start(run)
    objective, data = sequence_objective(
        replace(run, preset=begun.preset), begun.model, begun.contract, begun.supervision
    )
    assert objective.config == RECIPES["atari_small"] and list(data.values()) == [140]
    batch = next(iter(objective.batches(0)))
    length = objective.config.length
    assert batch.tokens.patches.shape == (8, length, 12, 32, 32, 3) and batch.label_ids.max() < len(BUTTONS)
    assert length > SMALL.context_tokens // objective.layout.step_tokens


def test_scores_are_put_beside_those_of_people(tmp_path, short, played_here):
    result = evaluate_policy(
        Evaluation(policy="random", domain="atari", tasks="boxing", episodes=1, seed=5, quiet=True)
    )
    block = result["domains"]["atari"]
    for task, row in block["tasks"].items():
        assert row["percent_of_human"] == GAMES[task].percent_of_human(row["score"])
    assert block["mean_percent_of_human"] == pytest.approx(
        np.mean([row["percent_of_human"] for row in block["tasks"].values()])
    )


@pytest.mark.parametrize("action", [np.array([18.0]), np.array([0.5]), np.zeros(2), np.array([np.nan])])
def test_what_is_no_button_is_refused(breakout, action):
    breakout.reset(seed=0)
    with pytest.raises(ValueError, match="one of the integers 0 to 17"):
        breakout.step(action)


def test_a_missing_package_is_named(monkeypatch):
    def gone(name):
        raise ModuleNotFoundError("gone", name="ale_py")

    monkeypatch.setattr(console, "import_module", gone)
    with pytest.raises(SetupError, match=r"ale-py.*no module ale_py.*gato_ros\[atari\]"):
        DOMAIN.environment("pong")


def test_names_that_are_none_are_refused():
    assert load_domain("atari") is DOMAIN
    with pytest.raises(SetupError, match="did you mean 'pong'"):
        task_of(DOMAIN, "Pong")
