"""The shipped scores of random play and of the experts: whole, of tasks that there are, and as good as expected."""

import pytest

from gato_ros.domains.baselines.baseline import FOLDER, load_baseline
from gato_ros.domains.registry import load_domain
from gato_ros.evaluation.foreign.task_result import result_of_row

LEAST_SUCCESS = {"babyai": 0.99, "meta_world": 0.97, "atari": 0.95}
"""Of the experts, on average over the tasks."""
EPISODES = {"babyai": 100, "meta_world": 20, "atari": 10}


@pytest.mark.parametrize("name", LEAST_SUCCESS)
def test_the_baselines_cover_every_task(name):
    domain = load_domain(name)
    luck, expert = load_baseline(name, "random"), load_baseline(name, "expert")
    assert set(luck.tasks) == set(expert.tasks) == set(domain.tasks)
    assert set(luck.versions) == set(expert.versions) == set(domain.packages)
    for task in domain.tasks:
        for known in (luck, expert):
            seeds = range(900_000, 900_000 + EPISODES[name])
            assert known.covers(task, seeds, known.versions)
            row = known.tasks[task]
            found = result_of_row(domain.metric, known.seed, row)
            assert found.row()["outcomes"] == row["outcomes"] and found.score == pytest.approx(row["score"], abs=1e-6)
            assert len(found.scores) == row["episodes"] > 0.9 * EPISODES[name]
        assert luck.tasks[task]["score"] < expert.tasks[task]["score"] == luck.tasks[task]["expert"]


@pytest.mark.parametrize("name", LEAST_SUCCESS)
def test_the_experts_are_experts(name):
    rates = [row["rate"] for row in load_baseline(name, "expert").tasks.values()]
    assert sum(rates) / len(rates) >= LEAST_SUCCESS[name]


def test_the_rules_of_atari_play_as_people_do():
    """On most games, and nearly so on Pong, which is cut after five minutes."""
    rows = load_baseline("atari", "expert").tasks
    percents = {task: load_domain("atari").percent_of_human(task, row["score"]) for task, row in rows.items()}
    assert sum(percent >= 100 for percent in percents.values()) >= 4 and min(percents.values()) > 80


def test_no_baseline_is_forgotten():
    assert {path.stem for path in FOLDER.glob("*.json")} == {
        f"{name}_{who}" for name in LEAST_SUCCESS for who in ("random", "expert")
    }
