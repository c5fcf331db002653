"""A genome as 2bit, UCSC's format of sequences: four bases a byte, with the runs of unknown ones listed beside them.

The layout is that of UCSC's file format description: a header, an index of names and offsets, and a record a sequence.
"""

from __future__ import annotations

import os
import struct

import numpy as np

from bpflow.errors import InputError
from bpflow.files import atomic_path
from bpflow.genome import OTHER_BASE, Genome

__all__ = ["write_two_bit"]

SIGNATURE = 0x1A412743
HEADER, INDEX_TAIL = 16, 4
# 2bit counts T C A G, and writes T under unknown bases.
CODES = np.array([2, 1, 3, 0, 0], dtype=np.uint8)
MOST = 1 << 32


def write_two_bit(path: str | os.PathLike[str], genome: Genome) -> None:
    """Write all chromosomes of a genome.

    Raises
    ------
    InputError
        A genome whose file would pass 4 GiB, which the format cannot count.
    """
    names = [name.encode() for name in genome.names]
    unknown = [_runs(genome.codes(name) == OTHER_BASE) for name in genome.names]
    sizes = [genome.sizes[name] for name in genome.names]
    lengths = [16 + 8 * len(starts) + -(-size // 4) for (starts, _), size in zip(unknown, sizes, strict=True)]
    first = HEADER + sum(1 + len(name) + INDEX_TAIL for name in names)
    offsets = np.cumsum([first, *lengths]).tolist()
    if offsets[-1] >= MOST:
        raise InputError("a genome of more than 4 GiB as 2bit", where=genome.source, expected="a smaller one")
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        handle.write(struct.pack("<4I", SIGNATURE, 0, len(names), 0))
        for name, offset in zip(names, offsets, strict=False):
            handle.write(struct.pack("<B", len(name)) + name + struct.pack("<I", offset))
        for chromosome, (starts, widths) in zip(genome.names, unknown, strict=True):
            handle.write(struct.pack("<2I", genome.sizes[chromosome], len(starts)))
            handle.write(starts.astype("<u4").tobytes() + widths.astype("<u4").tobytes())
            handle.write(struct.pack("<2I", 0, 0))
            handle.write(_packed(genome.codes(chromosome)).tobytes())


def _runs(marked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and widths of the runs of true values."""
    borders = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]])))
    return borders[::2], borders[1::2] - borders[::2]


def _packed(codes: np.ndarray) -> np.ndarray:
    """Four bases a byte, the first in the highest bits."""
    padded = np.zeros(-(-len(codes) // 4) * 4, dtype=np.uint8)
    padded[: len(codes)] = CODES[codes]
    quarters = padded.reshape(-1, 4)
    return quarters[:, 0] << 6 | quarters[:, 1] << 4 | quarters[:, 2] << 2 | quarters[:, 3]
