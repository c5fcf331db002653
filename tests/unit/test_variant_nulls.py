"""Null variants: dinucleotides kept, alleles in the middle, the same whatever is drawn beside them."""

from __future__ import annotations

import numpy as np
import pytest

from bpflow.genome import encode
from bpflow.variant_files import Allele
from bpflow.variant_nulls import null_ranks, null_windows, shuffle_seed, shuffled
from bpflow.variant_windows import surroundings
from unit import small_variants as small


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return small.open_genome(tmp_path_factory.mktemp("genome"))


def dinucleotides(codes: np.ndarray) -> list[int]:
    return np.bincount(codes[:-1].astype(int) * 5 + codes[1:], minlength=25).tolist()


def test_shuffles_keep_dinucleotides_and_change_the_order():
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 4, length).astype(np.uint8) for length in (200, 300, 200)]
    sequences[2][50:60] = 4
    results = shuffled(sequences, [1, 2, 3])
    for before, after in zip(sequences, results, strict=True):
        assert dinucleotides(before) == dinucleotides(after)
        assert (before != after).mean() > 0.4
        assert after.dtype == np.uint8


def test_a_shuffle_follows_from_its_seed_alone():
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 4, 100).astype(np.uint8) for _ in range(6)]
    together = shuffled(sequences, range(6))
    for number in (5, 0, 3):
        (alone,) = shuffled([sequences[number]], [number])
        assert (alone == together[number]).all()
    assert (shuffled([sequences[0]], [7])[0] != together[0]).any()


@pytest.mark.parametrize("letters", ["A" * 64, "N" * 64, "CACACACACA" * 6])
def test_sequences_with_but_one_order_stay_as_they_are(letters):
    codes = encode(letters)
    (result,) = shuffled([codes], [1])
    assert dinucleotides(result) == dinucleotides(codes)
    if len(set(letters)) == 1:
        assert (result == codes).all()


def test_null_windows_hold_both_alleles_in_the_middle_of_a_shuffled_window(genome):
    sequence = small.sequences()["chr1"]
    alleles = [
        small.snv("chr1", 100),
        Allele("chr1", 200, ".", sequence[200:206], sequence[200]),
        Allele("chr1", 300, ".", sequence[300], f"{sequence[300]}TTT"),
    ]
    windows = null_windows(alleles, [7, 8, 9], genome, small.INPUT, seed=1)
    half = small.INPUT // 2
    for number, allele in enumerate(alleles):
        source = surroundings(allele, genome, small.INPUT)
        (expected,) = shuffled([source], [shuffle_seed(1, 7 + number)])
        reference, alternative = windows.codes[windows.reference[number]], windows.codes[windows.alternative[number]]
        ref, alt = encode(allele.ref), encode(allele.alt)
        assert (reference[half : half + len(ref)] == ref).all()
        assert (alternative[half : half + len(alt)] == alt).all()
        for window, letters in ((reference, ref), (alternative, alt)):
            assert (window[:half] == expected[:half]).all()
            rest = expected[half + len(ref) :][: small.INPUT - half - len(letters)]
            assert (window[half + len(letters) :] == rest).all()
        assert (reference[:half] != source[:half]).any()


@pytest.mark.parametrize(("n_null", "n_variants"), [(10, 1000), (10, 10), (25, 4), (2000, 2001), (1, 5)])
def test_null_variants_are_spread_over_all_variants(n_null, n_variants):
    ranks = null_ranks(np.arange(n_null), n_null, n_variants)
    assert ranks.min() == 0
    assert ranks.max() < n_variants
    times = np.bincount(ranks, minlength=n_variants)
    assert times.max() - times.min() <= 1
    if n_variants >= n_null > 1:
        gaps = np.diff(ranks)
        assert gaps.max() - gaps.min() <= 1


def test_seeds_differ_between_numbers_and_runs():
    assert len({shuffle_seed(seed, number) for seed in (1, 2) for number in range(500)}) == 1000
