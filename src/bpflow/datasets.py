"""Training and validation examples, gathered from the memory-mapped genome and signal. No torch here.

An epoch is decided by its own generator, made of the seed and the epoch's number: any epoch can be drawn again without
the ones before it, so that a resumed training continues exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from bpflow.allocation import keep_freed_blocks
from bpflow.errors import InputError
from bpflow.genome import code_windows, reverse_complement_codes
from bpflow.mappability import Mappability
from bpflow.signal_groups import Signal, SignalGroups

__all__ = ["Batch", "Epoch", "Examples", "TrainingSet", "Windows", "validation_set"]

# Epochs count from 1; 0 draws what is fixed for the whole training.
FIXED = 0


class Batch(NamedTuple):
    """Examples of some windows.

    Attributes
    ----------
    codes
        (n, input_length) uint8 base codes.
    counts
        (n, output_length) int32 insertions; of several tracks as of
        :meth:`bpflow.signal_groups.SignalGroups.windows`.
    mask
        Whether each count is to be learnt from, of the shape of `counts`; all are if absent.
    control
        (n, 2, output_length) int32 counts of a control, plus and minus strand, if there is one.
    """

    codes: np.ndarray
    counts: np.ndarray
    mask: np.ndarray | None = None
    control: np.ndarray | None = None


class Epoch(NamedTuple):
    """Examples in order.

    Attributes
    ----------
    centers
        (N,) int64, in the genome's array.
    reverse
        (N,) bool: whether to read the other strand.
    masked
        Whether only mappable bases count, where they are known; all do where a model is validated.
    """

    centers: np.ndarray
    reverse: np.ndarray
    masked: bool = True

    def __len__(self) -> int:
        return len(self.centers)


@dataclass(frozen=True)
class Windows:
    """Gathers windows of sequence and signal around centres.

    Attributes
    ----------
    genome
        (total length,) uint8 base codes of all chromosomes.
    signal
        Insertions of the same genome, or several tracks.
    input_length, output_length
        Even widths of both windows; they share the centre: [centre - width / 2, centre + width / 2).
    mappability
        Bases that are learnt from; all if absent.
    control
        Both strands of a control, two groups, if there is one.
    """

    genome: np.ndarray
    signal: Signal
    input_length: int
    output_length: int
    mappability: Mappability | None = None
    control: SignalGroups | None = None

    def gather(self, centers: np.ndarray, reverse: np.ndarray, *, masked: bool = True) -> Batch:
        """Windows around `centers`; where `reverse`, the reverse complement and the reversed counts."""
        keep_freed_blocks()
        codes = code_windows(self.genome, centers - self.input_length // 2, self.input_length)
        codes[reverse] = reverse_complement_codes(codes[reverse])
        starts, width = centers - self.output_length // 2, self.output_length
        counts = self.signal.windows(starts, width, reverse)
        mask = control = None
        if self.mappability is not None and masked:
            # Reads of both strands are placed alike, so every track has the same row.
            mappable = self.mappability.windows(starts, width, reverse)
            mask = np.tile(mappable[:, None], (1, math.prod(counts.shape[1:]) // width, 1)).reshape(counts.shape)
        if self.control is not None:
            control = self.control.windows(starts, width, reverse)
        return Batch(codes, counts, mask, control)

    def batches(self, epoch: Epoch, batch_size: int) -> Iterator[Batch]:
        """All examples of an epoch in order; the last batch may be smaller."""
        for first in range(0, len(epoch), batch_size):
            rows = slice(first, first + batch_size)
            yield self.gather(epoch.centers[rows], epoch.reverse[rows], masked=epoch.masked)


class Examples(Protocol):
    """What is trained on."""

    def __len__(self) -> int:
        """Examples in one epoch."""
        ...

    def epoch(self, number: int) -> Epoch:
        """Draw epoch `number`, from 1."""
        ...


@dataclass(frozen=True)
class TrainingSet:
    """Peaks and nonpeaks of the training chromosomes, and how an epoch is drawn from them.

    Attributes
    ----------
    peaks, nonpeaks
        Centres in the genome's array, (N,) int64. A bias model has nonpeaks only.
    jitter
        Peaks are moved by a whole number of bases, uniform from -jitter to +jitter, sequence and signal alike.
        Nonpeaks are never moved.
    negative_ratio
        Below 1: int(ratio * number of peaks) nonpeaks, drawn without replacement afresh for each epoch. Otherwise all.
        Without peaks it has no meaning and all nonpeaks are used.
    seed
        Seed of all draws.
    """

    peaks: np.ndarray
    nonpeaks: np.ndarray
    jitter: int = 0
    negative_ratio: float = 1.0
    seed: int = 1234

    def __post_init__(self) -> None:
        if not len(self):
            raise InputError(
                "no region to train on",
                expected="at least one on the fold's training chromosomes",
                mend="Check that regions, fold and genome belong together, or loosen the selection",
            )

    def __len__(self) -> int:
        """Examples in one epoch."""
        return len(self.peaks) + _number_of_nonpeaks(self.peaks, self.nonpeaks, self.negative_ratio)

    def epoch(self, number: int) -> Epoch:
        """Draw epoch `number` (from 1): jitter, nonpeaks, exactly int(N / 2) reverse complements, order."""
        if number < 1:
            raise ValueError("epochs count from 1")
        random = np.random.default_rng([self.seed, number])
        peaks = self.peaks + random.integers(-self.jitter, self.jitter, len(self.peaks), endpoint=True)
        wanted = len(self) - len(self.peaks)
        nonpeaks = self.nonpeaks
        if wanted < len(nonpeaks):
            nonpeaks = random.choice(nonpeaks, wanted, replace=False)
        centers = np.concatenate([peaks, nonpeaks]).astype(np.int64)
        reverse = np.zeros(len(centers), dtype=bool)
        reverse[random.choice(len(centers), len(centers) // 2, replace=False)] = True
        order = random.permutation(len(centers))
        return Epoch(centers[order], reverse[order])


def validation_set(peaks: np.ndarray, nonpeaks: np.ndarray, *, negative_ratio: float, seed: int) -> Epoch:
    """The fixed validation examples: peaks at their summits, a fixed draw of nonpeaks, one strand, in file order."""
    wanted = _number_of_nonpeaks(peaks, nonpeaks, negative_ratio)
    if wanted < len(nonpeaks):
        random = np.random.default_rng([seed, FIXED])
        nonpeaks = nonpeaks[np.sort(random.choice(len(nonpeaks), wanted, replace=False))]
    centers = np.concatenate([peaks, nonpeaks]).astype(np.int64)
    if not len(centers):
        raise InputError(
            "no region to validate on",
            expected="at least one on the fold's validation chromosomes",
            mend="Check that regions, fold and genome belong together, or loosen the selection",
        )
    return Epoch(centers, np.zeros(len(centers), dtype=bool), masked=False)


def _number_of_nonpeaks(peaks: np.ndarray, nonpeaks: np.ndarray, ratio: float) -> int:
    if ratio >= 1 or not len(peaks):
        return len(nonpeaks)
    return min(int(ratio * len(peaks)), len(nonpeaks))
