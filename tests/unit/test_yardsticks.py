"""Floors, ceilings and shares on simulated truths, where the right share is known, and on the official yeast run."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bpflow.files import read_json
from bpflow.folds import read_fold
from bpflow.metrics import pearson, profile_distances, spearman
from bpflow.reference_scores import ReferenceScores, average_profiles
from bpflow.regions import centers, on, read_regions
from bpflow.yardsticks import halves, yardsticks
from unit import simulated

REGIONS, WIDTH = 400, 500


def references(counts: np.ndarray) -> pd.DataFrame:
    peak = np.ones(len(counts), dtype=bool)
    scores = ReferenceScores(average_profiles([(counts, peak)], counts.shape[1]), len(counts), seed=3)
    scores.add(slice(0, len(counts)), counts, peak)
    return pd.DataFrame(scores.columns())


def measured(counts: np.ndarray, profiles: np.ndarray, log_counts: np.ndarray) -> dict:
    """The yardsticks of predicted profiles and log counts."""
    rows = references(counts)
    rows["jsd"], rows["norm_jsd"] = profile_distances(counts, profiles)
    observed = np.log1p(counts.sum(axis=1))
    values = {
        "pearsonr": pearson(observed, log_counts),
        "spearmanr": spearman(observed, log_counts),
        "median_jsd": rows["jsd"].median(),
        "median_norm_jsd": rows["norm_jsd"].median(),
    }
    return yardsticks(rows, halves(rows), values)


class Truth:
    """Profiles and expected totals of regions, and counts drawn from them."""

    def __init__(self, depth: float, unevenness: float = 1.2, regions: int = REGIONS) -> None:
        self.rng = np.random.default_rng(0)
        self.profiles = simulated.true_profiles(regions, WIDTH, unevenness=unevenness, rng=self.rng)
        self.totals = depth * self.rng.lognormal(0, 0.8, size=regions)
        self.counts = self.rng.poisson(self.totals[:, None] * self.profiles)
        self.average = np.broadcast_to(self.profiles.mean(axis=0), self.profiles.shape)


@pytest.mark.parametrize("depth", [20, 60, 200, 2000])
def test_shares_are_those_that_were_simulated_at_every_depth(depth):
    truth = Truth(depth)
    log_totals = np.log1p(truth.totals)
    perfect = measured(truth.counts, truth.profiles, log_totals)
    for name, found in perfect.items():
        # The rank of a noisy count is not quite linear in that of its rate.
        assert found["share"] == pytest.approx(1, abs=0.1), name
        assert 0 < found["standard_error"] < 0.1, name
    noise = truth.rng.permutation(log_totals)
    half = measured(truth.counts, (truth.profiles + truth.average) / 2, log_totals + noise)
    # r of a sum with as much noise is r / sqrt(2); half of a profile's departure leaves about half of the distance.
    assert half["pearsonr"]["share"] == pytest.approx(perfect["pearsonr"]["share"] / math.sqrt(2), abs=0.1)
    assert 0.45 < half["median_jsd"]["share"] < 0.75
    assert 0.45 < half["median_norm_jsd"]["share"] < 0.75
    nothing = measured(truth.counts, truth.average, noise)
    for name, found in nothing.items():
        assert abs(found["share"]) < 0.12, name


@pytest.mark.parametrize("depth", [20, 200, 2000])
def test_predictions_of_other_regions_are_worse_than_none(depth):
    truth = Truth(depth)
    order = truth.rng.permutation(REGIONS)
    shuffled = measured(truth.counts, truth.profiles[order], np.log1p(truth.totals)[order])
    assert shuffled["pearsonr"]["share"] < 0.15
    assert shuffled["median_jsd"]["share"] < 0


def test_too_few_insertions_give_no_share():
    truth = Truth(0.3, regions=150)
    found = measured(truth.counts, truth.profiles, np.log1p(truth.totals))
    for yardstick in found.values():
        assert math.isnan(yardstick["ceiling"])
        assert math.isnan(yardstick["share"])
        assert math.isnan(yardstick["standard_error"])
        assert math.isfinite(yardstick["floor"])


def test_profiles_that_do_not_differ_give_no_share():
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.2, size=(REGIONS, WIDTH))
    found = measured(counts, np.full(counts.shape, 1 / WIDTH), rng.normal(size=REGIONS))
    assert all(math.isnan(yardstick["share"]) for yardstick in found.values())


def test_the_record_says_what_it_holds():
    truth = Truth(100)
    rows = references(truth.counts)
    found = measured(truth.counts, truth.profiles, np.log1p(truth.totals))
    for yardstick in found.values():
        way = yardstick["ceiling"] - yardstick["floor"]
        assert yardstick["share"] == pytest.approx((yardstick["value"] - yardstick["floor"]) / way)
    assert found["pearsonr"]["floor"] == found["pearsonr"]["constant"] == 0
    assert found["median_jsd"]["floor"] == rows["floor_jsd"].median()
    assert found["median_jsd"]["constant"] == rows["uniform_jsd"].median()
    assert found["median_jsd"]["ceiling"] < found["median_jsd"]["floor"] < found["median_jsd"]["constant"]
    agreement = halves(rows)
    first, second = np.log1p(rows["first_total"]), np.log1p(rows["second_total"])
    assert agreement["pearsonr"] == pearson(first.to_numpy(), second.to_numpy())
    assert agreement["median_jsd"] == rows["halves_jsd"].median()
    # Halves are sparser than the whole, so they lie farther from each other than either from the truth.
    assert agreement["median_jsd"] > found["median_jsd"]["value"]
    assert agreement["excess_coincidence"] > 10 * agreement["excess_coincidence_error"] > 0


@pytest.mark.parametrize("regions", [0, 1, 2])
def test_hardly_any_region_gives_no_share(regions):
    counts = np.ones((regions, WIDTH), dtype=int)
    found = measured(counts, np.full((regions, WIDTH), 1 / WIDTH), np.zeros(regions))
    assert all(math.isnan(yardstick["share"]) for yardstick in found.values())


@pytest.mark.system
def test_the_official_run_on_yeast_goes_most_of_the_way(shared_data, official_yeast):
    genome, signal = official_yeast
    folder = shared_data / "data" / "yeast" / "reference_run"
    official = read_json(folder / "official_chrombpnet_metrics.json")
    test = read_fold(folder / "fold_0.json", genome).test
    peaks = on(read_regions(folder / "official_filtered_peaks.narrowPeak", genome), test)
    starts = genome.global_positions(peaks["chrom"].to_numpy(), centers(peaks) - 500)
    rows = references(signal.windows(starts, 1000))
    # The distances of single regions are not on record: their spread about the floor is taken from the ceiling's.
    rows["jsd"], rows["norm_jsd"] = rows["ceiling_jsd"], rows["ceiling_norm_jsd"]
    values = official["counts_metrics"]["peaks"] | official["profile_metrics"]["peaks"]
    found = yardsticks(rows, halves(rows), values)
    assert found["pearsonr"]["ceiling"] == pytest.approx(0.99, abs=0.01)
    assert found["pearsonr"]["share"] == pytest.approx(0.60, abs=0.02)
    assert found["median_jsd"]["floor"] == pytest.approx(0.722, abs=0.003)
    assert found["median_jsd"]["share"] == pytest.approx(0.6, abs=0.05)
    assert found["median_norm_jsd"]["share"] == pytest.approx(0.6, abs=0.06)
