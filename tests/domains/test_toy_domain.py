"""Collection and evaluation in a domain that needs no package; the pool plays in this process."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.errors import SetupError
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.statistics import mean95
from gato_ros.data.demonstrations.reading import read_demonstrations, shard_paths
from gato_ros.data.demonstrations.shard import read_head
from gato_ros.domains import registry
from gato_ros.domains.baselines import baseline
from gato_ros.domains.baselines.baseline import Baseline
from gato_ros.domains.domain import Scores
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.foreign import plays
from gato_ros.evaluation.foreign.plays import outcome
from gato_ros.evaluation.foreign.task_result import TaskResult, result_of_row, scaled, summary
from gato_ros.evaluation.settings import Evaluation
from tests.domains.toy_domain import EYE, LINE, PUSH, SPEC, WITHOUT_PLAN

RESULT = TaskResult(
    "success", 10, 6, (12,), (1.0, 0.0, 1.0, 1.0, 0.0), (True, False, True, True, False), (3, 9, 4, 2, 9)
)


@pytest.fixture(autouse=True)
def toy(monkeypatch, played_here):
    monkeypatch.setitem(registry._MODULES, "toy", "tests.domains.toy_domain")


def gathered(out, **options):
    pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")
    return collect(Collection(out, domain="toy", episodes=options.pop("episodes", 6), workers=1, **options))


def test_demonstrations_are_collected_once(tmp_path):
    counts = gathered(tmp_path, task="all")
    assert (counts["attempted"], counts["kept"], counts["without_plan"]) == (12, 12, 0)
    assert gathered(tmp_path, task="near,far")["skipped"] == 12
    assert gathered(tmp_path, episodes=7)["attempted"] == 7  # another number of them is another shard
    assert [path.name for path in shard_paths(tmp_path)] == [
        "toy-far-expert-000000-006.array_record",
        "toy-near-expert-000000-006.array_record",
        "toy-near-expert-000000-007.array_record",
    ]
    assert gathered(tmp_path / "small", shard_episodes=2)["kept"] == 6 and len(shard_paths(tmp_path / "small")) == 3
    assert gathered(tmp_path / "small", shard_episodes=2)["skipped"] == 6
    index = [json.loads(line) for line in (tmp_path / "index.jsonl").read_text().splitlines()]
    assert [len(line["episodes"]) for line in index] == [6, 6, 7]
    found = read_demonstrations([tmp_path], "far")
    assert all(one.source == ("far", "toy", "expert") and one.outcome == 1 for one in found)
    frames = found[0].frames
    assert frames.image_keys == (EYE,) and set(np.unique(frames.pixels(range(len(frames))))) <= {10, 100}
    assert frames.vectors[LINE].dtype == np.float32 and frames.privileged["privileged/goal"].shape == (len(frames), 1)


def test_noise_is_executed_and_the_experts_action_is_the_label(tmp_path):
    gathered(tmp_path, noise=0.4, keep_failures=True)
    (path,) = shard_paths(tmp_path)
    assert path.name == "toy-near-expert-noise_0.4-with_failures-000000-006.array_record"
    assert read_head(path).about["noise"] == 0.4
    for one in read_demonstrations([tmp_path]):
        place, goal = one.frames.vectors[LINE].T
        np.testing.assert_allclose(one.frames.actions[:, 0], np.clip(goal - place, -1, 1), atol=1e-6)
        assert not np.array_equal(one.executed, one.frames.actions) and np.abs(one.executed).max() <= 1
        np.testing.assert_allclose(np.diff(place), 0.5 * one.executed[:-1, 0], atol=1e-6)


def test_another_policy_drives_and_the_expert_labels(tmp_path):
    counts = gathered(tmp_path, policy="random", expert_share=0.0, keep_failures=True)
    found = read_demonstrations([tmp_path])
    assert counts["kept"] == len(found) == 6 and found[0].source == ("near", "toy", "random")
    differ = np.concatenate([np.abs(one.executed - one.frames.actions)[:, 0] for one in found])
    assert (differ > 0.01).mean() > 0.9
    assert gathered(tmp_path / "more", policy="random", expert_share=0.0)["kept"] < 6  # only its successes


def test_an_episode_ends_where_the_expert_has_no_plan():
    environment = registry.load_domain("toy").environment("near")
    from gato_ros.evaluation.foreign.demonstrate import Disturbance, Drive

    expert = registry.load_domain("toy").expert("near", environment)
    drive = Drive(expert, None, 0.0, Disturbance(SPEC.actions, 0.0))
    played, planned = drive.demonstrate(environment, WITHOUT_PLAN)
    assert len(played) == 1 and not planned and not played.success
    assert drive.demonstrate(environment, 5)[1]


def test_what_cannot_be_collected_is_refused(tmp_path):
    wrong = [
        ({"task": "red_on_blue"}, "a task of toy"),
        ({"task": "near,fra"}, "did you mean 'far'"),
        ({"seed": 899_999}, "higher seeds are for evaluation"),
        ({"objects": "train"}, "got --objects"),
        ({"noise": 1.5}, "--noise"),
        ({"policy": "expert"}, "it looks into one environment"),
    ]
    for options, words in wrong:
        with pytest.raises(SetupError, match=words):
            gathered(tmp_path / "out", **options)
    with pytest.raises(SetupError, match="--noise with another --domain"):
        collect(Collection(tmp_path / "out", noise=0.2))
    assert not (tmp_path / "out").exists()


def evaluated(policy="random", **options):
    return evaluate_policy(Evaluation(policy, domain="toy", episodes=12, workers=1, quiet=True, **options))


def test_a_start_without_a_plan_counts_for_nobody():
    result = evaluated(tasks="all")
    near, far = (result["domains"]["toy"]["tasks"][task] for task in ("near", "far"))
    for row in (near, far):
        assert row["dropped"] == [WITHOUT_PLAN] and row["episodes"] == len(row["outcomes"]["scores"]) == 11
        assert row["expert"] == 1.0 and row["score"] == row["random"] == row["rate"] and row["percent_of_expert"] == 0
        assert row["interval95"][0] <= 0 <= row["interval95"][1]
    assert result["mean_percent_of_expert"] == 0 and result["domains"]["toy"]["tasks_above_50"] == 0
    assert result["weights_sha256"] is None and result["versions"] == {"toy": {"numpy": np.__version__}}
    json.dumps(result, allow_nan=False)
    expert = evaluated("expert", tasks="far")
    assert expert["mean_percent_of_expert"] == 100 and expert["domains"]["toy"]["tasks_above_50"] == 1


def test_one_task_is_said_as_before():
    result = evaluated(task="far")
    assert (result["domain"], result["task"], result["metric"]) == ("toy", "far", "success")
    assert result["expert"]["score"] == 1 and result["random"]["score"] == result["score"]
    assert result["share_of_expert"] == 0 and len(result["outcomes"]) == 11
    assert result["outcomes"][0].keys() == {"seed", "success", "steps", "reward", "failure"}
    assert result["domains"]["toy"]["tasks"].keys() == {"far"}
    assert evaluated()["task"] == "near"


def test_random_play_depends_on_the_seed_alone():
    all_at_once, later = evaluated(task="near"), evaluated(task="near", seed=900_005)
    rewards = {row["seed"]: row["steps"] for row in all_at_once["outcomes"]}
    assert all(rewards.get(row["seed"], row["steps"]) == row["steps"] for row in later["outcomes"])


class Drawing:
    """Draws as weights at a temperature do: by the ticks so far."""

    observation_keys, info, ticks = (), PolicyInfo(), 0

    def reset(self, prompt=None):
        pass

    def act(self, observation):
        self.ticks += 1
        return Decision(Action({PUSH: np.random.default_rng(self.ticks).uniform(-1, 1, 1)}))


def test_what_weights_draw_depends_on_the_seed_alone():
    world, policy = registry.load_domain("toy").environment("far"), Drawing()
    first = [outcome(world, policy, seed) for seed in (1, 2, 3)]
    assert first[::-1] == [outcome(world, policy, seed) for seed in (3, 2, 1)]
    assert len({(one.steps, one.success) for one in [*first, *(outcome(world, policy, s) for s in range(9))]}) > 1


def test_what_cannot_be_evaluated_is_refused():
    wrong = [
        ({"task": "near", "tasks": "far"}, "--task or --tasks"),
        ({"tasks": "nearer"}, "did you mean 'near'"),
        ({"temperature": 1.0}, "weights with --temperature"),
        ({"temperature": -1.0}, "--temperature"),
        ({"set": "train"}, "got --set"),
    ]
    for options, words in wrong:
        with pytest.raises(SetupError, match=words):
            evaluated(**options)
    with pytest.raises(SetupError, match="no such policy|weights"):
        evaluated("nobody")
    for options, words in (
        ({"tasks": "cubs"}, "did you mean 'cubes'"),
        ({"temperature": 0.5}, "with another --domain"),
    ):
        with pytest.raises(SetupError, match=words):
            evaluate_policy(Evaluation(**options))


def test_shipped_scores_stand_for_the_episodes_that_they_cover(monkeypatch, tmp_path):
    whole = evaluated("random", tasks="all")
    monkeypatch.setattr(baseline, "FOLDER", tmp_path)
    (tmp_path / "toy_random.json").write_text(json.dumps(whole))
    baseline.load_baseline.cache_clear()
    played, play = [], plays.Player.play

    def noted(player, runs):
        played.extend(run.policy for run in runs)
        return play(player, runs)

    monkeypatch.setattr(plays.Player, "play", noted)
    covered = evaluate_policy(Evaluation("expert", domain="toy", task="far", episodes=5, seed=900_001, quiet=True))
    assert played == ["expert"] and covered["random"]["episodes"] == 4
    of_far = whole["domains"]["toy"]["tasks"]["far"]["outcomes"]
    assert covered["random"]["score"] == np.mean(of_far["scores"][1:5])
    evaluate_policy(Evaluation("expert", domain="toy", task="far", episodes=5, seed=900_008, quiet=True))
    assert played == ["expert", "expert", "random"]
    (tmp_path / "toy_random.json").write_text("{}")
    baseline.load_baseline.cache_clear()
    with pytest.raises(SetupError, match="the scores of random .*install the package again"):
        evaluated("expert")
    baseline.load_baseline.cache_clear()


def test_an_interrupted_evaluation_goes_on_where_it_stopped(monkeypatch, tmp_path, capsys):
    whole, path = evaluated(tasks="all"), tmp_path / "result.json"
    monkeypatch.setattr(plays, "EPISODES_PER_JOB", 4)
    play, played, interrupts = plays.play, [], [28]

    def stopping(run, seeds):
        if len(played) in interrupts:  # the expert is through
            raise KeyboardInterrupt
        played.extend(seeds)
        return play(run, seeds)

    monkeypatch.setattr(plays, "play", stopping)
    with pytest.raises(KeyboardInterrupt):
        evaluated(tasks="all", json=path)
    (partial,) = tmp_path.iterdir()
    assert partial.name == "result.json.partial.jsonl" and "the same command goes on" in capsys.readouterr().err
    assert len(partial.read_text().splitlines()) == 1 + 24
    with pytest.raises(SetupError, match="another one: policy"):
        evaluated("expert", tasks="all", json=path)
    interrupts.clear()
    assert evaluated(tasks="all", json=path) == whole == json.loads(path.read_text())
    assert len(played) == 28 + 2 * 11  # random play without the start that has no plan, and no more of the expert
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]


def test_scores_of_other_versions_or_seeds_are_played_anew():
    known = Baseline(900_000, {"numpy": "2.0"}, {"near": {"attempted": 10}})
    assert known.covers("near", range(900_000, 900_010), {"numpy": "2.0"})
    assert known.covers("near", range(900_003, 900_007), {"numpy": "2.0"})
    assert not known.covers("near", range(900_000, 900_011), {"numpy": "2.0"})
    assert not known.covers("near", range(899_999, 900_003), {"numpy": "2.0"})
    assert not known.covers("near", range(900_000, 900_010), {"numpy": "2.1"})
    assert not known.covers("far", range(900_000, 900_010), {"numpy": "2.0"})


def test_a_result_comes_back_from_its_row():
    again = result_of_row("success", 10, json.loads(json.dumps(RESULT.row())))
    assert again == RESULT and again.seeds == [10, 11, 13, 14, 15]
    part = RESULT.only(range(11, 15), dropped=(14,))
    assert part.seeds == [11, 13] and part.dropped == (12, 14) and part.scores == (0.0, 1.0) and part.steps == (9, 4)


def test_the_scale_begins_at_random_play_and_ends_at_the_expert():
    half = scaled(RESULT, Scores(0.2, 1.0, 5))
    assert half["percent_of_expert"] == pytest.approx(50) and half["interval95"][0] < 50 < half["interval95"][1]
    low, high = RESULT.interval95
    np.testing.assert_allclose(half["interval95"], [100 * (low - 0.2) / 0.8, 100 * (high - 0.2) / 0.8])
    for expert in (0.2, 0.1):
        flat = scaled(RESULT, Scores(0.2, expert, 5))
        assert flat["percent_of_expert"] is None and flat["interval95"] is None
    rows = {"a": half, "b": {"percent_of_expert": 51.0}, "c": {"percent_of_expert": None}}
    said = summary(rows)
    assert said == {"mean_percent_of_expert": pytest.approx(50.5), "tasks_above_50": 1, "tasks_with_a_scale": 2}
    assert summary({"c": flat})["mean_percent_of_expert"] is None


def test_the_interval_of_a_mean_holds_it_and_shrinks_with_the_episodes():
    values = np.random.default_rng(0).normal(1.0, 0.3, 400)
    few, many = mean95(values[:25]), mean95(values)
    assert few[0] < values[:25].mean() < few[1] and many[1] - many[0] < (few[1] - few[0]) / 2
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose(many, [values.mean() - half, values.mean() + half], atol=0.01)
    assert mean95(values) == many and mean95([0.5]) == (0.5, 0.5)
    with pytest.raises(ValueError, match="no values"):
        mean95([])
    by_mean = replace(RESULT, metric="return")
    assert by_mean.interval95 == mean95(RESULT.scores) != RESULT.interval95
