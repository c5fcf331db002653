"""Which windows cover a stretch of the genome, and which of them gives each base where they overlap."""

from __future__ import annotations

import numpy as np

__all__ = ["owned_intervals", "tile_centers"]


def owned_intervals(
    chrom_index: np.ndarray, centers: np.ndarray, output_length: int, chrom_sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Split overlapping output windows so that each base comes from the region with the nearest centre.

    A window is [centre - output_length // 2, centre + output_length // 2), cut at the chromosome's ends. Between
    neighbouring centres the border is their integer mean, as in the official program's bigWig writer.

    Parameters
    ----------
    chrom_index
        (N,) chromosome of each region, as an index into `chrom_sizes`; ascending.
    centers
        (N,) 0-based centres, ascending within each chromosome.
    output_length
        Width of the windows, in bases.
    chrom_sizes
        Length of each chromosome.

    Returns
    -------
    starts, ends
        (N,) int64 each: disjoint half-open intervals, in order. Of regions with one and the same centre the
        first owns it and the others own an empty interval.
    """
    chrom_index = np.asarray(chrom_index, dtype=np.int64)
    centers = np.asarray(centers, dtype=np.int64)
    same_chromosome = chrom_index[1:] == chrom_index[:-1]
    step = np.diff(centers)
    if np.any(np.diff(chrom_index) < 0) or np.any(same_chromosome & (step < 0)):
        raise ValueError("regions must be sorted by chromosome, then by centre")
    half = output_length // 2
    sizes = np.asarray(chrom_sizes, dtype=np.int64)[chrom_index]
    starts, ends = np.maximum(centers - half, 0), np.minimum(centers + half, sizes)
    first = np.ones(len(centers), dtype=bool)
    first[1:] = ~(same_chromosome & (step == 0))
    rows = np.flatnonzero(first)
    left, right = rows[:-1], rows[1:]
    neighbours = chrom_index[left] == chrom_index[right]
    left, right = left[neighbours], right[neighbours]
    border = (centers[left] + centers[right]) // 2
    ends[left] = np.minimum(ends[left], border)
    starts[right] = np.maximum(starts[right], border)
    ends[~first] = starts[~first] = starts[rows[np.cumsum(first)[~first] - 1]]
    return starts, ends


def tile_centers(start: int, end: int, size: int, *, input_length: int, output_length: int) -> np.ndarray:
    """Centres of the windows that predict [start, end): one, or several half an output window apart.

    Parameters
    ----------
    start, end
        The stretch, 0-based and half-open. One that fits into an output window has one centre, its middle.
    size
        Length of its chromosome. Windows whose input would reach past the chromosome's ends are moved inwards, so that
        bases near them may get no prediction.
    input_length, output_length
        The models' windows, in bases.

    Returns
    -------
    (N,) int64, ascending; empty on a chromosome shorter than the input window.
    """
    half, step = input_length // 2, output_length // 2
    if size < input_length:
        return np.zeros(0, dtype=np.int64)
    each_side = 0 if end - start <= output_length else -(-(end - start - step) // (2 * step))
    centers = (start + end) // 2 + step * np.arange(-each_side, each_side + 1)
    return np.unique(centers.clip(half, size - half))
