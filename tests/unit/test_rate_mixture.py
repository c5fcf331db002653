"""Distances without noise against those to simulated true profiles, at many depths and shapes."""

from __future__ import annotations

import numpy as np
import pytest

from bpflow.halves import excess_coincidence, split
from bpflow.metrics import jensen_shannon
from bpflow.rate_mixture import MULTIPLES, RateSurvey
from unit import simulated


@pytest.mark.parametrize(
    ("regions", "depth", "unevenness"),
    [(4000, 5, 1.0), (4000, 5, 1.5), (400, 50, 0.3), (400, 50, 1.0), (400, 50, 1.5)]
    + [(400, depth, unevenness) for depth in (500, 5000) for unevenness in (0.3, 1.5)],
)
def test_noise_free_distances_are_those_to_the_truth(regions, depth, unevenness):
    rng = np.random.default_rng(0)
    truth = simulated.true_profiles(regions, 500, unevenness=unevenness, rng=rng)
    counts = rng.poisson(depth * truth)
    average = truth.mean(axis=0)
    survey = RateSurvey(average)
    survey.add(counts[:150])
    survey.add(counts[150:])
    found = survey.mixture().noise_free_jsd(counts.sum(axis=1), rng)
    reached = np.nanmedian(jensen_shannon(counts, truth))
    way = np.nanmedian(jensen_shannon(counts, np.tile(average, (regions, 1)))) - reached
    # As exact as the halves' agreement says, and within a tenth where they agree well.
    first, second = split(counts, rng)
    pairs = first.sum(axis=1) * second.sum(axis=1)
    excess, error = excess_coincidence((first / average * second).sum(axis=1), pairs)
    assert abs(np.nanmedian(found) - reached) < max(0.1, 3 * error / excess) * way
    assert error / excess < (0.04 if depth > 50 else 0.4)
    np.testing.assert_array_equal(np.isnan(found), counts.sum(axis=1) == 0)


def test_flat_truth_is_a_mixture_of_one_rate():
    rng = np.random.default_rng(1)
    survey = RateSurvey(np.full(100, 0.01))
    survey.add(rng.poisson(2.0, size=(2000, 100)))
    weights = survey.mixture().weights
    assert weights.sum() == pytest.approx(1)
    assert weights[(MULTIPLES > 0.7) & (MULTIPLES < 1.4)].sum() > 0.98
    assert weights @ MULTIPLES == pytest.approx(1, abs=0.02)


def test_blocks_and_empty_regions_do_not_matter():
    counts = np.random.default_rng(2).poisson(0.2, size=(60, 50))
    average = np.full(50, 0.02)
    one, two = RateSurvey(average), RateSurvey(average)
    one.add(counts)
    for first in range(0, 60, 11):
        two.add(counts[first : first + 11])
    two.add(np.zeros((5, 50), dtype=int))
    np.testing.assert_array_equal(one.mixture().weights, two.mixture().weights)


def test_no_counts_give_no_distances():
    survey = RateSurvey(np.full(50, 0.02))
    survey.add(np.zeros((3, 50), dtype=int))
    assert np.isnan(survey.mixture().noise_free_jsd(np.zeros(3, dtype=int), np.random.default_rng(0))).all()


def test_very_deep_regions_are_counted():
    survey = RateSurvey(np.full(50, 0.02))
    survey.add(np.full((2, 50), 2_000_000, dtype=np.int32))
    distances = survey.mixture().noise_free_jsd(np.full(2, 10**8), np.random.default_rng(0))
    assert (distances < 0.01).all()
