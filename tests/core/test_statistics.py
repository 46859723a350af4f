"""Statistics, tested as mathematics: published values, symmetries, and what an interval and a test promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gato_ros.core.statistics import Z95, PairedCounts, area95, area_under_curve, wilson95

counts = st.builds(PairedCounts, *[st.integers(0, 60)] * 4)


@pytest.mark.parametrize(
    ("table", "p_value"),
    [
        # Fagerland, Lydersen, Laake 2013 (BMC Medical Research Methodology 13:91): Bentur 2009 and Cavo 2012.
        ((1, 1, 7, 12), 0.0703),
        ((59, 6, 16, 80), 0.0525),
        ((3, 0, 5, 1), 2 / 32),
        ((9, 0, 0, 4), 1.0),
        ((0, 1, 0, 0), 1.0),
        ((5, 4, 4, 5), 1.0),
    ],
)
def test_known_p_values(table, p_value):
    assert PairedCounts(*table).p_value == pytest.approx(p_value, abs=5e-5)


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        # Altman et al. 2000, Statistics with Confidence, table 6.2; Fagerland et al. 2014 on Bentur 2009.
        ((14, 5, 0, 22), (0.011, 0.226)),
        ((1, 1, 7, 12), (-0.507, -0.026)),
    ],
)
def test_known_intervals_of_a_paired_difference(table, interval):
    assert PairedCounts(*table).difference95 == pytest.approx(interval, abs=5e-4)


@settings(deadline=None)
@given(counts)
def test_the_p_value_is_that_of_a_binomial_test(table):
    scipy_stats = pytest.importorskip("scipy.stats")
    discordant = table.only_this + table.only_that
    expected = scipy_stats.binomtest(table.only_this, discordant).pvalue if discordant else 1.0
    assert table.p_value == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(counts)
def test_exchanging_the_runs_turns_the_sign_and_nothing_else(table):
    other = PairedCounts(table.both, table.only_that, table.only_this, table.neither)
    failures = PairedCounts(table.neither, table.only_that, table.only_this, table.both)
    low, high = table.difference95
    for turned in (other, failures):
        assert turned.difference == -table.difference and turned.p_value == table.p_value
        assert turned.difference95 == pytest.approx((-high, -low), abs=1e-12)


@settings(deadline=None)
@given(counts)
def test_an_interval_holds_its_difference_and_stays_in_range(table):
    low, high = table.difference95
    assert -1 <= low <= table.difference <= high <= 1
    assert 0 < table.p_value <= 1


@pytest.mark.parametrize(
    "probabilities",
    [
        (0.6, 0.1, 0.1, 0.2),
        (0.5, 0.2, 0.05, 0.25),
        (0.25, 0.25, 0.25, 0.25),
        (0.1, 0.4, 0.1, 0.4),
        (0.9, 0.0, 0.1, 0.0),
    ],
)
def test_the_interval_covers_the_truth_in_95_of_100(probabilities):
    """Over every possible table of 20 pairs, weighted by its chance."""
    pairs, truth, covered = 20, probabilities[1] - probabilities[2], 0.0
    for both in range(pairs + 1):
        for this in range(pairs - both + 1):
            for that in range(pairs - both - this + 1):
                table = (both, this, that, pairs - both - this - that)
                low, high = PairedCounts(*table).difference95
                ways = math.factorial(pairs) / math.prod(math.factorial(count) for count in table)
                chance = ways * math.prod(p**count for p, count in zip(probabilities, table))
                covered += chance * (low <= truth <= high)
    assert 0.945 <= covered <= 1.0


@pytest.mark.parametrize("discordant", [1, 5, 6, 12, 25])
def test_the_test_errs_no_more_often_than_it_says(discordant):
    """Under equal policies the chance of a p-value of at most a is at most a."""
    chances = np.array([math.comb(discordant, k) / 2**discordant for k in range(discordant + 1)])
    p_values = np.array([PairedCounts(0, k, discordant - k, 0).p_value for k in range(discordant + 1)])
    for p_value in p_values:
        assert chances[p_values <= p_value].sum() <= p_value + 1e-12


def test_more_pairs_of_one_kind_narrow_the_interval_and_lower_the_p_value():
    few, many = PairedCounts(5, 4, 1, 2), PairedCounts(50, 40, 10, 20)
    assert few.difference == many.difference
    assert np.diff(many.difference95) < np.diff(few.difference95) and many.p_value < few.p_value


def test_a_hundred_thousand_pairs_are_no_trouble():
    table = PairedCounts(40_000, 10_000, 10_400, 39_600)
    assert table.pairs == 100_000 and 0.001 < table.p_value < 0.01
    low, high = table.difference95
    assert low < -0.004 < high < 0


def test_tables_of_object_sets_add_up():
    assert PairedCounts(1, 2, 3, 4) + PairedCounts(10, 20, 30, 40) == PairedCounts(11, 22, 33, 44)
    empty = PairedCounts(0, 0, 0, 0)
    assert (empty.pairs, empty.difference, empty.difference95, empty.p_value) == (0, 0.0, (-1.0, 1.0), 1.0)
    with pytest.raises(ValueError, match="negative"):
        PairedCounts(1, -1, 0, 0)


def test_wilson_holds_known_values():
    # Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3.
    assert wilson95(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson95(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_the_area_under_the_curve_counts_pairs_and_its_interval_narrows():
    assert area_under_curve([3.0, 4.0], [1.0, 2.0]) == 1.0 and area_under_curve([1.0], [2.0]) == 0.0
    assert area_under_curve([1.0, 3.0], [2.0, 3.0]) == pytest.approx((0 + 0 + 1 + 0.5) / 4)
    with pytest.raises(ValueError, match="both kinds"):
        area_under_curve([], [1.0])
    # Hanley and McNeil's own example (their Table I): area 0.893, 51 abnormal and 58 normal images, error 0.032.
    low, high = area95(0.893, 51, 58)
    assert (high - low) / (2 * Z95) == pytest.approx(0.032, abs=0.001)
    assert area95(0.9, 500, 500)[0] > area95(0.9, 20, 20)[0]
