"""Counting how often each place of the genome was seen, in memory that does not grow with what is counted.

Places are sorted a buffer at a time; sorted runs go to an unnamed temporary file and are read back through the page
cache, all together and in genome order, a slice at a time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bpflow.ends import place_dtype
from bpflow.genome import Genome

__all__ = ["SiteCounter", "SiteCounts", "Sites", "moved_counts", "moved_off"]

BUFFERED = 1 << 25
# A run of fewer places stays in memory.
SMALL_RUN = 1 << 20
SLICE = 1 << 20


class SiteCounts(NamedTuple):
    """Distinct sites: sorted places in ``Genome.array`` and how often each was seen, both (N,) int64."""

    positions: np.ndarray
    counts: np.ndarray

    def draw(self, most: int, rng: np.random.Generator) -> np.ndarray:
        """All distinct places, or `most` of them drawn without replacement."""
        if len(self.positions) <= most:
            return self.positions
        return rng.choice(self.positions, most, replace=False, shuffle=False)

    def by_chromosome(self, genome: Genome) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yield each chromosome with its sorted 0-based positions and their counts."""
        for name in genome.names:
            start = genome.offsets[name]
            chosen = slice(*np.searchsorted(self.positions, [start, start + genome.sizes[name]]))
            yield name, self.positions[chosen] - start, self.counts[chosen]


class SiteCounter:
    """Takes places of sites in any order and gives back all of them as :class:`Sites`."""

    def __init__(self, genome: Genome) -> None:
        self._buffer = np.empty(BUFFERED, place_dtype(genome))
        self._filled = 0
        self._file = tempfile.TemporaryFile(prefix="bpflow_sites_")  # noqa: SIM115  (closed with the last mapping)
        self._lengths: list[int] = []

    def add(self, places: np.ndarray) -> None:
        """Count each of `places` in ``Genome.array`` once."""
        while len(places):
            part = places[: BUFFERED - self._filled]
            self._buffer[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            places = places[len(part) :]
            if self._filled == BUFFERED:
                self._write_run()

    def sites(self) -> Sites:
        """All sites added so far; the counter is not to be used afterwards."""
        if self._filled >= SMALL_RUN:
            self._write_run()
        runs = [self._sorted().copy()] if self._filled else []
        dtype, total = self._buffer.dtype, sum(self._lengths)
        del self._buffer
        if total:
            self._file.flush()
            stored = np.asarray(np.memmap(self._file, dtype=dtype, mode="r", shape=(total,)))
            runs = [*np.split(stored, np.cumsum(self._lengths[:-1])), *runs]
        self._file.close()
        return Sites(tuple(runs))

    def _sorted(self) -> np.ndarray:
        run = self._buffer[: self._filled]
        if not (run[:-1] <= run[1:]).all():
            run.sort()
        return run

    def _write_run(self) -> None:
        self._file.write(self._sorted().data)
        self._lengths.append(self._filled)
        self._filled = 0


@dataclass(frozen=True)
class Sites:
    """Sites of one strand of one file, each as often as it was seen.

    Attributes
    ----------
    runs
        Sorted places in ``Genome.array``, in memory or mapped from a file.
    """

    runs: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return sum(map(len, self.runs))

    def draw(self, most: int, rng: np.random.Generator) -> np.ndarray:
        """All distinct places, or `most` of them drawn without replacement."""
        first: list[np.ndarray] = []
        distinct = 0
        for positions, _ in self._slices():
            distinct += len(positions)
            if distinct <= most:
                first.append(positions)
        if distinct <= most:
            return np.concatenate(first) if first else np.zeros(0, np.int64)
        ranks = np.sort(rng.choice(distinct, most, replace=False, shuffle=False))
        drawn, before = [], 0
        for positions, _ in self._slices():
            low, high = np.searchsorted(ranks, [before, before + len(positions)])
            drawn.append(positions[ranks[low:high] - before])
            before += len(positions)
        return np.concatenate(drawn)

    def _slices(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return _counted([(run, 0) for run in self.runs])


def moved_counts(genome: Genome, parts: Sequence[tuple[Sites, int]]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Count the sites of all parts together, each part moved along the genome by its distance in bases.

    Yields
    ------
    chromosome, positions, counts
        Sorted distinct 0-based positions and how often each was seen, (N,) int64; several blocks a chromosome, in the
        order of the genome. Sites that leave their chromosome are left out.
    """
    for name in genome.names:
        chunks = [
            (run[slice(*_staying(genome, name, run, distance))], genome.offsets[name] - distance)
            for sites, distance in parts
            for run in sites.runs
        ]
        for positions, counts in _counted(chunks):
            yield name, positions, counts


def moved_off(genome: Genome, sites: Sites, distance: int) -> int:
    """Number of sites that leave their chromosome when moved by `distance` bases."""
    kept = 0
    for name in genome.names:
        for run in sites.runs:
            low, high = _staying(genome, name, run, distance)
            kept += high - low
    return len(sites) - kept


def _staying(genome: Genome, name: str, run: np.ndarray, distance: int) -> tuple[int, int]:
    """Range of a run whose sites are on a chromosome, before and after they are moved."""
    start, stop = genome.offsets[name], genome.offsets[name] + genome.sizes[name]
    return _rank(run, max(start, start - distance)), _rank(run, min(stop, stop - distance))


def _rank(run: np.ndarray, place: int, side: str = "left") -> int:
    """Number of places in a run below `place` (``right``: up to it)."""
    # Of another type, the place would have the whole run converted.
    limit = int(np.iinfo(run.dtype).max)
    if not 0 <= place <= limit:
        return 0 if place < 0 else len(run)
    return int(np.searchsorted(run, run.dtype.type(place), side=side))  # type: ignore[call-overload]


def _counted(chunks: Sequence[tuple[np.ndarray, int]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Merge sorted arrays, from each of which a number is to be subtracted, into distinct values and their counts."""
    runs = [(run, less) for run, less in chunks if len(run)]
    at = [0] * len(runs)
    while any(i < len(run) for (run, _), i in zip(runs, at, strict=True)):
        step = SLICE // len(runs) + 1
        ahead = [int(run[i + step]) - less for (run, less), i in zip(runs, at, strict=True) if i + step < len(run)]
        if not ahead:
            to = [len(run) for run, _ in runs]
        else:
            # No run has more than a step's places below the cut.
            cut = min(ahead)
            to = [i + _rank(run[i:], cut + less) for (run, less), i in zip(runs, at, strict=True)]
        if to == at:
            # One place fills more than a slice.
            to = [i + _rank(run[i:], cut + less, "right") for (run, less), i in zip(runs, at, strict=True)]
            yield np.array([cut]), np.array([sum(to) - sum(at)])
        else:
            parts = [
                run[i:j] - np.array(less).astype(run.dtype)
                for (run, less), i, j in zip(runs, at, to, strict=True)
                if j > i
            ]
            yield _distinct(np.sort(np.concatenate(parts)) if len(parts) > 1 else parts[0])
        at = to


def _distinct(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values of a sorted array and how often each comes, (N,) int64."""
    firsts = np.flatnonzero(np.concatenate([[True], places[1:] != places[:-1]]))
    return places[firsts].astype(np.int64), np.diff(firsts, append=len(places))
