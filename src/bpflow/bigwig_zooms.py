"""The zoom levels of a bigWig: summaries of ever wider bins, built while the values stream past."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bpflow.bigwig_sections import Values, compress_blocks
from bpflow.bigwig_trees import Places

__all__ = ["MAX_LEVELS", "ZOOM_BYTES", "ZOOM_ITEMS", "Summaries", "ZoomLadder", "encode_zoom", "summarise"]

FINEST, STEP, MAX_LEVELS = 64, 4, 10
WIDEST = FINEST * STEP**MAX_LEVELS
# A level with more summaries than this would be over half of the data, or of 80 MB of memory.
VALUES_PER_SUMMARY = 8
FEWEST_SUMMARIES, MOST_SUMMARIES = 1 << 18, 1 << 21
ZOOM_ITEMS = 1024
_RECORD = np.dtype(
    [
        *[(name, "<u4") for name in ("chrom", "start", "end", "covered")],
        *[(name, "<f4") for name in ("minimum", "maximum", "total", "squares")],
    ]
)
ZOOM_BYTES = ZOOM_ITEMS * _RECORD.itemsize


@dataclass(frozen=True)
class Summaries:
    """Summaries of bins that hold values, in genome order.

    Attributes
    ----------
    chrom, start, end
        (N,) uint32 chromosome index, first covered base and the end of the last, half-open.
    covered
        (N,) uint32 bases with a value.
    minimum, maximum
        (N,) float32 extremes.
    total, squares
        (N,) float64 sums of the values and of their squares.
    """

    chrom: np.ndarray
    start: np.ndarray
    end: np.ndarray
    covered: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    total: np.ndarray
    squares: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def coarsened(self, reduction: int) -> Summaries:
        """Summaries of bins of `reduction` bases, a multiple of these ones' bins."""
        if not len(self):
            return self
        bins = self.start // np.uint32(reduction)
        begins = np.ones(len(self), dtype=bool)
        begins[1:] = (bins[1:] != bins[:-1]) | (self.chrom[1:] != self.chrom[:-1])
        first = np.flatnonzero(begins)
        return Summaries(
            chrom=self.chrom[first],
            start=self.start[first],
            end=self.end[np.append(first[1:], len(self)) - 1],
            covered=np.add.reduceat(self.covered, first, dtype=np.uint32),
            minimum=np.minimum.reduceat(self.minimum, first),
            maximum=np.maximum.reduceat(self.maximum, first),
            total=np.add.reduceat(self.total, first),
            squares=np.add.reduceat(self.squares, first),
        )


def summarise(block: Values) -> Summaries:
    """Summaries of a block's bins of FINEST bases; a bin that reaches past the block is summarised in part.

    A value belongs to the bin of its first base.
    """
    bins = block.positions // np.uint32(FINEST)
    begins = np.empty(len(block), dtype=bool)
    np.not_equal(bins[1:], bins[:-1], out=begins[1:])
    begins[block.chrom_starts] = True
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(block))
    values = block.values.astype(np.float64)
    return Summaries(
        chrom=block.chrom_of(first),
        start=block.positions[first],
        end=block.positions[last - 1] + np.uint32(block.span),
        covered=((last - first) * block.span).astype(np.uint32),
        minimum=np.minimum.reduceat(block.values, first),
        maximum=np.maximum.reduceat(block.values, first),
        total=np.add.reduceat(values, first) * block.span,
        squares=np.add.reduceat(np.square(values, out=values), first) * block.span,
    )


class ZoomLadder:
    """Collects summaries in bounded memory: the finest level grows coarser while it has too many of them."""

    def __init__(self) -> None:
        self._reduction = FINEST
        self._n_values, self._n_summaries = 0, 0
        self._parts: list[Summaries] = []

    def add(self, part: Summaries, n_values: int) -> None:
        """Add the summaries of a block's finest bins, which hold `n_values` values."""
        if self._reduction > FINEST:
            part = part.coarsened(self._reduction)
        self._parts.append(part)
        self._n_values += n_values
        self._n_summaries += len(part)
        most = min(max(FEWEST_SUMMARIES, self._n_values // VALUES_PER_SUMMARY), MOST_SUMMARIES)
        while self._n_summaries > most and self._reduction < WIDEST:
            self._reduction *= STEP
            self._parts = [part.coarsened(self._reduction) for part in self._parts]
            self._n_summaries = sum(len(part) for part in self._parts)

    def levels(self) -> list[tuple[int, Summaries]]:
        """Reductions with their summaries, from the finest to one that fits a single block."""
        if not self._parts:
            return []
        columns = ([getattr(part, field.name) for part in self._parts] for field in fields(Summaries))
        # A bin that lies on the border of two blocks is put together here.
        finest = Summaries(*(np.concatenate(column) for column in columns)).coarsened(self._reduction)
        levels = [(self._reduction, finest)]
        while len(levels) < MAX_LEVELS and len(levels[-1][1]) > ZOOM_ITEMS and levels[-1][0] < WIDEST:
            reduction = levels[-1][0] * STEP
            levels.append((reduction, levels[-1][1].coarsened(reduction)))
        return levels


def encode_zoom(level: Summaries) -> tuple[bytes, Places]:
    """Compressed blocks of a level, and what they cover."""
    records = np.empty(len(level), dtype=_RECORD)
    with np.errstate(over="ignore"):
        for name in _RECORD.names or ():
            records[name] = getattr(level, name)
    first = np.arange(0, len(level), ZOOM_ITEMS)
    last = np.minimum(first + ZOOM_ITEMS, len(level)) - 1
    data, sizes = compress_blocks(
        records[a : b + 1].tobytes() for a, b in zip(first.tolist(), last.tolist(), strict=True)
    )
    return data, Places(level.chrom[first], level.start[first], level.chrom[last], level.end[last], sizes)
