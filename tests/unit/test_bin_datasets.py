from __future__ import annotations

import numpy as np
import pytest

from bpflow.bin_datasets import BinTrainingSet, fixed_epoch
from bpflow.errors import InputError

ROWS = np.arange(100, 150)


def test_an_epoch_has_every_window_once_and_one_draw_a_batch():
    epoch = BinTrainingSet(ROWS, 4).epoch(1)
    assert sorted(epoch.rows.tolist()) == ROWS.tolist()
    for first in range(0, 50, 4):
        batch = epoch.part(slice(first, first + 4))
        assert len(set(batch.reverse.tolist())) == len(set(batch.shifts.tolist())) == 1


def test_draws_are_fair_and_within_the_largest_shift():
    epochs = [BinTrainingSet(ROWS, 1).epoch(number) for number in range(1, 41)]
    shifts = np.concatenate([epoch.shifts for epoch in epochs])
    assert set(shifts.tolist()) == {-3, -2, -1, 0, 1, 2, 3}
    assert np.bincount(shifts + 3).min() > len(shifts) / 7 * 0.8
    assert np.concatenate([epoch.reverse for epoch in epochs]).mean() == pytest.approx(0.5, abs=0.05)


def test_an_epoch_can_be_drawn_again_without_those_before_it():
    one, again, other = (BinTrainingSet(ROWS, 4, seed=3).epoch(number) for number in (7, 7, 8))
    for column, same, differs in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(column, same)
        assert (column != differs).any()


def test_shifts_can_be_left_out():
    assert not BinTrainingSet(ROWS, 4, max_shift=0).epoch(1).shifts.any()


def test_windows_to_judge_by_stay_as_they_are():
    epoch = fixed_epoch(ROWS)
    assert len(epoch) == 50
    np.testing.assert_array_equal(epoch.rows, ROWS)
    assert not epoch.reverse.any()
    assert not epoch.shifts.any()


def test_no_window_is_refused():
    with pytest.raises(InputError, match="no window to train on"):
        BinTrainingSet(ROWS[:0], 4)
    with pytest.raises(ValueError, match="from 1"):
        BinTrainingSet(ROWS, 4).epoch(0)
