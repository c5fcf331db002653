"""Bins of many tracks in windows over a genome: made in one pass over each track, kept on disk, read by window.

The file is HDF5. Bins are half-precision numbers: 11 binary digits are more than the noise of coverage leaves, and a
file of thousands of tracks is half as large.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd

from bpflow.bigwig import Intervals, iterate_intervals
from bpflow.bin_targets import BinTarget, binned, strand_partners
from bpflow.bin_windows import BinLayout, Coverage
from bpflow.errors import InputError
from bpflow.genome import OTHER_BASE, Genome, reverse_complement_codes
from bpflow.hdf5_files import opened_hdf5
from bpflow.new_hdf5 import new_hdf5
from bpflow.progress import Meter

__all__ = ["Bins", "TrackSummary", "open_bins", "window_values", "write_bins"]

# Tracks read side by side; each window's bins of so many of them are one chunk of the file.
TRACKS_AT_ONCE = 16
# Bins above this quantile of their track are held at it, as Basenji does.
CEILING = 0.9999999
WHAT = "bins of 'bpflow bins'"
SIZES = ("input_length", "bin_width", "crop_bins")


@dataclass
class TrackSummary:
    """What was seen of a track's bins, over all windows.

    Attributes
    ----------
    mean, largest
        Of the bins as they are kept.
    zero, clipped
        Shares of bins that are 0, and that are held at the track's clip.
    ceiling
        The quantile that bins are held at when they are read.
    """

    mean: float = 0.0
    largest: float = 0.0
    zero: float = 0.0
    clipped: float = 0.0
    ceiling: float = 0.0


def write_bins(
    path: str | os.PathLike[str],
    genome: Genome,
    layout: BinLayout,
    windows: pd.DataFrame,
    targets: Sequence[BinTarget],
    *,
    blacklist: Coverage | None = None,
    unmappable: Coverage | None = None,
    unmappable_quantile: float = 1.0,
    threads: int = 1,
) -> list[TrackSummary]:
    """Bin all tracks in all windows, and write the file atomically; memory depends on neither number.

    Parameters
    ----------
    path
        The HDF5 to write.
    genome
        The genome.
    layout, windows
        Sizes of the windows, and where they are: the frame of :class:`bpflow.bin_windows.BinWindows`.
    targets
        The tracks.
    blacklist
        Bases whose values are held within the median of their window.
    unmappable, unmappable_quantile
        Unmappable bins are held at this quantile of their window's bins; 1 leaves them as they are.
    threads
        Tracks read at the same time.

    Returns
    -------
    list
        One summary a track.
    """
    starts = genome.global_positions(windows["chrom"].to_numpy(dtype=object), windows["start"].to_numpy())
    places = list(zip(windows["chrom"], windows["start"].tolist(), strict=True))
    shape = len(windows), len(targets), layout.bins
    at_once = min(TRACKS_AT_ONCE, len(targets))

    def next_row(stream: Iterator[np.ndarray], target: BinTarget, chrom: str, start: int) -> np.ndarray:
        black = blacklist.mask(chrom, start, start + layout.target_length) if blacklist is not None else None
        row = binned(next(stream), layout.bin_width, target, black)
        if unmappable is not None and unmappable_quantile < 1:
            out = unmappable.bins_out(chrom, start, layout)
            row[out] = np.minimum(row[out], np.quantile(row, unmappable_quantile))
        return row.astype(np.float16)

    summaries = [_Summary(shape[0] * shape[2], target.clip) for target in targets]
    with (
        new_hdf5(path) as handle,
        ThreadPoolExecutor(threads) as pool,
        Meter(shape[0] * shape[1], "binning", "windows of a track") as meter,
    ):
        _describe(handle, genome, layout, windows, targets)
        stored = handle.create_dataset(
            "bins",
            shape,
            np.float16,
            chunks=(1, at_once, shape[2]),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        apply = pool.map if threads > 1 else map
        for first in range(0, len(targets), at_once):
            group = targets[first : first + at_once]
            streams = [window_values(target.file, genome, starts, layout.target_length) for target in group]
            for number, place in enumerate(places):
                block = np.stack(list(apply(next_row, streams, group, *zip(*[place] * len(group), strict=True))))
                stored[number, first : first + len(group)] = block
                for summary, row in zip(summaries[first:], block, strict=False):
                    summary.add(row)
                meter.advance(len(group))
        results = [summary.result() for summary in summaries]
        handle["ceilings"] = np.array([result.ceiling for result in results], dtype=np.float32)
    return results


def _describe(
    handle: h5py.File, genome: Genome, layout: BinLayout, windows: pd.DataFrame, targets: Sequence[BinTarget]
) -> None:
    handle.attrs["genome"] = genome.digest
    for key in SIZES:
        handle.attrs[key] = getattr(layout, key)
    handle["windows/chrom"] = windows["chrom"].to_numpy(dtype=object).astype(h5py.string_dtype())
    handle["windows/start"] = windows["start"].to_numpy(dtype=np.int64)
    for name in ("identifier", "strand_pair", "description"):
        texts = np.array([getattr(target, name) for target in targets], dtype=object)
        handle.create_dataset(f"targets/{name}", data=texts, dtype=h5py.string_dtype())


def window_values(path: str | os.PathLike[str], genome: Genome, starts: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Yield a bigWig's values in windows that are sorted by their start, (width,) float32 each; NaN where it has none.

    Parameters
    ----------
    path
        The bigWig.
    genome, starts
        Its genome, and (N,) starts as ``Genome.global_positions``, rising.
    width
        Bases of a window; windows may overlap.
    """
    stream = iterate_intervals(path, genome)
    held, reached, ended = Intervals(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)), 0, False
    for start in starts.tolist():
        parts = [held]
        while not ended and reached < start + width:
            found = next(stream, None)
            ended = found is None
            if found is not None:
                parts.append(found)
                reached = int(found.ends[-1])
        held = Intervals(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        held = Intervals(*(column[np.searchsorted(held.ends, start, side="right") :] for column in held))
        inside = slice(0, np.searchsorted(held.starts, start + width))
        left = np.maximum(held.starts[inside] - start, 0)
        bases = np.minimum(held.ends[inside] - start, width) - left
        row = np.full(width, np.nan, dtype=np.float32)
        # Each interval's bases follow one another.
        within = np.arange(bases.sum()) - np.repeat(np.cumsum(bases) - bases, bases)
        row[np.repeat(left, bases) + within] = np.repeat(held.values[inside], bases)
        yield row


class _Summary:
    """Collects a track's bins window by window."""

    def __init__(self, bins: int, clip: float) -> None:
        self._bins, self._clip = bins, np.float16(clip)
        self._total, self._zero, self._clipped = 0.0, 0, 0
        # The quantile lies between the two lowest of so many highest bins.
        place = CEILING * (bins - 1)
        self._share = place - int(place)
        self._top = np.full(bins - int(place), -np.inf, dtype=np.float64)

    def add(self, row: np.ndarray) -> None:
        """Take a window's bins in."""
        self._total += float(row.sum(dtype=np.float64))
        self._zero += int(np.count_nonzero(row == 0))
        self._clipped += int(np.count_nonzero(row >= self._clip))
        if row.max() > self._top[0]:
            self._top = np.sort(np.append(self._top, row[row > self._top[0]].astype(np.float64)))[-len(self._top) :]

    def result(self) -> TrackSummary:
        """The summary."""
        above = self._top[min(1, len(self._top) - 1)]
        ceiling = self._top[0] + self._share * (above - self._top[0])
        zero, clipped = self._zero / self._bins, self._clipped / self._bins
        return TrackSummary(self._total / self._bins, float(self._top[-1]), zero, clipped, float(ceiling))


@dataclass(frozen=True)
class Bins:
    """Windows of sequence and bins, read from the disk when they are asked for.

    Attributes
    ----------
    genome
        The genome.
    layout
        Sizes of the windows.
    chroms, starts
        (N,) chromosome, and start of what the bins cover, of each window in the genome's order.
    identifiers, descriptions
        Of the T tracks.
    partners
        (T,) the track of the other strand.
    path
        The file.
    """

    genome: Genome
    layout: BinLayout
    chroms: np.ndarray
    starts: np.ndarray
    identifiers: list[str]
    descriptions: list[str]
    partners: np.ndarray
    path: str
    _stored: h5py.Dataset
    _ceilings: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def rows_on(self, chromosomes: Sequence[str]) -> np.ndarray:
        """Numbers of the windows on some chromosomes."""
        return np.flatnonzero(np.isin(self.chroms, list(chromosomes)))

    def disjoint(self, rows: np.ndarray) -> np.ndarray:
        """Those of sorted `rows` whose windows do not overlap a window kept before."""
        kept: list[int] = []
        for row in rows.tolist():
            same = kept and self.chroms[kept[-1]] == self.chroms[row]
            if not same or self.starts[row] - self.starts[kept[-1]] >= self.layout.target_length:
                kept.append(row)
        return np.array(kept, dtype=np.int64)

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """Base codes of the windows' inputs, (n, input_length) uint8, unknown past the ends of chromosomes."""
        result = np.full((len(rows), self.layout.input_length), OTHER_BASE, dtype=np.uint8)
        for codes, row in zip(result, rows.tolist(), strict=True):
            whole = self.genome.codes(self.chroms[row])
            start = int(self.starts[row]) - self.layout.margin
            found = whole[max(start, 0) : start + self.layout.input_length]
            first = max(-start, 0)
            codes[first : first + len(found)] = found
        return result

    def values(self, rows: np.ndarray) -> np.ndarray:
        """Bins of windows, (n, T, bins) float16, held at each track's ceiling."""
        result = np.empty((len(rows), *self._stored.shape[1:]), dtype=np.float16)
        for values, row in zip(result, rows.tolist(), strict=True):
            self._stored.read_direct(values, np.s_[row])
        return np.minimum(result, self._ceilings[:, None], out=result)

    def examples(self, rows: np.ndarray, reverse: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sequences and bins as a model is trained on them.

        Parameters
        ----------
        rows
            (n,) numbers of windows.
        reverse
            (n,) bool: read the other strand; bins are turned, and those of strand pairs change places.
        shifts
            (n,) bases that the sequence, but not the bins, moves to the right; unknown bases come in.

        Returns
        -------
        codes, values
            (n, input_length) uint8 and (n, T, bins) float16.
        """
        codes, values = self.codes(rows), self.values(rows)
        codes[reverse] = reverse_complement_codes(codes[reverse])
        values[reverse] = values[reverse][:, self.partners, ::-1]
        return shifted(codes, shifts), values


def shifted(codes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Move (n, L) base codes by (n,) bases to the right, or to the left where below 0; unknown bases come in."""
    result = np.full_like(codes, OTHER_BASE)
    length = codes.shape[1]
    for moved, row, shift in zip(result, codes, shifts.tolist(), strict=True):
        moved[max(shift, 0) : length + min(shift, 0)] = row[max(-shift, 0) : length - max(shift, 0)]
    return result


@contextmanager
def open_bins(path: str | os.PathLike[str], genome: Genome) -> Iterator[Bins]:
    """Open a file of bins for reading.

    Raises
    ------
    InputError
        Another file, a damaged one, or one of another genome.
    """
    with opened_hdf5(path, WHAT) as stored:
        attributes = stored.attributes()
        if missing := {"genome", *SIZES} - set(attributes):
            raise InputError(f"no attribute {min(missing)}", where=str(path), expected=WHAT)
        if attributes["genome"] != genome.digest:
            raise InputError(
                "bins of another genome", where=str(path), expected=f"those of {genome.source}", mend="Make them again"
            )
        layout = BinLayout(*(int(attributes[key]) for key in SIZES))
        names = ("identifier", "description", "strand_pair")
        identifiers, descriptions, pairs = (stored.texts(f"targets/{name}").tolist() for name in names)
        chroms, starts = stored.texts("windows/chrom"), stored.read(stored.dataset("windows/start", kinds="i"))
        values = stored.dataset("bins", dimensions=3, kinds="f")
        ceilings = stored.read(stored.dataset("ceilings", dimensions=1, kinds="f")).astype(np.float16)
        if values.shape != (len(starts), len(identifiers), layout.bins) or len(chroms) != len(starts):
            raise InputError(f"bins of the shape {values.shape}", where=str(path), expected=WHAT)
        partners = strand_partners(
            [BinTarget(name, "", strand_pair=pair) for name, pair in zip(identifiers, pairs, strict=True)],
            where=str(path),
        )
        yield Bins(genome, layout, chroms, starts, identifiers, descriptions, partners, str(path), values, ceilings)
