"""Writing bigWigs of single-base values or of bins, in a stream and in constant memory."""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import fields
from types import TracebackType
from typing import IO, NamedTuple

import numpy as np

from bpflow.bigwig_sections import SECTION_BYTES, SECTION_ITEMS, Values, encode_sections
from bpflow.bigwig_trees import Places, chromosome_tree, place_tree
from bpflow.bigwig_zooms import MAX_LEVELS, ZOOM_BYTES, ZOOM_ITEMS, Summaries, ZoomLadder, encode_zoom, summarise
from bpflow.files import atomic_path

__all__ = ["BigWigWriter", "write_bigwig"]

MAGIC, VERSION = 0x888FFC26, 4
# Values encoded together; sections depend on it, and on nothing else but the values.
BLOCK = 1 << 18
HEADER = struct.Struct("<IHHQQQHHQQIQ")
ZOOM_HEADER = struct.Struct("<IIQQ")
SUMMARY = struct.Struct("<Qdddd")


class _Encoded(NamedTuple):
    data: bytes
    places: Places
    summaries: Summaries


class BigWigWriter:
    """Writes a bigWig of values of equal width; used as a context manager, and the file appears only if that succeeds.

    The same values give the same sections however they are split into calls and whatever `threads` is; now and then
    isal compresses one in other bytes. Values are stored as float32. Zoom levels are written as far as all of them stay
    below half of the data.

    Parameters
    ----------
    path
        The file to write.
    sizes
        Chromosome lengths, in the order in which their values will come: the header.
    threads
        Threads that compress.
    span
        Bases that each value is of, from its position on.
    """

    def __init__(
        self, path: str | os.PathLike[str], sizes: Mapping[str, int], *, threads: int = 1, span: int = 1
    ) -> None:
        self._path, self._sizes, self._threads, self._span = path, dict(sizes), threads, span
        self._index = {name: place for place, name in enumerate(sizes)}
        self._chrom, self._free = -1, 0
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None
        self._queue: deque[Future[_Encoded]] = deque()
        self._places: list[Places] = []
        self._ladder = ZoomLadder()
        self._covered, self._total, self._squares = 0, 0.0, 0.0
        self._minimum, self._maximum = np.inf, -np.inf
        self._new_block()

    def __enter__(self) -> BigWigWriter:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            self._handle: IO[bytes] = stack.enter_context(open(temporary, "wb"))
            if self._threads > 1:
                self._pool = stack.enter_context(ThreadPoolExecutor(self._threads))
            self._tree_offset = HEADER.size + MAX_LEVELS * ZOOM_HEADER.size + SUMMARY.size
            tree = chromosome_tree(self._sizes, self._tree_offset)
            self._data_offset = self._tree_offset + len(tree)
            self._handle.write(bytes(self._tree_offset) + tree + bytes(8))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, traceback)
            return
        with self._stack:
            self._finish()

    def add(self, chrom: str, positions: np.ndarray, values: np.ndarray) -> None:
        """Add values of one chromosome, behind all that were added before.

        Parameters
        ----------
        chrom
            A chromosome of the header, not before that of the last call.
        positions
            (N,) integers: 0-based, rising by `span` or more, such that all values lie within the chromosome.
        values
            (N,) finite numbers.

        Raises
        ------
        ValueError
            Anything else than that.
        """
        positions, values = np.asarray(positions), np.asarray(values)
        if positions.ndim != 1 or positions.shape != values.shape:
            raise ValueError(f"positions of shape {positions.shape} and values of shape {values.shape}")
        index = self._index.get(chrom, -1)
        if index < 0:
            raise ValueError(f"{chrom!r} is not in the header")
        if not len(positions):
            return
        if index < self._chrom:
            raise ValueError(f"{chrom!r} comes after a later chromosome of the header")
        if positions.dtype.kind not in "iu" or positions[0] < 0 or positions[-1] > self._sizes[chrom] - self._span:
            raise ValueError(f"positions must be integers within {chrom}, 0 to {self._sizes[chrom] - self._span}")
        if index > self._chrom:
            self._chrom, self._free = index, 0
        first = 0
        while first < len(positions):
            size = min(BLOCK - self._filled, len(positions) - first)
            self._copy(positions[first : first + size], values[first : first + size])
            first += size
            if self._filled == BLOCK:
                self._encode_block()

    def _new_block(self) -> None:
        self._positions, self._values = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.float32)
        self._filled = 0
        self._chrom_starts: list[int] = []
        self._chroms: list[int] = []

    def _copy(self, positions: np.ndarray, values: np.ndarray) -> None:
        if positions[0] < self._free or (positions[1:] < positions[:-1] + self._span).any():
            raise ValueError(f"positions must rise by {self._span} or more")
        self._free = int(positions[-1]) + self._span
        target = slice(self._filled, self._filled + len(positions))
        self._positions[target] = positions
        with np.errstate(over="ignore"):
            self._values[target] = values
        if not np.isfinite(self._values[target]).all():
            raise ValueError("values must be finite, as float32 too")
        if not self._chroms or self._chroms[-1] != self._chrom:
            self._chrom_starts.append(self._filled)
            self._chroms.append(self._chrom)
        self._filled = target.stop

    def _encode_block(self) -> None:
        block = Values(
            self._positions[: self._filled],
            self._values[: self._filled],
            np.array(self._chrom_starts),
            np.array(self._chroms, dtype=np.uint32),
            self._span,
        )
        self._new_block()
        if self._pool is None:
            self._write(_encode(block))
            return
        self._queue.append(self._pool.submit(_encode, block))
        while len(self._queue) > 2 * self._threads:
            self._write(self._queue.popleft().result())

    def _write(self, encoded: _Encoded) -> None:
        self._handle.write(encoded.data)
        self._places.append(encoded.places)
        summaries = encoded.summaries
        covered = int(summaries.covered.sum())
        self._covered += covered
        self._total += float(summaries.total.sum())
        self._squares += float(summaries.squares.sum())
        self._minimum = min(self._minimum, float(summaries.minimum.min()))
        self._maximum = max(self._maximum, float(summaries.maximum.max()))
        self._ladder.add(summaries, covered // self._span)

    def _finish(self) -> None:
        if self._filled:
            self._encode_block()
        while self._queue:
            self._write(self._queue.popleft().result())
        places = _joined(self._places)
        index_offset = self._handle.tell()
        data_start = self._data_offset + 8
        self._handle.write(place_tree(places, data_start, index_offset, SECTION_ITEMS))
        zooms = [self._write_zoom(*level) for level in self._chosen_zooms((index_offset - data_start) // 2)]
        self._handle.write(struct.pack("<I", MAGIC))
        extremes = (self._minimum, self._maximum) if self._covered else (0.0, 0.0)
        self._handle.seek(0)
        self._handle.write(
            HEADER.pack(
                *(MAGIC, VERSION, len(zooms), self._tree_offset, self._data_offset, index_offset),
                *(0, 0, 0, self._tree_offset - SUMMARY.size, max(SECTION_BYTES, ZOOM_BYTES), 0),
            )
            + b"".join(zooms)
        )
        self._handle.seek(self._tree_offset - SUMMARY.size)
        self._handle.write(SUMMARY.pack(self._covered, *extremes, self._total, self._squares))
        self._handle.seek(self._data_offset)
        self._handle.write(struct.pack("<Q", len(places)))

    def _chosen_zooms(self, budget: int) -> list[tuple[int, Summaries, bytes, Places]]:
        """Encoded levels, the finest first: as many of the coarser ones as fit `budget` bytes."""
        levels = list(reversed(self._ladder.levels()))
        chosen: list[tuple[int, Summaries, bytes, Places]] = []
        encode = map if self._pool is None else self._pool.map
        for (reduction, summaries), (data, places) in zip(
            levels, encode(encode_zoom, [summaries for _, summaries in levels]), strict=True
        ):
            budget -= len(data)
            if budget < 0:
                break
            chosen.insert(0, (reduction, summaries, data, places))
        return chosen

    def _write_zoom(self, reduction: int, summaries: Summaries, data: bytes, places: Places) -> bytes:
        """Write a level with its index, and return its entry in the header."""
        offset = self._handle.tell()
        self._handle.write(struct.pack("<I", len(summaries)))
        self._handle.write(data)
        index_offset = self._handle.tell()
        self._handle.write(place_tree(places, offset + 4, index_offset, ZOOM_ITEMS))
        return ZOOM_HEADER.pack(reduction, 0, offset, index_offset)


def write_bigwig(
    path: str | os.PathLike[str],
    sizes: Mapping[str, int],
    blocks: Iterable[tuple[str, np.ndarray, np.ndarray]],
    *,
    threads: int = 1,
) -> None:
    """Write single-base values to a bigWig, atomically.

    Parameters
    ----------
    path
        The file to write.
    sizes
        Chromosome lengths: the header.
    blocks
        (chromosome, sorted 0-based positions, values), in the order of `sizes` and of positions.
    threads
        Threads that compress; what is read does not depend on it.
    """
    with BigWigWriter(path, sizes, threads=threads) as writer:
        for chrom, positions, values in blocks:
            writer.add(chrom, positions, values)


def _encode(block: Values) -> _Encoded:
    return _Encoded(*encode_sections(block), summarise(block))


def _joined(parts: list[Places]) -> Places:
    empty = Places(*(np.zeros(0, np.uint32) for _ in fields(Places)))
    return Places(
        *(np.concatenate([getattr(part, field.name) for part in [empty, *parts]]) for field in fields(Places))
    )
