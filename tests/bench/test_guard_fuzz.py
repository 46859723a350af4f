"""The guard under every float there is, and the oracle that judges it."""

import json

import numpy as np
import pytest

from gato_ros.bench.guard.episode import WISHES, Episode, any_float, robot_of
from gato_ros.bench.guard.fuzz import EPISODE_TICKS, fuzz_episodes
from gato_ros.bench.guard.oracle import CHECKS, Oracle
from gato_ros.bench.guard.variants import VARIANTS
from gato_ros.cli import main
from gato_ros.embodiments import load_embodiment

ROBOT = load_embodiment()
TICKS = 30_000
"""As many as the suite has time for; `make guard-fuzz` takes ten million."""


@pytest.mark.fault("C1", "C2", "C3", "C4", "C5")
def test_no_command_gets_out_of_its_envelope():
    counts, examples = fuzz_episodes(range(7000, 7000 + TICKS // EPISODE_TICKS))
    assert examples == [] and counts["escapes"] == counts["nonfinite"] == 0
    assert counts["ticks"] == TICKS and 0.4 * TICKS < counts["followed"] < 0.9 * TICKS


@pytest.mark.fault("V1", "V2", "V3")
@pytest.mark.parametrize("actions", VARIANTS)
def test_no_command_of_another_kind_gets_out_of_its_envelope(actions):
    counts, examples = fuzz_episodes(range(7003, 7004), actions=actions)
    assert examples == [] and counts["escapes"] == counts["nonfinite"] == 0
    assert counts["ticks"] == EPISODE_TICKS and counts["followed"] > 0


def test_a_silent_policy_beside_a_person_is_a_tick_like_any_other():
    """Seven joint speeds and six components of a twist: in seed 1010 the policy says nothing while a person moves."""
    counts, examples = fuzz_episodes(range(1010, 1011), actions="joint_velocity")
    assert counts["ticks"] == 400 and not examples


def test_any_float_draws_the_whole_range():
    values = any_float(np.random.default_rng(0), 20_000, 0.1)
    finite = values[np.isfinite(values)]
    assert np.isnan(values).sum() > 300 and np.isinf(values).sum() > 600
    assert np.abs(finite).max() > 1e307 and (np.abs(finite[finite != 0]) < 1e-307).sum() > 100
    assert (finite > 0).mean() == pytest.approx((finite < 0).mean(), abs=0.1)


@pytest.fixture(scope="module")
def quiet():
    """An episode that began in the middle, without ragged ticks and faults, on one wish."""
    limits = ROBOT.motion_limits
    for seed in range(2000):
        episode = Episode(seed, 120)
        tool = episode._kinematics.tool(episode._q).position
        middle = np.abs(tool - (limits.workspace_lower + limits.workspace_upper) / 2).max() < 0.04
        if middle and episode.trace.inside and episode.trace.wish == "steady" and episode._faults == 0.0:
            return episode.run()
    raise AssertionError("no such seed")


def spoilt(trace, **rows):
    """The trace with other values."""
    changed = type(trace)(trace.inside, trace.wish, dict(trace.rows))
    for name, value in rows.items():
        changed.rows[name] = list(value)
    return changed


def escapes(trace) -> set[str]:
    return {name for name, ticks in Oracle(ROBOT).escapes(trace).items() if ticks.any()}


def test_the_oracle_finds_what_is_put_in(quiet):
    assert escapes(quiet) == set()
    velocity, none = quiet["velocity"], np.zeros(len(quiet), bool)
    nan = velocity.copy()
    nan[50, 2] = np.nan
    assert escapes(spoilt(quiet, velocity=nan)) == {"nonfinite"}
    opening = quiet["opening_m"].copy()
    opening[50] = np.inf
    assert escapes(spoilt(quiet, opening_m=opening)) == {"nonfinite"}
    assert {"joint_speed", "tool_speed"} <= escapes(spoilt(quiet, velocity=velocity * 100))
    jolt = velocity.copy()
    jolt[60] = -jolt[60] * 3
    assert {"tool_acceleration", "tool_jerk"} <= escapes(spoilt(quiet, velocity=jolt))
    assert {"joint_acceleration"} <= escapes(spoilt(quiet, velocity=velocity + np.eye(len(quiet))[:, 60:61] * 0.5))
    assert {"workspace", "stopping_distance"} <= escapes(spoilt(quiet, tool=quiet["tool"] + 0.3))
    assert escapes(spoilt(quiet, position=quiet["position"] + 4.0)) == {"joint_range"}
    assert escapes(spoilt(quiet, ends=quiet["ends"] * (1, 1, 0))) >= {"table"}
    assert escapes(spoilt(quiet, ends=quiet["ends"] * 0.01)) >= {"self_collision"}
    assert escapes(spoilt(quiet, opening_m=np.full_like(opening, 0.2))) == {"gripper"}
    assert {"moves_while_stopped"} == escapes(spoilt(quiet, latched=~none))
    growing = np.cumsum(np.full_like(velocity, 1e-4), axis=0)
    assert "stop_speeds_up" in escapes(spoilt(quiet, following=none, velocity=growing))
    assert "stop_comes_late" in escapes(spoilt(quiet, following=none, velocity=velocity * 0 + 0.01))
    assert "direction" in escapes(spoilt(quiet, wish=-quiet["wish"]))
    assert set(CHECKS) == set(Oracle(ROBOT).escapes(quiet))


def test_the_oracle_finds_a_tool_that_is_tilted_or_turned_too_far():
    robot = robot_of("sawyer_rgb_stacking", "twist_base")
    stated = robot.limits.orientation
    level = np.stack([stated.tool_x, np.cross(stated.tool_z, stated.tool_x), stated.tool_z], axis=1)
    tilted, turned = stated.cone_rad, np.array(stated.yaw_rad)
    cases = [(0.9 * tilted, 0.0, False), (1.1 * tilted, 0.0, True), (0.3, turned[1] - 0.05, False)]
    cases += [(0.3, turned[1] + 0.05, True), (0.0, turned[0] - 0.05, True), (0.0, 0.0, False)]
    for tilt, yaw, found in cases:
        swing = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        assert Oracle(robot)._turned_away((level @ swing @ turn)[None]).tolist() == [found], (tilt, yaw)


def test_the_oracle_excuses_only_what_a_pose_or_a_stop_explains(quiet):
    none, steps = np.zeros(len(quiet), bool), np.arange(len(quiet))[:, None]
    # The tool's acceleration turns round from tick to tick, each time within its own bound.
    along = np.linalg.pinv(quiet["jacobian"])[:, :, 0]
    bound = ROBOT.limits.linear_acceleration_m_s2 * 0.009
    wobble = 0.8 * bound * along * (steps % 2)
    assert escapes(spoilt(quiet, velocity=wobble)) >= {"tool_jerk"}
    assert "tool_acceleration" not in escapes(spoilt(quiet, velocity=wobble))
    # Too fast, and no slower: where a policy is followed from the first tick on, in a stop when it ought to slow down.
    fast = along * 2 * ROBOT.limits.linear_speed_m_s
    for following in (~none, none):
        found = Oracle(ROBOT).escapes(spoilt(quiet, velocity=fast, following=following))["tool_speed"]
        assert found[5:].all()


def test_every_kind_of_wish_is_drawn_and_an_episode_is_its_seed_s():
    kinds = {Episode(seed, 1).trace.wish for seed in range(60)}
    assert kinds == set(WISHES)
    first, second = Episode(11, 60).run(), Episode(11, 60).run()
    np.testing.assert_array_equal(first["velocity"], second["velocity"])


def test_the_verb_writes_what_it_found(tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(["guard", "fuzz", "--ticks", "1000", "--workers", "1", "--json", str(tmp_path / "fuzz.json")])
    result = json.loads((tmp_path / "fuzz.json").read_text())
    assert ended.value.code == 0 and result["ticks"] == 1200
    assert result["escapes"] == result["nonfinite"] == 0 and set(result["by_check"]) == set(CHECKS)
    assert 0 < result["followed"] < 1200 and result["ticks_per_s"] > 0


def test_a_guard_that_lets_something_through_fails_the_verb(tmp_path, monkeypatch):
    from gato_ros.bench.guard import fuzz as guard_fuzz
    from gato_ros.core.guard.joint_slew import JointSlew

    def careless(self, wanted, jacobian, dt):
        self.velocity = wanted
        return False

    monkeypatch.setattr(JointSlew, "follow", careless)
    counts, examples = guard_fuzz.fuzz_episodes(range(3))
    assert counts["escapes"] > 0 and counts["tool_jerk"] > 0 and examples[0]["seed"] == 0
