"""The cut-site signal of a sample, read from its bigWig of integer counts into memory-mapped arrays of its sites."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import cached_property
from typing import IO

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bpflow.bigwig import iterate_bases
from bpflow.errors import InputError
from bpflow.genome import Genome

__all__ = ["SignalTrack"]

# Sites gathered at once where only their sum is wanted.
SITES_AT_ONCE = 1 << 22
# Places looked for at once by way of a coarse list of sites, which holds one in so many.
FEW_PLACES = 4096
NEIGHBOURS = 128
# Counts stay below this; they are kept in 32 bits.
MOST = 1 << 31


@dataclass(frozen=True)
class SignalTrack:
    """Insertions of a sample: the bases that have any, and how many.

    Cut sites are sparse, so this takes 8 bytes a site instead of 4 bytes a base, and windows are still gathered by
    index arithmetic alone.

    Attributes
    ----------
    positions
        (N,) sorted places in :attr:`bpflow.genome.Genome.array` with an insertion; uint32, int64 for a genome that
        needs it. Memory-mapped from an unnamed temporary file.
    counts
        (N,) int32 insertions there, above 0; memory-mapped alike.
    path
        The bigWig it was read from.
    """

    positions: np.ndarray
    counts: np.ndarray
    path: str

    @classmethod
    def open(cls, bigwig: str | os.PathLike[str], genome: Genome, *, absolute: bool = False) -> SignalTrack:
        """Read a bigWig of integer counts.

        Parameters
        ----------
        bigwig, genome
            The file, and the genome that it is of.
        absolute
            Take counts below 0 for as many above it: a minus strand is often written so.

        Raises
        ------
        InputError
            Not a bigWig, a damaged one, chromosomes of another assembly, or values that are no whole non-negative
            numbers.
        """
        kind = np.dtype(np.uint32 if genome.array.size <= np.iinfo(np.uint32).max else np.int64)
        with (
            tempfile.TemporaryFile(prefix="bpflow_positions_") as positions,
            tempfile.TemporaryFile(prefix="bpflow_counts_") as counts,
        ):
            for places, values in iterate_bases(bigwig, genome):
                values = np.abs(values) if absolute else values
                whole = np.rint(values)
                refused = (values < 0) | (values >= MOST) | (np.abs(whole - values) > 1e-3)
                wrong = np.flatnonzero(refused)
                if wrong.size:
                    name, position = genome.locate(int(places[wrong[0]]))
                    raise InputError(
                        f"the value {values[wrong[0]]:g} at {name}:{position}",
                        where=str(bigwig),
                        expected="whole, non-negative numbers of insertions",
                        mend="Give the unnormalised cut-site counts, or the reads themselves",
                    )
                seen = whole > 0
                positions.write(places[seen].astype(kind))
                counts.write(whole[seen].astype(np.int32))
            return cls(_mapped(positions, kind), _mapped(counts, np.dtype(np.int32)), str(bigwig))

    @property
    def paths(self) -> tuple[str, ...]:
        """The bigWig alone, as of :class:`bpflow.signal_groups.Signal`."""
        return (self.path,)

    @property
    def total(self) -> int:
        """Insertions of the whole track."""
        return int(self.counts.sum(dtype=np.int64))

    def between(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First site in, and first site after, each [start, end): two (N,) int64 indices into `positions`."""
        starts, ends = np.asarray(starts), np.asarray(ends)
        found = self._search(np.concatenate([starts, ends]))
        return found[: len(starts)], found[len(starts) :]

    def _search(self, places: np.ndarray) -> np.ndarray:
        """As np.searchsorted(self.positions, places).

        A few places are looked for among every 128th site, which stay in the cache, then among 128 neighbours.
        """
        # Keys of another type would make a copy of all positions.
        places = places.astype(self.positions.dtype)
        if len(places) > FEW_PLACES or len(self.positions) < NEIGHBOURS:
            return np.searchsorted(self.positions, places)
        first = (np.searchsorted(self._coarse, places) - 1) * NEIGHBOURS
        first = first.clip(0, len(self.positions) - NEIGHBOURS)
        near = sliding_window_view(self.positions, NEIGHBOURS)[first]
        return first + (near < places[:, None]).sum(axis=1, dtype=np.uint8)

    @cached_property
    def _coarse(self) -> np.ndarray:
        return np.ascontiguousarray(self.positions[::NEIGHBOURS])

    def windows(self, global_starts: np.ndarray, width: int, reverse: np.ndarray | None = None) -> np.ndarray:
        """Insertions in windows of equal width, (N, width) int32.

        Parameters
        ----------
        global_starts
            (N,) starts, as ``Genome.global_positions``; windows lie within the genome's array.
        width
            Bases of a window.
        reverse
            (N,) bool: windows to read from their end to their start.
        """
        starts = np.asarray(global_starts, dtype=np.int64)
        first, last = self.between(starts, starts + width)
        number = last - first
        sites = _indices(first, number)
        # Where each site goes in the flat result: base + place, or base - place in a window that is turned.
        base = np.arange(len(starts)) * width
        if reverse is None:
            flat = self.positions.take(sites) + np.repeat(base - starts, number)
        else:
            flat = self.positions.take(sites) * np.repeat(np.where(reverse, -1, 1), number)
            flat += np.repeat(np.where(reverse, base + width - 1 + starts, base - starts), number)
        result = np.zeros((len(starts), width), dtype=np.int32)
        result.ravel()[flat] = self.counts.take(sites)
        return result

    def sums(self, global_starts: np.ndarray, width: int | np.ndarray) -> np.ndarray:
        """Total insertions in each window, (N,) int64; `width` may be (N,) widths."""
        starts = np.asarray(global_starts, dtype=np.int64)
        first, last = self.between(starts, starts + width)
        result = np.zeros(len(starts), dtype=np.int64)
        group = np.cumsum(last - first) // SITES_AT_ONCE
        for part in np.split(np.arange(len(starts)), np.flatnonzero(np.diff(group)) + 1):
            number = (last - first)[part]
            counts = self.counts.take(_indices(first[part], number))
            rows = np.repeat(np.arange(len(part)), number)
            result[part] = np.bincount(rows, weights=counts, minlength=len(part)).astype(np.int64)
        return result


def _indices(first: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Indices first .. first + number - 1 of each row, one row after the other."""
    return np.arange(number.sum()) + np.repeat(first - (np.cumsum(number) - number), number)


def _mapped(handle: IO[bytes], kind: np.dtype) -> np.ndarray:
    handle.flush()
    size = handle.tell() // kind.itemsize
    # A mapping of nothing is refused.
    return np.asarray(np.memmap(handle, dtype=kind, mode="r", shape=(size,))) if size else np.zeros(0, dtype=kind)
