"""The compressed sections of a bigWig that hold its values, from blocks of values of equal width."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from isal import isal_zlib

from bpflow.bigwig_trees import Places

__all__ = ["SECTION_BYTES", "SECTION_ITEMS", "Values", "compress_blocks", "encode_sections"]

SECTION_ITEMS = 4096
# A run of adjacent values this long gets sections without positions; ending the section before it costs less.
SHORTEST_RUN = 256
# Level 1 of isal: as small as zlib's level 1 for counts, at 4 times its speed (docs/performance.md).
COMPRESSION_LEVEL = 1
VARIABLE_STEP, FIXED_STEP = 2, 3
_HEADER = np.dtype(
    [
        *[(name, "<u4") for name in ("chrom", "start", "end", "step", "span")],
        *[("kind", "u1"), ("reserved", "u1"), ("count", "<u2")],
    ]
)
_PAIR = np.dtype([("position", "<u4"), ("value", "<f4")])
SECTION_BYTES = _HEADER.itemsize + SECTION_ITEMS * _PAIR.itemsize


@dataclass(frozen=True)
class Values:
    """Values of equal width in genome order.

    Attributes
    ----------
    positions, values
        (N,) uint32 0-based positions and float32 values.
    chrom_starts, chroms
        (C,) where in these arrays each chromosome begins, and its index.
    span
        Bases from its position on that a value is of.
    """

    positions: np.ndarray
    values: np.ndarray
    chrom_starts: np.ndarray
    chroms: np.ndarray
    span: int = 1

    def __len__(self) -> int:
        return len(self.positions)

    def chrom_of(self, items: np.ndarray) -> np.ndarray:
        """Chromosome index of the given items, uint32."""
        return self.chroms[np.searchsorted(self.chrom_starts, items, side="right") - 1]


def encode_sections(block: Values) -> tuple[bytes, Places]:
    """Compressed sections of a block, and what they cover: fixed steps for long runs, variable steps for the rest."""
    first, last, fixed = _split(block)
    headers = np.zeros(len(first), dtype=_HEADER)
    headers["chrom"] = block.chrom_of(first)
    headers["start"], headers["end"] = block.positions[first], block.positions[last - 1] + np.uint32(block.span)
    headers["step"], headers["span"] = np.where(fixed, block.span, 0), block.span
    headers["kind"] = np.where(fixed, FIXED_STEP, VARIABLE_STEP)
    headers["count"] = last - first
    alone = block.values.view(np.uint8).data
    if fixed.all():
        paired = alone
    else:
        pairs = np.empty(len(block), dtype=_PAIR)
        pairs["position"], pairs["value"] = block.positions, block.values
        paired = pairs.view(np.uint8).data
    head, heads = _HEADER.itemsize, headers.view(np.uint8).data
    data, sizes = compress_blocks(
        b"".join((heads[i * head : (i + 1) * head], alone[a * 4 : b * 4] if is_fixed else paired[a * 8 : b * 8]))
        for i, (a, b, is_fixed) in enumerate(zip(first.tolist(), last.tolist(), fixed.tolist(), strict=True))
    )
    return data, Places(headers["chrom"], headers["start"], headers["chrom"], headers["end"], sizes)


def _split(block: Values) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First item of each section, the item after its last, and whether it is one run of adjacent values."""
    begins_run = np.empty(len(block), dtype=bool)
    np.not_equal(block.positions[1:], block.positions[:-1] + np.uint32(block.span), out=begins_run[1:])
    begins_run[block.chrom_starts] = True
    runs = np.flatnonzero(begins_run)
    is_long = np.diff(runs, append=len(block)) >= SHORTEST_RUN
    begins_stretch = is_long.copy()
    begins_stretch[1:] |= is_long[:-1]
    begins_stretch[np.searchsorted(runs, block.chrom_starts)] = True
    stretches = runs[begins_stretch]
    lengths = np.diff(stretches, append=len(block))
    n_sections = -(-lengths // SECTION_ITEMS)
    within = np.arange(n_sections.sum()) - np.repeat(np.cumsum(n_sections) - n_sections, n_sections)
    first = np.repeat(stretches, n_sections) + within * SECTION_ITEMS
    return first, np.append(first[1:], len(block)), np.repeat(is_long[begins_stretch], n_sections)


def compress_blocks(blocks: Iterable[bytes | memoryview]) -> tuple[bytes, np.ndarray]:
    """Each block compressed by itself, one after another, and their compressed sizes (N,) int64."""
    parts = [isal_zlib.compress(block, COMPRESSION_LEVEL) for block in blocks]
    return b"".join(parts), np.array([len(part) for part in parts], dtype=np.int64)
