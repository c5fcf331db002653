"""Windows of bins that lie side by side over a genome: not in its gaps, and not where reads cannot be placed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from bpflow.bigwig import iterate_intervals
from bpflow.errors import InputError
from bpflow.genome import OTHER_BASE, Genome
from bpflow.regions import read_intervals, rows_by_chromosome

__all__ = ["BinLayout", "BinWindows", "Coverage", "bin_windows", "contigs", "read_unmappable"]

# Shorter runs of unknown bases stay within windows, as unknown bases.
SHORTEST_GAP = 100
BLOCK = 1 << 24
# Of a mappability track: a stretch this long of values no higher than that is unmappable (Basenji's unmappable_bed).
LOW, SHORTEST_LOW = 0.2, 500
# A bin is out if this share of it is.
OUT_SHARE = 0.1


@dataclass(frozen=True)
class BinLayout:
    """Sizes of windows.

    Attributes
    ----------
    input_length
        Bases that a model reads.
    bin_width
        Bases of a bin.
    crop_bins
        Bins of the input, on each side, that are not predicted.
    """

    input_length: int
    bin_width: int
    crop_bins: int

    def __post_init__(self) -> None:
        if self.input_length % self.bin_width or self.bins < 1:
            raise InputError(
                f"an input of {self.input_length} bases",
                expected=f"a multiple of {self.bin_width} bases, with more than {2 * self.crop_bins} bins",
            )

    @property
    def margin(self) -> int:
        """Bases of the input before the first bin."""
        return self.crop_bins * self.bin_width

    @property
    def bins(self) -> int:
        """Bins of a window."""
        return self.input_length // self.bin_width - 2 * self.crop_bins

    @property
    def target_length(self) -> int:
        """Bases that the bins cover."""
        return self.bins * self.bin_width


class Coverage:
    """How many bases of any stretch lie in intervals, which may overlap each other.

    Parameters
    ----------
    intervals
        Columns chrom, start, end.
    margin
        Bases that each interval is wider on both sides.
    """

    def __init__(self, intervals: pd.DataFrame, margin: int = 0) -> None:
        self._merged: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for name, rows in rows_by_chromosome(intervals["chrom"]).items():
            starts = intervals["start"].to_numpy(dtype=np.int64)[rows] - margin
            ends = intervals["end"].to_numpy(dtype=np.int64)[rows] + margin
            order = np.argsort(starts, kind="stable")
            starts, ends = np.maximum(starts[order], 0), np.maximum.accumulate(ends[order])
            first = np.append(True, starts[1:] > ends[:-1])
            starts, ends = starts[first], ends[np.append(np.flatnonzero(first)[1:] - 1, len(ends) - 1)]
            self._merged[name] = starts, ends, np.append(0, np.cumsum(ends - starts))

    def before(self, chrom: str, positions: np.ndarray) -> np.ndarray:
        """Covered bases before each position, (N,) int64."""
        if chrom not in self._merged:
            return np.zeros(len(positions), dtype=np.int64)
        starts, ends, total = self._merged[chrom]
        number = np.searchsorted(starts, positions, side="right")
        last = np.maximum(number - 1, 0)
        return total[number] - np.where(number > 0, np.maximum(ends[last] - positions, 0), 0)

    def mask(self, chrom: str, start: int, end: int) -> np.ndarray | None:
        """Covered bases of [start, end), (end - start,) bool; None if there are none."""
        if chrom not in self._merged:
            return None
        starts, ends, _ = self._merged[chrom]
        touching = slice(np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end))
        if touching.start >= touching.stop:
            return None
        result = np.zeros(end - start, dtype=bool)
        for left, right in zip(starts[touching], ends[touching], strict=True):
            result[max(left - start, 0) : right - start] = True
        return result

    def bins_out(self, chrom: str, start: int, layout: BinLayout) -> np.ndarray:
        """Bins of a window of which a tenth or more is covered, (bins,) bool."""
        edges = start + layout.bin_width * np.arange(layout.bins + 1)
        return np.diff(self.before(chrom, edges)) >= OUT_SHARE * layout.bin_width


class BinWindows(NamedTuple):
    """Windows in the genome's order, and what was left out.

    Attributes
    ----------
    frame
        Columns chrom, start, end: what the bins cover, 0-based and half-open.
    contigs, short_contigs, out
        Number of stretches between gaps, of those too short for a window, and of windows that are mostly out.
    """

    frame: pd.DataFrame
    contigs: int
    short_contigs: int
    out: int


def bin_windows(
    genome: Genome, layout: BinLayout, *, stride: int = 0, excluded: Coverage | None = None, max_out: float = 0.5
) -> BinWindows:
    """Windows over all chromosomes, from the first multiple of the bin width in each stretch between gaps.

    Parameters
    ----------
    genome
        The genome.
    layout
        Sizes of the windows. Their inputs may reach into gaps and past the ends of chromosomes.
    stride
        Bases from one window to the next, a multiple of the bin width; their length if it is 0.
    excluded
        What is unmappable or blacklisted.
    max_out
        Windows of which this share of bins, or more, is excluded are left out.

    Raises
    ------
    InputError
        The stride is no multiple of the bin width, or no window is left.
    """
    width, stride = layout.target_length, stride or layout.target_length
    if stride % layout.bin_width:
        raise InputError(f"a stride of {stride} bases", expected=f"a multiple of the bin width, {layout.bin_width}")
    chroms: list[str] = []
    starts: list[int] = []
    stretches = short = out = 0
    for chrom, first, last in contigs(genome):
        stretches += 1
        begin = -(-first // layout.bin_width) * layout.bin_width
        short += begin + width > last
        for start in range(begin, last - width + 1, stride):
            if excluded is not None and excluded.bins_out(chrom, start, layout).mean() >= max_out:
                out += 1
                continue
            chroms.append(chrom)
            starts.append(start)
    if not starts:
        raise InputError(
            f"no window of {width} bases",
            expected="a longer stretch of known bases in some chromosome, of which half can be mapped",
            mend="Take shorter windows",
        )
    frame = pd.DataFrame({"chrom": chroms, "start": np.array(starts, dtype=np.int64)})
    return BinWindows(frame.assign(end=frame["start"] + width), stretches, short, out)


def contigs(genome: Genome) -> Iterator[tuple[str, int, int]]:
    """Chromosome, start and end of each stretch between gaps, which are runs of 100 unknown bases or more."""
    for name in genome.names:
        left = 0
        for start, end in _unknown_runs(genome.codes(name)):
            if end - start >= SHORTEST_GAP:
                if start > left:
                    yield name, left, start
                left = end
        if left < genome.sizes[name]:
            yield name, left, genome.sizes[name]


def _unknown_runs(codes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Runs of unknown bases, found block by block."""
    begun, inside = 0, False
    for first in range(0, len(codes), BLOCK):
        unknown = codes[first : first + BLOCK] == OTHER_BASE
        changes = np.flatnonzero(unknown != np.append(inside, unknown[:-1]))
        for place in (changes + first).tolist():
            if inside:
                yield begun, place
            begun, inside = place, not inside
    if inside:
        yield begun, len(codes)


def read_unmappable(path: str | os.PathLike[str], genome: Genome) -> pd.DataFrame:
    """Stretches where reads cannot be placed: those of a BED, or where a mappability bigWig is low.

    Low is at most 0.2, or no value, over 500 bases or more.

    Returns
    -------
    DataFrame
        Columns chrom, start, end.
    """
    if str(path).lower().endswith((".bw", ".bigwig")):
        return _low(path, genome)
    frame = read_intervals(path)
    genome.require([name for name in frame["chrom"].unique() if name not in genome.dropped], where=str(path))
    return frame[["chrom", "start", "end"]]


def _low(path: str | os.PathLike[str], genome: Genome) -> pd.DataFrame:
    offsets = np.array([genome.offsets[name] for name in genome.names], dtype=np.int64)
    ends = offsets + np.array([genome.sizes[name] for name in genome.names], dtype=np.int64)
    reached, lows = 0, []
    for found in iterate_intervals(path, genome):
        high = found.values > LOW
        befores = np.append(reached, found.ends[high])
        wide = found.starts[high] - befores[:-1] >= SHORTEST_LOW
        lows.append((befores[:-1][wide], found.starts[high][wide]))
        reached = int(befores[-1])
    lows.append((np.array([reached]), ends[-1:]))
    starts, stops = (np.concatenate(part) for part in zip(*lows, strict=True))
    # A stretch may reach over the border of chromosomes.
    parts: Mapping[str, list] = {"chrom": [], "start": [], "end": []}
    for name, offset, end in zip(genome.names, offsets.tolist(), ends.tolist(), strict=True):
        rows = slice(np.searchsorted(stops, offset, side="right"), np.searchsorted(starts, end))
        left, right = starts[rows].clip(offset, end) - offset, stops[rows].clip(offset, end) - offset
        kept = right - left >= SHORTEST_LOW
        parts["chrom"] += [name] * int(kept.sum())
        parts["start"] += left[kept].tolist()
        parts["end"] += right[kept].tolist()
    return pd.DataFrame(parts)
