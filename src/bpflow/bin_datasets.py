"""How windows of bins are drawn for training. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bpflow.errors import InputError

__all__ = ["BinEpoch", "BinTrainingSet", "fixed_epoch"]


class BinEpoch(NamedTuple):
    """Examples in order: (N,) rows of a file of bins, bool whether to read the other strand, and shifts in bases."""

    rows: np.ndarray
    reverse: np.ndarray
    shifts: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, rows: slice) -> BinEpoch:
        """Some of the examples."""
        return BinEpoch(*(column[rows] for column in self))


@dataclass(frozen=True)
class BinTrainingSet:
    """Windows of the training chromosomes, and how an epoch is drawn from them.

    Attributes
    ----------
    rows
        Numbers of the windows in their file, (N,) int64.
    batch_size
        Examples of a batch: all of one batch are read from the same strand and shifted alike, as Basenji does.
    max_shift
        Sequences move by a whole number of bases, uniform from -max_shift to +max_shift; bins stay.
    seed
        Seed of all draws.
    """

    rows: np.ndarray
    batch_size: int
    max_shift: int = 3
    seed: int = 1234

    def __post_init__(self) -> None:
        if not len(self.rows):
            raise InputError(
                "no window to train on",
                expected="at least one on the fold's training chromosomes",
                mend="Check that bins and fold belong together, or take shorter windows",
            )

    def __len__(self) -> int:
        """Examples in one epoch."""
        return len(self.rows)

    def epoch(self, number: int) -> BinEpoch:
        """Draw epoch `number` (from 1): the order of the windows, and strand and shift of each batch."""
        if number < 1:
            raise ValueError("epochs count from 1")
        random = np.random.default_rng([self.seed, number])
        batch = np.arange(len(self)) // self.batch_size
        reverse = random.integers(0, 2, batch[-1] + 1).astype(bool)
        shifts = random.integers(-self.max_shift, self.max_shift, batch[-1] + 1, endpoint=True)
        return BinEpoch(random.permutation(self.rows), reverse[batch], shifts[batch])


def fixed_epoch(rows: np.ndarray) -> BinEpoch:
    """Windows as they stand in the genome, in order: for validation and tests."""
    return BinEpoch(rows, np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=np.int64))
