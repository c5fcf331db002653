"""Dinucleotide shuffles keep what they should, and one sequence's do not depend on the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.genome import encode
from bpflow.shuffles import dinucleotide_shuffles, shuffle_seeds


def dinucleotides(codes: np.ndarray) -> np.ndarray:
    return np.bincount(codes[:-1].astype(int) * 5 + codes[1:], minlength=25)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(1, 5), st.integers(0, 2**31 - 1))
def test_dinucleotides_and_ends_are_kept(codes, n, seed):
    codes = np.array(codes, dtype=np.uint8)
    (found,) = dinucleotide_shuffles(codes[None], n, np.array([seed]))
    assert found.shape == (n, len(codes))
    assert found.dtype == np.uint8
    for row in found:
        assert dinucleotides(row).tolist() == dinucleotides(codes).tolist()
        assert (row[0], row[-1]) == (codes[0], codes[-1])


def test_a_sequence_is_shuffled_alike_whatever_is_beside_it():
    codes = np.random.default_rng(0).integers(0, 5, (5, 80)).astype(np.uint8)
    seeds = shuffle_seeds(3, 5)
    whole = dinucleotide_shuffles(codes, 6, seeds)
    for i in range(5):
        np.testing.assert_array_equal(dinucleotide_shuffles(codes[i : i + 1], 6, seeds[i : i + 1])[0], whole[i])
    assert not np.array_equal(dinucleotide_shuffles(codes, 6, seeds + 1), whole)
    assert len({row.tobytes() for row in whole[0]}) == 6
    assert (whole[0] != codes[0]).any(axis=1).all()


def test_seeds_come_from_one_seed():
    seeds = shuffle_seeds(1, 1000)
    assert len(set(seeds.tolist())) == 1000
    np.testing.assert_array_equal(seeds, shuffle_seeds(1, 1000))
    assert not np.array_equal(seeds, shuffle_seeds(2, 1000))


@pytest.mark.parametrize("sequence", ["A" * 20, "N" * 20, "AC", "A", "ACGTN", "AAAAACCCCC"])
def test_a_sequence_of_one_order_is_given_back(sequence):
    codes = encode(sequence)
    other = np.resize(encode("ACGTTGCATGAC"), len(codes))
    found = dinucleotide_shuffles(np.stack([codes, other]), 4, np.array([1, 2]))
    np.testing.assert_array_equal(found[0], np.tile(codes, (4, 1)))


def test_no_sequences_give_no_shuffles():
    assert dinucleotide_shuffles(np.zeros((0, 30), np.uint8), 4, np.zeros(0, int)).shape == (0, 4, 30)
