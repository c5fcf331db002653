from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.datasets import TrainingSet, Windows, validation_set
from bpflow.errors import InputError

LENGTH = 2000
COMPLEMENT = {0: 3, 1: 2, 2: 1, 3: 0, 4: 4}


def windows(input_length=60, output_length=20):
    random = np.random.default_rng(0)
    genome = random.integers(0, 5, LENGTH).astype(np.uint8)
    signal = random.poisson(1, LENGTH).astype(np.int32)
    return Windows(genome, signal, input_length, output_length)


def naive(source, center, width, *, reverse, complement):
    values = [int(source[position]) for position in range(center - width // 2, center + width // 2)]
    if complement and reverse:
        values = [COMPLEMENT[value] for value in values]
    return values[::-1] if reverse else values


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(50, LENGTH - 50), st.booleans()), min_size=1, max_size=8),
    st.sampled_from([2, 60, 100]),
    st.sampled_from([2, 20, 60]),
)
def test_gather_equals_slicing_region_by_region(regions, input_length, output_length):
    source = windows(input_length, output_length)
    centers, reverse = (np.array(column) for column in zip(*regions, strict=True))
    batch = source.gather(centers, reverse)
    for row, (center, flip) in enumerate(regions):
        assert batch.codes[row].tolist() == naive(source.genome, center, input_length, reverse=flip, complement=True)
        assert batch.counts[row].tolist() == naive(source.signal, center, output_length, reverse=flip, complement=False)


def test_gather_leaves_genome_and_signal_as_they_are():
    source = windows()
    genome, signal = source.genome.copy(), source.signal.copy()
    source.gather(np.array([100, 200]), np.array([True, True]))
    np.testing.assert_array_equal(source.genome, genome)
    np.testing.assert_array_equal(source.signal, signal)


PEAKS = np.arange(10_000, 20_000, 100)
NONPEAKS = np.arange(50_000, 90_000, 100)


def test_an_epoch_is_drawn_as_the_official_program_does():
    training = TrainingSet(PEAKS, NONPEAKS, jitter=30, negative_ratio=0.29, seed=4)
    epoch = training.epoch(1)
    # int(0.29 * 100) is 28: the official program's rounding, kept.
    assert len(epoch) == len(training) == 128
    assert epoch.reverse.sum() == 64
    is_peak = epoch.centers < 30_000
    assert is_peak.sum() == 100
    negatives = epoch.centers[~is_peak]
    assert np.isin(negatives, NONPEAKS).all()
    assert len(np.unique(negatives)) == 28
    origin = np.round(epoch.centers[is_peak], -2)
    assert sorted(origin) == PEAKS.tolist()
    assert np.abs(epoch.centers[is_peak] - origin).max() <= 30
    assert not is_peak[:100].all()


def test_jitter_takes_every_offset_with_both_ends():
    training = TrainingSet(np.full(20_000, 500), np.zeros(0, int), jitter=3)
    offsets, times = np.unique(training.epoch(1).centers - 500, return_counts=True)
    assert offsets.tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert times.min() > 0.9 * 20_000 / 7


def test_epochs_differ_but_each_can_be_drawn_again_on_its_own():
    training = TrainingSet(PEAKS, NONPEAKS, jitter=30, negative_ratio=0.5)
    for one, other in zip(training.epoch(7), TrainingSet(PEAKS, NONPEAKS, 30, 0.5).epoch(7), strict=True):
        np.testing.assert_array_equal(one, other)
    first, second = training.epoch(1), training.epoch(2)
    assert not np.array_equal(np.sort(first.centers), np.sort(second.centers))
    assert not np.array_equal(first.reverse, second.reverse)
    other_seed = TrainingSet(PEAKS, NONPEAKS, 30, 0.5, seed=99)
    assert not np.array_equal(other_seed.epoch(1).centers, first.centers)


@pytest.mark.parametrize(("ratio", "expected"), [(0.0, 0), (0.1, 10), (1.0, 400), (2.5, 400)])
def test_number_of_negatives(ratio, expected):
    assert len(TrainingSet(PEAKS, NONPEAKS, negative_ratio=ratio)) == 100 + expected


def test_too_few_negatives_are_all_used():
    assert len(TrainingSet(PEAKS, NONPEAKS[:5], negative_ratio=0.9).epoch(1)) == 105


def test_without_peaks_all_nonpeaks_are_used_unmoved():
    epoch = TrainingSet(np.zeros(0, int), NONPEAKS, jitter=0, negative_ratio=0.1).epoch(1)
    assert sorted(epoch.centers) == NONPEAKS.tolist()
    assert not np.array_equal(epoch.centers, NONPEAKS)


def test_the_last_batch_is_kept():
    source = windows()
    epoch = TrainingSet(np.zeros(0, int), np.arange(100, 110)).epoch(1)
    assert [len(batch.codes) for batch in source.batches(epoch, 4)] == [4, 4, 2]


def test_validation_is_fixed_unmoved_and_on_one_strand():
    one, other = (validation_set(PEAKS, NONPEAKS, negative_ratio=0.1, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.centers, other.centers)
    np.testing.assert_array_equal(one.centers[:100], PEAKS)
    assert len(one) == 110
    assert not one.reverse.any()
    assert np.isin(one.centers[100:], NONPEAKS).all()
    assert (np.diff(one.centers) > 0).all()


def test_nothing_to_train_or_validate_on_is_said():
    empty = np.zeros(0, int)
    with pytest.raises(InputError, match="no region to train on"):
        TrainingSet(empty, empty)
    with pytest.raises(InputError, match="no region to validate on"):
        validation_set(empty, empty, negative_ratio=0.1, seed=1)


def test_epochs_count_from_one():
    with pytest.raises(ValueError, match="from 1"):
        TrainingSet(PEAKS, NONPEAKS).epoch(0)
