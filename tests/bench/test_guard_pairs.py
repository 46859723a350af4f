"""Pairs of guarded arms that are sent at each other, as `guard fuzz --actions pair` does it."""

import json

import numpy as np
import pytest

from gato_ros.bench.guard import pair
from gato_ros.bench.guard.pair import PairEpisode, fuzz_pairs, nearest_points
from gato_ros.cli import main
from gato_ros.core.guard.neighbours.neighbour import NeighbourView


@pytest.mark.fault("B2")
@pytest.mark.fault("B3")
@pytest.mark.parametrize(
    "robot, actions, seeds",
    [
        ("sawyer_rgb_stacking", "", range(18)),
        ("sawyer_rgb_stacking", "joint_velocity", range(100, 109)),
        ("so101_rgb_stacking", "", range(200, 205)),
        ("ur5e_rgb_stacking", "", range(300, 305)),
    ],
)
def test_no_pair_comes_nearer_than_the_clearance(robot, actions, seeds):
    counts, examples = fuzz_pairs(seeds, robot, actions)
    print(robot, actions, dict(counts))
    assert examples == [] and counts["escapes"] == counts["into_spare"] == 0
    assert counts["near"] > 50 and counts["limited"] > counts["ticks"] / 8, "they did come at each other"


def test_without_the_rule_the_same_pairs_meet(monkeypatch):
    monkeypatch.setattr(
        NeighbourView, "shares", lambda self, ends, jacobians, velocities, gain: [1.0] * len(velocities)
    )
    counts, examples = fuzz_pairs(range(6, 10), "sawyer_rgb_stacking")
    assert counts["escapes"] and {example["seed"] for example in examples} == {6, 9}


def test_an_episode_is_the_same_from_its_seed():
    runs = [PairEpisode(11, "sawyer_rgb_stacking").run(60) for _ in range(2)]
    assert runs[0] == runs[1]


def test_the_oracles_nearest_points_are_nearest():
    rng, along = np.random.default_rng(0), np.linspace(0.0, 1.0, 61)[:, None]
    a, b = rng.normal(size=(100, 2, 3)), rng.normal(size=(100, 2, 3))
    a[:10, 1] = a[:10, 0]
    b[10:20, 1] = b[10:20, 0] + 2.0 * (a[10:20, 1] - a[10:20, 0])
    found = np.linalg.norm(np.subtract(*nearest_points(a, b)), axis=1)
    points = [ends[:, :1] * (1 - along) + ends[:, 1:] * along for ends in (a, b)]
    sampled = np.linalg.norm(points[0][:, :, None] - points[1][:, None], axis=-1).min(axis=(1, 2))
    assert (found <= sampled + 1e-9).all() and (found >= sampled - 0.1).all()


def test_the_verb_runs_pairs_and_says_what_limited_them(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["guard", "fuzz", "--actions", "pair", "--ticks", "400", "--workers", "1", "--seed", "9", "--json"]
             + [str(tmp_path / "pair.json")])  # fmt: skip
    result = json.loads((tmp_path / "pair.json").read_text())
    assert left.value.code in (0, None) and result["ok"] and result["actions"] == "pair"
    assert result["escapes"] == result["into_spare"] == 0 and result["limited"] > 100 and result["near"] > 100
    assert "pair: 800 ticks" in capsys.readouterr().out
    assert pair.CASES == ("both", "stands", "intruder")
