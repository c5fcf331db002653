"""Base frequencies around sites, in one pass over their windows."""

from __future__ import annotations

import numpy as np

from bpflow.genome import Genome

__all__ = ["count_bases", "cut_site_pwm", "frequencies"]

# Bases are added up as bytes, which hold sums up to 255.
ROWS = 255
AT_ONCE = ROWS << 9


def cut_site_pwm(
    genome: Genome,
    positions: np.ndarray,
    counts: np.ndarray | None = None,
    *,
    before: int,
    after: int,
    reverse: bool = False,
) -> tuple[np.ndarray, int]:
    """Base frequencies around sites.

    Parameters
    ----------
    genome
        Where the bases come from.
    positions
        (N,) places in ``Genome.array``.
    counts
        (N,) whole numbers, how often each site counts; default: once.
    before, after
        The window is [position - before, position + after) in read orientation.
    reverse
        Whether the reads run backwards (- strand): the window is then read from the other strand.

    Returns
    -------
    frequencies, used
        (before + after, 4) rows that sum to 1, and the number of sites whose window lay within one chromosome.
    """
    left, right = (after - 1, before + 1) if reverse else (before, after)
    bounds = np.array([*genome.offsets.values(), genome.array.size], dtype=np.int64)
    chromosome = np.searchsorted(bounds, positions, side="right") - 1
    within = (positions - left >= bounds[chromosome]) & (positions + right <= bounds[chromosome + 1])
    bases = count_bases(genome, positions[within] - left, left + right, None if counts is None else counts[within])
    return frequencies(bases[::-1, ::-1] if reverse else bases), int(within.sum())


def frequencies(bases: np.ndarray) -> np.ndarray:
    """Rows of counted A, C, G and T as shares, (width, 4); 0.25 where nothing was counted."""
    total = bases.sum(axis=1, keepdims=True)
    return np.divide(bases, total, out=np.full(bases.shape, 0.25), where=total > 0)


def count_bases(genome: Genome, starts: np.ndarray, width: int, counts: np.ndarray | None = None) -> np.ndarray:
    """Count A, C, G and T at each base of windows, (width, 4) int64.

    Parameters
    ----------
    genome
        Where the bases come from.
    starts
        (N,) places in ``Genome.array`` where the windows start; they end within it.
    width
        Length of the windows.
    counts
        (N,) whole numbers, how often each window counts; default: once.
    """
    if counts is None:
        return _count_once(genome, starts, width)
    # Windows are counted once for each binary digit of their counts.
    total, digit = np.zeros((width, 4), np.int64), 0
    while len(starts):
        odd = (counts & 1) == 1
        total += _count_once(genome, starts[odd], width) << digit
        starts, counts = starts[counts > 1], counts[counts > 1] >> 1
        digit += 1
    return total


def _count_once(genome: Genome, starts: np.ndarray, width: int) -> np.ndarray:
    total = np.zeros((width, 4), np.int64)
    if genome.array.size < width:
        return total
    # A window is one item of as many bytes, which numpy copies as a whole.
    windows = np.ndarray(
        shape=(genome.array.size - width + 1,), dtype=f"V{width}", buffer=genome.array.data, strides=(1,)
    )
    for first in range(0, len(starts), AT_ONCE):
        bases = windows[starts[first : first + AT_ONCE]].view(np.uint8)
        whole = len(bases) // (ROWS * width) * (ROWS * width)
        for part in (bases[:whole].reshape(ROWS, -1), bases[whole:].reshape(-1, width)):
            for base in range(4):
                sums = (part == base).sum(axis=0, dtype=np.uint8)
                total[:, base] += sums.reshape(-1, width).sum(axis=0, dtype=np.int64)
    return total
