"""Halves of insertions: drawn as said, and what their agreement says against simulated truths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpflow.halves import excess_coincidence, noise_free_correlation, split
from bpflow.metrics import pearson


def test_each_insertion_goes_into_one_half():
    counts = np.random.default_rng(0).poisson(3, size=(200, 300)).astype(np.int32)
    first, second = split(counts, np.random.default_rng(1))
    assert first.dtype == second.dtype == np.int32
    assert (first >= 0).all()
    assert (second >= 0).all()
    np.testing.assert_array_equal(first + second, counts)
    # Binomial with p = 1/2: mean n / 2, variance n / 4.
    total = counts.sum()
    assert abs(first.sum() - total / 2) < 4 * math.sqrt(total / 4)
    np.testing.assert_allclose(np.mean((2 * first - counts)[counts > 0] ** 2), counts[counts > 0].mean(), rtol=0.05)


def test_halves_of_poisson_counts_are_independent():
    counts = np.random.default_rng(2).poisson(5, size=(1, 50_000))
    first, second = split(counts, np.random.default_rng(3))
    assert abs(pearson(first[0], second[0])) < 0.02


def test_the_seed_decides_and_blocks_do_not():
    counts = np.random.default_rng(4).poisson(0.7, size=(50, 40))
    whole, _ = split(counts, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    parts = [split(counts[first : first + 7], rng)[0] for first in range(0, 50, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (split(counts, np.random.default_rng(6))[0] != whole).any()


@pytest.mark.parametrize("depth", [3, 30, 300])
def test_excess_coincidence_estimates_the_divergence_at_any_depth(depth):
    rng = np.random.default_rng(7)
    average = np.full(200, 1 / 200)
    profiles = rng.gamma(0.5, size=(3000, 200))
    profiles /= profiles.sum(axis=1, keepdims=True)
    planted = np.mean((np.square(profiles - average) / average).sum(axis=1))
    for truth, expected in ((profiles, planted), (np.tile(average, (3000, 1)), 0.0)):
        first, second = split(rng.poisson(depth * truth), rng)
        pairs = first.sum(axis=1) * second.sum(axis=1)
        excess, error = excess_coincidence((first * second / average).sum(axis=1), pairs)
        assert 0 < error < 0.5
        assert abs(excess - expected) < 4 * error


def test_without_pairs_there_is_no_excess():
    assert np.isnan(excess_coincidence(np.zeros(3), np.zeros(3))).all()
    assert np.isnan(excess_coincidence(np.zeros(0), np.zeros(0))).all()


@pytest.mark.parametrize("depth", [3, 10, 100])
def test_noise_free_correlation_is_what_the_truth_reaches(depth):
    rng = np.random.default_rng(8)
    rates = depth * rng.lognormal(0, 0.8, size=(20_000, 1))
    counts = rng.poisson(rates)
    first, second = split(counts, rng)
    ceiling, error = noise_free_correlation(pearson(np.log1p(first[:, 0]), np.log1p(second[:, 0])), len(rates))
    reached = pearson(np.log1p(counts[:, 0]), np.log1p(rates[:, 0]))
    assert 0 < error < 0.02
    assert ceiling == pytest.approx(reached, abs=0.03)


def test_halves_that_do_not_agree_give_no_ceiling():
    assert np.isnan(noise_free_correlation(0.1, 100)).all()
    assert np.isnan(noise_free_correlation(-0.5, 1000)).all()
    assert np.isnan(noise_free_correlation(math.nan, 1000)).all()
    assert np.isnan(noise_free_correlation(0.9, 1)).all()
    assert noise_free_correlation(1.0, 100)[0] == 1
