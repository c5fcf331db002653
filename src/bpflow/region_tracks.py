"""A bigWig from windows of values around region centres, in constant memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import pairwise
from types import TracebackType

import numpy as np

from bpflow.bigwig_writer import BigWigWriter
from bpflow.files import reserve
from bpflow.tracks_layout import owned_intervals

__all__ = ["RegionTrackWriter", "write_region_track"]

# Rows laid out together: their arrays stay in the processor's cache.
ROWS = 256


class RegionTrackWriter:
    """Writes windows of values to a bigWig; each base comes from the region with the nearest centre.

    Used as a context manager; the file appears only if that succeeds. Windows are added in the order of the regions. If
    that is the order of the genome they are written at once, otherwise they are kept in an unnamed temporary file.

    Parameters
    ----------
    path
        The file to write.
    sizes
        Chromosome lengths: the header.
    chrom_index, centers
        (N,) chromosome of each region, by its place in `sizes`, and 0-based centre.
    width
        Bases of a window, [centre - width // 2, centre + width // 2).
    threads
        Threads that compress; what is read does not depend on it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sizes: Mapping[str, int],
        chrom_index: np.ndarray,
        centers: np.ndarray,
        width: int,
        *,
        threads: int = 1,
    ) -> None:
        chrom_index, centers = np.asarray(chrom_index, dtype=np.int64), np.asarray(centers, dtype=np.int64)
        self._order = np.lexsort((centers, chrom_index))
        self._chrom, self._width = chrom_index[self._order], width
        centers = centers[self._order]
        lengths = np.array(list(sizes.values()), dtype=np.int64)
        self._starts, self._ends = owned_intervals(self._chrom, centers, width, lengths)
        self._window_starts = centers - width // 2
        self._names = list(sizes)
        self._added = 0
        self._bigwig = BigWigWriter(path, sizes, threads=threads)
        self._kept: np.ndarray | None = None
        if np.any(np.diff(self._order) < 0):
            with tempfile.TemporaryFile(prefix="bpflow_tracks_") as handle:
                reserve(handle, len(centers) * width * 4)
                self._kept = np.memmap(handle, np.float32, "r+", shape=(len(centers), width))

    def __enter__(self) -> RegionTrackWriter:
        self._bigwig.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._bigwig.__exit__(kind, error, traceback)
            return
        with ExitStack() as stack:
            stack.push(self._bigwig)
            self._finish()

    def add(self, values: np.ndarray) -> None:
        """Add the windows of the next regions, (n, width).

        Raises
        ------
        ValueError
            Windows of another width, or more of them than regions.
        """
        rows = slice(self._added, self._added + len(values))
        if values.shape[1:] != (self._width,) or rows.stop > len(self._order):
            raise ValueError(f"windows of shape {values.shape} for regions {rows.start} to {len(self._order)}")
        if self._kept is not None:
            self._kept[rows] = values
        else:
            for first in range(0, len(values), ROWS):
                self._write(rows.start + first, values[first : first + ROWS])
        self._added = rows.stop

    def _finish(self) -> None:
        if self._added < len(self._order):
            raise ValueError(f"windows of {self._added} of {len(self._order)} regions")
        if self._kept is not None:
            for first in range(0, len(self._order), ROWS):
                self._write(first, self._kept[self._order[first : first + ROWS]])

    def _write(self, first: int, values: np.ndarray) -> None:
        """Write windows of regions that are next in the genome's order, the first of which is number `first`."""
        rows = slice(first, first + len(values))
        window_starts, starts, ends = self._window_starts[rows], self._starts[rows], self._ends[rows]
        place = np.arange(self._width)
        owned = (place >= (starts - window_starts)[:, None]) & (place < (ends - window_starts)[:, None])
        positions, kept = (window_starts[:, None] + place)[owned], values[owned]
        places = np.append(0, np.cumsum(ends - starts))
        chrom = self._chrom[rows]
        borders = [0, *(np.flatnonzero(np.diff(chrom)) + 1).tolist(), len(chrom)]
        for left, right in pairwise(borders):
            inside = slice(places[left], places[right])
            self._bigwig.add(self._names[chrom[left]], positions[inside], kept[inside])


def write_region_track(
    path: str | os.PathLike[str],
    sizes: Mapping[str, int],
    chrom_index: np.ndarray,
    centers: np.ndarray,
    width: int,
    values: np.ndarray | Iterable[np.ndarray],
    *,
    threads: int = 1,
) -> None:
    """Write a track over regions, in constant memory.

    Parameters
    ----------
    path, sizes, chrom_index, centers, width, threads
        As of :class:`RegionTrackWriter`.
    values
        (N, width) array, which may be memory-mapped, or blocks of its rows, in the order of the regions.
    """
    if isinstance(values, np.ndarray):
        whole, order = values, np.lexsort((centers, chrom_index))
        chrom_index, centers = np.asarray(chrom_index)[order], np.asarray(centers)[order]
        values = (whole[order[first : first + ROWS]] for first in range(0, len(order), ROWS))
    with RegionTrackWriter(path, sizes, chrom_index, centers, width, threads=threads) as writer:
        for block in values:
            writer.add(block)
