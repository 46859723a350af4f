import json

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.core.policy import HoldPolicy, ReplayPolicy
from gato_ros.core.statistics import PairedCounts, wilson95
from gato_ros.evaluation.outcomes import STAGES, EpisodeOutcome, outcome_from_row, pair_up, run_episode, summarise


class CountingEnvironment:
    """Ends after `length` ticks; stacked from tick `stacked_at` on; remembers its calls."""

    def __init__(self, length=10, stacked_at=None, progress="lifted"):
        self.length, self.stacked_at, self.progress = length, stacked_at, progress
        self.seeds, self.actions = [], []

    def reset(self, *, seed=None):
        self.seeds.append(seed)
        self.tick = 0
        return {}, self._info()

    def observe(self):
        return Observation({"gripper/opening": np.array([0.04], np.float32)}, self.tick / 20)

    def step_action(self, action):
        self.actions.append(action)
        self.tick += 1
        return 0.0, False, self.tick >= self.length, self._info()

    def _info(self):
        stacked = self.stacked_at is not None and self.tick >= self.stacked_at
        return {"success": stacked, "progress": "stacked" if stacked else self.progress, "objects": ("r3", "s0", "b2")}


def test_an_episode_runs_to_success_and_no_further():
    environment = CountingEnvironment(stacked_at=4)
    outcome = run_episode(environment, HoldPolicy(), seed=7)
    assert outcome == EpisodeOutcome(7, True, 4, "stacked", ("r3", "s0", "b2"))
    assert environment.seeds == [7] and len(environment.actions) == 4 and outcome.failure is None


def test_an_episode_without_success_runs_its_full_length():
    outcome = run_episode(CountingEnvironment(length=10), HoldPolicy(), seed=1)
    assert (outcome.success, outcome.steps, outcome.failure) == (False, 10, "not_over_base")


def test_a_success_on_the_last_tick_counts():
    assert run_episode(CountingEnvironment(length=10, stacked_at=10), HoldPolicy(), seed=1).success


def test_the_policy_is_reset_for_every_episode():
    policy = ReplayPolicy([ArmAction(np.array([0.01, 0, 0, 0]), 0.0)])
    environment = CountingEnvironment(length=2)
    for seed in range(3):
        run_episode(environment, policy, seed)
    assert [action.twist[0] for action in environment.actions] == [0.01, 0.0] * 3


def test_an_error_of_the_policy_passes_through():
    class Broken(HoldPolicy):
        def act(self, observation):
            raise FloatingPointError("not finite")

    with pytest.raises(FloatingPointError):
        run_episode(CountingEnvironment(), Broken(), seed=0)


@pytest.mark.parametrize(
    ("progress", "failure"),
    [
        ("none", "not_reached"),
        ("reached", "not_grasped"),
        ("grasped", "not_lifted"),
        ("lifted", "not_over_base"),
        ("over_base", "not_stacked"),
        (None, "not_stacked"),
    ],
)
def test_a_failure_is_named_after_the_first_stage_missed(progress, failure):
    assert EpisodeOutcome(0, False, 400, progress).failure == failure


def test_an_environment_that_tells_no_progress_gives_unknown_flags():
    assert [EpisodeOutcome(0, False, 1, None).got_to(stage) for stage in STAGES] == [None] * 5
    grasped = EpisodeOutcome(0, False, 1, "grasped")
    assert [grasped.got_to(stage) for stage in STAGES] == [True, True, False, False, False]


def test_a_summary_counts_what_happened():
    outcomes = [
        EpisodeOutcome(3, True, 100, "stacked"),
        EpisodeOutcome(1, False, 400, "none"),
        EpisodeOutcome(2, True, 200, "stacked"),
        EpisodeOutcome(0, False, 400, "lifted"),
    ]
    row = summarise(outcomes)
    assert (row["episodes"], row["successes"], row["rate"]) == (4, 2, 0.5)
    assert row["wilson95"] == list(wilson95(2, 4))
    assert (row["mean_steps"], row["mean_steps_of_successes"]) == (275.0, 150.0)
    assert row["failures"] == {"not_over_base": 1, "not_reached": 1} and row["failed_seeds"] == [0, 1]
    assert row["stages"] == {"reached": 3, "grasped": 3, "lifted": 3, "over_base": 2, "stacked": 2}
    assert summarise(reversed(outcomes)) == row
    with pytest.raises(ValueError, match="no episodes"):
        summarise([])


def test_no_success_has_no_mean_of_successes():
    assert summarise([EpisodeOutcome(0, False, 400, "none")])["mean_steps_of_successes"] is None


class TellingEnvironment(CountingEnvironment):
    """Names its failures, also while the episode is still on its way to a success."""

    def _info(self):
        return {**super()._info(), "failure": "dropped"}


def test_the_environments_word_for_a_failure_wins_over_the_stage():
    outcome = run_episode(TellingEnvironment(length=5), HoldPolicy(), seed=1)
    assert (outcome.progress, outcome.failure) == ("lifted", "dropped")
    assert summarise([outcome])["failures"] == {"dropped": 1}


def test_a_success_is_no_failure_whatever_the_environment_says():
    outcome = run_episode(TellingEnvironment(stacked_at=3), HoldPolicy(), seed=1)
    assert outcome.success and outcome.failure is None and outcome.reported_failure is None


def test_whoever_watches_sees_the_start_and_every_tick():
    environment, ticks = CountingEnvironment(stacked_at=4), []
    outcome = run_episode(environment, HoldPolicy(), 7, lambda: ticks.append(environment.tick))
    assert ticks == [0, 1, 2, 3, 4]
    assert outcome == run_episode(CountingEnvironment(stacked_at=4), HoldPolicy(), seed=7)


@pytest.mark.parametrize(
    "outcome",
    [
        EpisodeOutcome(3, True, 120, "stacked", ("r3", "s0", "b2")),
        EpisodeOutcome(4, False, 400, "lifted", ("r3", "s0", "b2"), "toppled"),
        EpisodeOutcome(5, False, 400, None),
    ],
)
def test_an_outcome_comes_back_from_json(outcome):
    back = outcome_from_row(json.loads(json.dumps(outcome.row())))
    assert back.row() == outcome.row() and back.failure == outcome.failure
    assert summarise([back]) == summarise([outcome])


@pytest.mark.parametrize("change", [{"seed": "3"}, {"success": 1}, {"progress": "asleep"}, {"steps": "many"}])
def test_a_row_that_is_no_outcome_is_refused(change):
    with pytest.raises(ValueError, match=r"no outcome|invalid literal"):
        outcome_from_row({**EpisodeOutcome(3, True, 120, "stacked").row(), **change})


def outcomes(successes, first=0, objects=()):
    return [EpisodeOutcome(first + k, success, 100, None, objects) for k, success in enumerate(successes)]


def test_pairs_are_the_seeds_that_both_ran():
    this = outcomes([True, True, False, False, True])
    that = outcomes([True, False, True, False])
    assert pair_up(this, reversed(that)) == PairedCounts(1, 1, 1, 1)
    assert pair_up(this, outcomes([True], first=4)) == PairedCounts(1, 0, 0, 0)
    assert pair_up(this, outcomes([True], first=9)) == PairedCounts(0, 0, 0, 0)


def test_a_seed_with_other_objects_is_no_pair():
    with pytest.raises(ValueError, match="seed 0 has r3 s0 b2 here and s0 s0 s0 there"):
        pair_up(outcomes([True], objects=("r3", "s0", "b2")), outcomes([True], objects=("s0", "s0", "s0")))
