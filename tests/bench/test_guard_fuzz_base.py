"""The guard of an arm on a mobile base under every float there is, and the oracle that judges the base."""

import json

import numpy as np
import pytest

from gato_ros.bench.guard.base_oracle import CHECKS, BaseOracle
from gato_ros.bench.guard.episode import Episode, robot_of
from gato_ros.bench.guard.fuzz import EPISODE_TICKS, fuzz_episodes
from gato_ros.bench.guard.oracle import CHECKS as OF_ARM
from gato_ros.bench.guard.oracle import Oracle
from gato_ros.bench.guard.trace import Trace
from gato_ros.bench.guard.variants import BASE
from gato_ros.cli import main
from gato_ros.core.guard.base.planar_base import PlanarBase

ROBOT = robot_of("sawyer_rgb_stacking", BASE)
BOUNDS = ROBOT.guard.base
TICK_S = 0.01


@pytest.mark.fault("V1", "V2", "V3")
def test_no_command_of_a_base_gets_out_of_its_envelope():
    counts, examples = fuzz_episodes(range(7100, 7105), actions=BASE)
    assert examples == [] and counts["escapes"] == 0
    assert counts["ticks"] == 5 * EPISODE_TICKS and counts["followed"] > 0


@pytest.mark.parametrize("seed", [60, 606, 805])
def test_a_first_tick_of_a_tenth_of_a_millisecond_counts_as_time(seed):
    """The oracle named these: it had left that tick out."""
    trace = Episode(seed, 10, actions=BASE).run()
    assert trace["base"].any() and not any(found.any() for found in BaseOracle(ROBOT).escapes(trace).values())


def test_a_tool_that_a_late_tick_made_too_fast_slows_down_from_the_first_tick_of_a_stop():
    """Seed 1732: 60 ms late near a singularity, then stopped; rounded, the stop slowed the tool down 12 ms later."""
    trace = Episode(1732, EPISODE_TICKS, actions=BASE).run()
    speed = np.linalg.norm(np.einsum("nij,nj->ni", trace["jacobian"], trace["velocity"])[:, :3], axis=1)
    assert speed.max() > 0.17, "the episode still goes there"
    assert not any(found.any() for found in Oracle(ROBOT).escapes(trace).values())


@pytest.mark.parametrize("seed, tick", [(761, 147), (957, 246)])
def test_a_fast_turning_pose_does_not_turn_the_direction_of_the_tool(seed, tick):
    """Joints at 1.3 and 1.8 rad/s: averaged over 25 ms, they led 5 degrees off before the pose ahead counted."""
    trace = Episode(seed, tick + 1, actions=BASE).run()
    assert np.abs(trace["velocity"][tick]).max() > 1.1, "the episode still goes there"
    done = trace["jacobian"][tick, :3] @ trace["velocity"][tick]
    wish = trace["wish"][tick, :3] / np.abs(trace["wish"][tick, :3]).max()
    cosine = done @ wish / (np.linalg.norm(done) * np.linalg.norm(wish))
    assert np.rad2deg(np.arccos(cosine)) < 1.0


def test_the_base_moves_in_fuzzed_episodes_and_stands_in_others():
    moved = [np.abs(Episode(seed, 150, actions=BASE).run()["base"]).max() for seed in range(6)]
    assert sum(most > 0.01 for most in moved) >= 3 and max(moved) <= max(BOUNDS.speed) + 1e-9
    assert "base" not in Episode(0, 3).run().rows


def driven(wish=(0.2, -0.1, 0.4), ticks=400) -> Trace:
    """A base that follows one wish from rest, as its bounds let it."""
    trace, base, wish = Trace(True, "steady"), np.zeros(3), np.array(wish)
    most = np.array(BOUNDS.acceleration) * TICK_S
    for _ in range(ticks):
        left = wish - base
        base = base + left / max(1.0, float((np.abs(left) / most).max()))
        trace.add(
            base=base,
            base_wish=wish,
            stamp_age_s=0.01,
            receipt_age_s=0.01,
            following=True,
            by_policy=True,
            pressed=False,
            latched=False,
            velocity=np.full(7, 0.1),
            passed_s=TICK_S,
        )
    return trace


def spoilt(begin: int, **rows) -> Trace:
    """What it would be with these values from that tick on."""
    trace = driven()
    for name, value in rows.items():
        trace.rows[name][begin:] = [value] * (len(trace) - begin)
    return trace


def escapes(trace: Trace) -> set[str]:
    return {name for name, ticks in BaseOracle(ROBOT).escapes(trace).items() if ticks.any()}


def test_a_base_that_keeps_its_bounds_is_no_escape():
    assert escapes(driven()) == set() and set(BaseOracle(ROBOT).escapes(driven())) == set(CHECKS)
    assert escapes(driven((4.0, -2.0, 8.0))) >= {"base_speed"}, "its wish is beyond the speeds"


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ({"base": np.array([np.nan, 0.0, 0.0])}, {"base_nonfinite"}),
        ({"base": np.array([0.0, 0.0, 0.9])}, {"base_speed", "base_acceleration", "base_astray"}),
        ({"base": np.array([0.17, -0.1, 0.4])}, {"base_acceleration", "base_astray"}),
        ({"base": np.array([0.199, -0.1, 0.4])}, {"base_astray"}),
        # It goes on, whatever should stop it.
        ({"following": False}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"by_policy": False}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"pressed": True}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"latched": True}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"stamp_age_s": 0.09}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"receipt_age_s": 0.09}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"stamp_age_s": -0.06}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"receipt_age_s": -0.001}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"stamp_age_s": np.nan}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"base_wish": np.array([np.inf, 0.0, 0.0])}, {"base_stop_comes_late", "base_stop_takes_long"}),
        ({"velocity": np.full(7, 0.31)}, {"base_stop_comes_late", "base_stop_takes_long"}),
    ],
)
def test_the_oracle_finds_what_is_put_in(what, found):
    assert escapes(spoilt(350, **what)) == found


def test_a_stop_may_not_grow_nor_turn_round():
    trace = driven()
    trace.rows["following"][350:] = [False] * 50
    trace.rows["base"][350:] = [np.array([0.2 - 0.016 * k, -0.1, 0.4]) for k in range(1, 51)]
    assert "base_stop_speeds_up" in escapes(trace), "from one sign to the other"
    stop = [np.array([0.2, -0.1, 0.4]) * max(0.0, 1 - 0.016 * k / 0.2) for k in range(1, 51)]
    trace.rows["base"][350:] = stop
    assert escapes(trace) == set()
    trace.rows["base"][350:] = [value * 0.9 if k else value * 0.5 for k, value in enumerate(stop)]
    assert {"base_acceleration", "base_stop_speeds_up"} <= escapes(trace)


def test_a_guard_that_lets_the_base_through_is_found(monkeypatch):
    def careless(self, proposal, share, arm, dt):
        self.velocity = np.nan_to_num(np.array(getattr(proposal, "base", np.ones(3)), np.float64))
        return ()

    monkeypatch.setattr(PlanarBase, "follow", careless)
    counts, examples = fuzz_episodes(range(3), actions=BASE)
    assert counts["base_speed"] > 0 and counts["base_acceleration"] > 0 and examples


def test_the_verb_counts_the_checks_of_a_base(tmp_path):
    out = tmp_path / "fuzz.json"
    with pytest.raises(SystemExit) as ended:
        main(["guard", "fuzz", "--actions", "base", "--ticks", "400", "--workers", "1", "--json", str(out)])
    result = json.loads(out.read_text())
    assert ended.value.code == 0 and result["ticks"] == 400 and result["escapes"] == 0
    assert set(result["by_check"]) == {*OF_ARM, *CHECKS}
