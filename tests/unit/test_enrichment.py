from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bpflow.enrichment import depth_verdict, enrichment, insertions_in, reachable_r
from unit import simulated


@pytest.fixture(scope="module")
def array(genome):
    return np.random.default_rng(7).poisson(0.3, genome.array.size)


def test_insertions_in_a_union_are_counted_once(array, genome):
    track = simulated.signal_track(array)
    intervals = pd.DataFrame(
        {"chrom": ["chr1", "chr1", "chr2", "zzz"], "start": [10, 500, 0, 0], "end": [900, 1000, 10**9, 5]}
    )
    expected = array[10:1000].sum() + array[60_000:105_000].sum()
    assert insertions_in(track, genome, intervals) == expected


def test_enrichment_leaves_out_the_blacklist_and_unknown_bases(genome, array):
    dense = array.copy()
    dense[2_000:3_000] *= 10
    dense[5_000:6_000] *= 1000
    peaks = pd.DataFrame({"chrom": ["chr1", "chr1"], "start": [2_000, 2_400], "end": [2_600, 3_000]})
    excluded = pd.DataFrame({"chrom": ["chr1"], "start": [5_000], "end": [6_000]})
    outside = np.delete(dense, np.r_[2_000:3_000, 5_000:6_000]).sum() / (genome.array.size - 2_000 - 200)
    found = enrichment(simulated.signal_track(dense), genome, peaks, excluded)
    assert found["per_kb_in_peaks"] == dense[2_000:3_000].sum()
    assert found["per_kb_outside"] == pytest.approx(1000 * outside)
    assert found["fold"] == pytest.approx(dense[2_000:3_000].sum() / (1000 * outside))
    assert 9 < found["fold"] < 11


def test_nothing_outside_is_no_fold(genome):
    only = np.zeros(genome.array.size, dtype=int)
    only[2_500] = 7
    peaks = pd.DataFrame({"chrom": ["chr1"], "start": [2_000], "end": [3_000]})
    found = enrichment(simulated.signal_track(only), genome, peaks, None)
    assert found == {"per_kb_in_peaks": 7, "per_kb_outside": 0, "fold": None}


@pytest.mark.parametrize("mean", [5, 20, 200])
def test_reachable_r_is_that_of_the_true_means(mean):
    rng = np.random.default_rng(mean)
    means = mean * np.exp(0.7 * rng.normal(size=50_000))
    counts = rng.poisson(means)
    best = np.corrcoef(np.log1p(counts), np.log1p(means))[0, 1]
    assert reachable_r(counts) == pytest.approx(best, abs=0.04)


def test_alike_and_noisy_counts():
    assert reachable_r(np.full(9, 4)) is None
    assert reachable_r(np.random.default_rng(0).poisson(20, 10_000)) < 0.4


@pytest.mark.parametrize(
    ("median", "expected"), [(51, "good"), (50, "check"), (10.5, "check"), (10, "fail"), (0, "fail")]
)
def test_depth_is_judged_by_the_median_peak(median, expected):
    assert depth_verdict(median, 1000)["verdict"] == expected
