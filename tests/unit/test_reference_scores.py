"""Scores without a model, against one-region-at-a-time computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from bpflow.reference_scores import ReferenceScores, average_profiles

WIDTH = 60


@pytest.fixture
def counts() -> np.ndarray:
    made = np.random.default_rng(0).poisson(0.4, size=(90, WIDTH))
    made[5] = 0
    return made


@pytest.fixture
def peak() -> np.ndarray:
    return np.arange(90) % 3 == 0


def blocks(counts, peak, size):
    return [(counts[i : i + size], peak[i : i + size]) for i in range(0, len(counts), size)]


def scored(counts, peak, size=1000, seed=1):
    averages = average_profiles(blocks(counts, peak, size), WIDTH)
    scores = ReferenceScores(averages, len(counts), seed=seed)
    for first in range(0, len(counts), size):
        rows = slice(first, first + size)
        scores.add(rows, counts[rows], peak[rows])
    return averages, scores.columns()


def test_average_profiles_are_those_of_each_kind_and_above_zero(counts, peak):
    counts[peak, : WIDTH // 2] = 0
    averages = average_profiles(blocks(counts, peak, 7), WIDTH)
    np.testing.assert_allclose(averages.sum(axis=1), 1)
    assert (averages > 0).all()
    assert averages[1, : WIDTH // 4].sum() < 0.05
    assert averages[0, : WIDTH // 4].sum() == pytest.approx(0.25, abs=0.05)


def test_without_regions_the_average_is_uniform():
    np.testing.assert_allclose(average_profiles([], WIDTH), 1 / WIDTH)


def test_distances_equal_a_naive_computation(counts, peak):
    averages, columns = scored(counts, peak)
    uniform = np.full(WIDTH, 1 / WIDTH)
    for i in range(len(counts)):
        if counts[i].any():
            floor, flat = (jensenshannon(counts[i], profile) for profile in (averages[int(peak[i])], uniform))
            assert columns["floor_jsd"][i] == pytest.approx(floor, abs=1e-9)
            assert columns["uniform_jsd"][i] == pytest.approx(flat, abs=1e-9)
            assert columns["floor_norm_jsd"][i] == pytest.approx(max(1 - floor / flat, 0), abs=1e-9)
    np.testing.assert_array_equal(columns["first_total"] + columns["second_total"], counts.sum(axis=1))
    for name in ("floor_jsd", "uniform_jsd", "halves_jsd", "ceiling_jsd", "floor_norm_jsd", "ceiling_norm_jsd"):
        assert np.isnan(columns[name][5])


def test_blocks_do_not_matter_and_the_seed_does(counts, peak):
    _, whole = scored(counts, peak)
    _, parts = scored(counts, peak, size=11)
    _, other = scored(counts, peak, seed=2)
    assert list(whole) == list(parts)
    for name, values in whole.items():
        np.testing.assert_allclose(values, parts[name], rtol=1e-12, err_msg=name)
    assert (whole["first_total"] != other["first_total"]).any()
