from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.mixed_training_set import MixedTrainingSet

# Far enough apart for a centre to tell which region it came from.
PEAKS, NONPEAKS = np.arange(1_000_000, 3_000_000, 10_000), np.arange(5_000_000, 6_000_000, 10_000)


def regions(centers):
    return (centers + 5000) // 10_000 * 10_000


@given(st.integers(1, 200), st.integers(0, 100), st.integers(1, 40), st.integers(1, 6), st.integers(1, 9))
def test_every_batch_has_the_same_mixture_and_a_peak_comes_once(peaks, nonpeaks, of_peaks, of_nonpeaks, number):
    made = MixedTrainingSet(PEAKS[:peaks], NONPEAKS[:nonpeaks], of_peaks, of_nonpeaks, jitter=200)
    epoch = made.epoch(number)
    each = min(of_peaks, peaks)
    assert len(epoch) == len(made) == peaks // each * made.batch_size
    assert made.batch_size == each + (of_nonpeaks if nonpeaks else 0)
    batches = regions(epoch.centers).reshape(-1, made.batch_size)
    assert np.isin(batches[:, :each], PEAKS[:peaks]).all()
    assert np.isin(batches[:, each:], NONPEAKS[:nonpeaks]).all()
    drawn = batches[:, :each].ravel()
    assert len(np.unique(drawn)) == len(drawn)
    assert epoch.masked


def test_all_regions_are_moved_by_every_offset_of_the_published_range():
    made = MixedTrainingSet(PEAKS, NONPEAKS, jitter=3)
    offsets, kinds = [], []
    for number in range(1, 30):
        centers = made.epoch(number).centers
        offsets.append(centers - regions(centers))
        kinds.append(regions(centers) >= 5_000_000)
    offsets, kinds = np.concatenate(offsets), np.concatenate(kinds)
    for some in (offsets[kinds], offsets[~kinds]):
        assert np.unique(some).tolist() == [-3, -2, -1, 0, 1, 2]
    still = MixedTrainingSet(PEAKS, NONPEAKS).epoch(1).centers
    np.testing.assert_array_equal(still, regions(still))


def test_half_are_reversed_and_nonpeaks_come_back():
    made = MixedTrainingSet(PEAKS, NONPEAKS[:2])
    epoch = made.epoch(1)
    assert 0.35 < epoch.reverse.mean() < 0.65
    assert (epoch.centers >= 5_000_000).sum() == 4 * (len(PEAKS) // 28)


def test_epochs_differ_but_each_can_be_drawn_again_on_its_own():
    first, again, other = (MixedTrainingSet(PEAKS, NONPEAKS, jitter=9, seed=seed) for seed in (1, 1, 2))
    for one, same in zip(first.epoch(5)[:2], again.epoch(5)[:2], strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(first.epoch(5).centers, first.epoch(6).centers)
    assert not np.array_equal(first.epoch(5).centers, other.epoch(5).centers)
    with pytest.raises(ValueError, match="count from 1"):
        first.epoch(0)


def test_no_peak_is_said():
    with pytest.raises(InputError, match="no peak to train on"):
        MixedTrainingSet(PEAKS[:0], NONPEAKS)
