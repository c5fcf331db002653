"""Counting the bases around sites, against reading the letters one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bpflow.base_composition import count_bases, cut_site_pwm, frequencies


@given(seed=st.integers(0, 1000), sites=st.integers(0, 1200), width=st.integers(1, 40), most=st.integers(1, 300))
def test_counts_are_those_of_the_letters(genome, seed, sites, width, most):
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, genome.array.size - width + 1, sites)
    counts = rng.integers(1, most + 1, sites)
    windows = genome.windows(starts, width)
    for given_counts, weight in ((None, np.ones(sites, int)), (counts, counts)):
        expected = [[weight[windows[:, i] == base].sum() for base in range(4)] for i in range(width)]
        assert np.array_equal(count_bases(genome, starts, width, given_counts), expected)


def test_where_nothing_was_counted_all_bases_are_as_frequent():
    assert frequencies(np.array([[0, 0, 0, 0], [1, 0, 3, 0]])).tolist() == [[0.25] * 4, [0.25, 0, 0.75, 0]]


def test_pwm_agrees_with_reading_the_letters(genome, sequences):
    positions = np.array([300, 5_000, 70_000])
    forward, used = cut_site_pwm(genome, positions, np.array([1, 2, 1]), before=3, after=2)
    backward, _ = cut_site_pwm(genome, positions, before=3, after=2, reverse=True)
    joined = "".join(sequences[name] for name in genome.names).upper()
    expected = np.zeros((5, 4))
    reverse = np.zeros((5, 4))
    for position, weight in zip(positions, (1, 2, 1), strict=True):
        for row, letter in enumerate(joined[position - 3 : position + 2]):
            expected[row, "ACGT".index(letter)] += weight
        for row, letter in enumerate(reversed(joined[position - 1 : position + 4])):
            reverse[row, "TGCA".index(letter)] += 1
    assert used == 3
    np.testing.assert_allclose(forward, expected / 4)
    np.testing.assert_allclose(backward, reverse / 3)


def test_sites_at_chromosome_ends_are_left_out(genome):
    _, used = cut_site_pwm(genome, np.array([1, 59_999, 60_000, 60_010]), before=5, after=5)
    assert used == 1
