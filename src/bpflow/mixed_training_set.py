"""Training examples of which every batch has the same mixture of peaks and non-peaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bpflow.datasets import Epoch
from bpflow.errors import InputError

__all__ = ["MixedTrainingSet"]


@dataclass(frozen=True)
class MixedTrainingSet:
    """Peaks in random order, each at most once an epoch, and non-peaks drawn with replacement (Cochran et al. 2024).

    Attributes
    ----------
    peaks, nonpeaks
        Centres in the genome's array, (N,) int64. Without non-peaks, batches are of peaks alone.
    peaks_per_batch, nonpeaks_per_batch
        Of each batch. Peaks that are left over at an epoch's end wait for another one.
    jitter
        All regions are moved by a whole number of bases, uniform from -jitter to jitter - 1.
    seed
        Seed of all draws.
    """

    peaks: np.ndarray
    nonpeaks: np.ndarray
    peaks_per_batch: int = 28
    nonpeaks_per_batch: int = 4
    jitter: int = 0
    seed: int = 1234

    def __post_init__(self) -> None:
        if not len(self.peaks):
            raise InputError(
                "no peak to train on",
                expected="at least one on the fold's training chromosomes",
                mend="Check that regions, fold and genome belong together",
            )

    def __len__(self) -> int:
        """Examples in one epoch."""
        return self._batches * (self._peaks_each + self._nonpeaks_each)

    @property
    def batch_size(self) -> int:
        """Examples in each batch."""
        return self._peaks_each + self._nonpeaks_each

    @property
    def _peaks_each(self) -> int:
        return min(self.peaks_per_batch, len(self.peaks))

    @property
    def _nonpeaks_each(self) -> int:
        return self.nonpeaks_per_batch if len(self.nonpeaks) else 0

    @property
    def _batches(self) -> int:
        return len(self.peaks) // self._peaks_each

    def epoch(self, number: int) -> Epoch:
        """Draw epoch `number` (from 1): order, jitter, non-peaks, and a coin for each example's strand."""
        if number < 1:
            raise ValueError("epochs count from 1")
        random = np.random.default_rng([self.seed, number])
        peaks = random.permutation(self.peaks)[: self._batches * self._peaks_each].reshape(self._batches, -1)
        rows = [peaks]
        if self._nonpeaks_each:
            rows.append(random.choice(self.nonpeaks, (self._batches, self._nonpeaks_each)))
        centers = np.concatenate(rows, axis=1).ravel().astype(np.int64)
        if self.jitter:
            centers += random.integers(-self.jitter, self.jitter, len(centers))
        return Epoch(centers, random.random(len(centers)) < 0.5)
