from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from bpflow import metrics


@pytest.fixture
def profiles():
    random = np.random.default_rng(2)
    counts = random.poisson(0.3, (40, 200))
    predicted = random.dirichlet(np.full(200, 0.5), 40)
    return counts, predicted


def test_jensen_shannon_equals_scipy_for_each_region(profiles):
    counts, predicted = profiles
    expected = [jensenshannon(x, p) for x, p in zip(counts, predicted, strict=True)]
    np.testing.assert_allclose(metrics.jensen_shannon(counts, predicted), expected, rtol=1e-10)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.02, 0.5, 30.0]),
    st.sampled_from([np.int32, np.int64, np.uint8, np.float32]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1, 50, 1 << 18]),
    st.sampled_from([1, 2]),
)
def test_distances_equal_scipy_whatever_the_counts_types_blocks_and_threads(
    seed, rate, counts_type, type_, block_values, threads
):
    random = np.random.default_rng(seed)
    counts = (random.poisson(rate, (9, 25)) * random.choice([1, 1, 5], (9, 1))).astype(counts_type)
    predicted = (random.gamma(0.3, 1, (9, 25)) * (random.random((9, 25)) < 0.7)).astype(type_)
    counts[0], predicted[1] = 0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "BLOCK_VALUES", block_values)
        distance, normalised = metrics.profile_distances(counts, predicted, threads=threads)
        np.testing.assert_array_equal(metrics.jensen_shannon(counts, predicted, threads=threads), distance)
        np.testing.assert_array_equal(metrics.normalised_jsd(counts, predicted, threads=threads), normalised)
    for row, (x, p) in enumerate(zip(counts.astype(float), predicted.astype(float), strict=True)):
        if not x.sum() or not p.sum():
            assert math.isnan(distance[row])
            assert math.isnan(normalised[row])
            continue
        expected, baseline = jensenshannon(x, p), jensenshannon(x, np.ones(25))
        assert distance[row] == pytest.approx(expected, rel=1e-9)
        if (x != x[0]).any():
            assert normalised[row] == pytest.approx(max(1 - expected / baseline, 0), abs=1e-9)


def test_no_region_has_no_distance():
    distance, normalised = metrics.profile_distances(np.zeros((0, 10), int), np.zeros((0, 10)))
    assert distance.shape == normalised.shape == (0,)


def test_jensen_shannon_reaches_its_ends():
    left, right = np.array([[1, 0], [1, 3]]), np.array([[0, 1], [2, 6]])
    np.testing.assert_allclose(metrics.jensen_shannon(left, right), [math.sqrt(math.log(2)), 0], atol=1e-12)


def test_empty_regions_give_nan_and_leave_others_alone(profiles):
    counts, predicted = profiles
    full = metrics.normalised_jsd(counts, predicted)
    counts = counts.copy()
    counts[3] = 0
    for function in (metrics.jensen_shannon, metrics.normalised_jsd):
        found = function(counts, predicted)
        assert np.flatnonzero(np.isnan(found)).tolist() == [3]
    np.testing.assert_array_equal(np.delete(found, 3), np.delete(full, 3))


def test_normalised_jsd_is_one_for_the_truth_and_zero_for_a_flat_profile(profiles):
    counts, predicted = profiles
    np.testing.assert_allclose(metrics.normalised_jsd(counts, counts), 1)
    np.testing.assert_allclose(metrics.normalised_jsd(counts, np.ones_like(predicted)), 0, atol=1e-12)
    found = metrics.normalised_jsd(counts, predicted)
    assert ((found >= 0) & (found <= 1)).all()


def test_normalised_jsd_of_flat_counts_is_defined():
    flat = np.full((2, 4), 3)
    assert metrics.normalised_jsd(flat, np.array([[1, 1, 1, 1], [1, 0, 0, 0]])).tolist() == [1, 0]


def test_multinomial_nll_equals_scipy(profiles):
    counts, predicted = profiles
    expected = [-stats.multinomial.logpmf(x, x.sum(), p) for x, p in zip(counts, predicted, strict=True)]
    np.testing.assert_allclose(metrics.multinomial_nll(np.log(predicted), counts), expected, rtol=1e-8)


def test_multinomial_nll_of_an_impossible_base_that_was_not_cut_is_finite():
    found = metrics.multinomial_nll(np.array([[0.0, -np.inf], [0.0, -np.inf]]), np.array([[3, 0], [0, 1]]))
    assert found[0] == pytest.approx(0)
    assert found[1] == np.inf


def test_correlations_equal_scipy():
    random = np.random.default_rng(3)
    x, y = random.integers(0, 20, 100), random.normal(size=100)
    assert metrics.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    assert metrics.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert metrics.mean_squared_error(x, y) == pytest.approx(np.mean((x - y) ** 2))


@pytest.mark.parametrize(("x", "y"), [([1.0], [2.0]), ([1.0, 1.0], [2.0, 3.0]), ([], [])])
def test_correlations_that_do_not_exist_are_nan(x, y):
    assert math.isnan(metrics.pearson(np.array(x), np.array(y)))
    assert math.isnan(metrics.spearman(np.array(x), np.array(y)))


def test_metrics_and_datasets_do_not_import_torch():
    code = "import sys, bpflow.metrics, bpflow.datasets, bpflow.tracks_layout; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
