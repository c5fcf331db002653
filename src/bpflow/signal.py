"""The cut-site signal of a sample: a bigWig of integer counts, and its dense memory-mapped form."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyBigWig

from bpflow.chromosomes import explain_mismatch
from bpflow.errors import InputError
from bpflow.files import atomic_path, existing
from bpflow.genome import Genome

__all__ = ["SignalTrack", "iterate_values", "open_bigwig", "write_bigwig"]

BLOCK = 1 << 23
WINDOWS_AT_ONCE = 4096


@dataclass(frozen=True)
class SignalTrack:
    """Insertions at every base, laid out as :attr:`bpflow.genome.Genome.array`.

    Attributes
    ----------
    array
        (total length,) int32 insertions, memory-mapped from an unnamed temporary file.
    path
        The bigWig it was read from.
    """

    array: np.ndarray
    path: str

    @classmethod
    def open(cls, bigwig: str | os.PathLike[str], genome: Genome) -> SignalTrack:
        """Read a bigWig of integer counts.

        Raises
        ------
        InputError
            Not a bigWig, chromosomes of another assembly, or values that are no whole non-negative numbers.
        """
        with tempfile.TemporaryFile(prefix="bpflow_signal_") as handle:
            handle.truncate(max(genome.array.size, 1) * 4)
            array = np.memmap(handle, dtype=np.int32, mode="r+", shape=(genome.array.size,))
        for name, start, values in iterate_values(bigwig, genome):
            place = genome.offsets[name] + start
            counts = np.rint(values)
            wrong = np.flatnonzero((values < 0) | (np.abs(counts - values) > 1e-3))
            if wrong.size:
                raise InputError(
                    f"the value {values[wrong[0]]:g} at {name}:{start + int(wrong[0])}",
                    where=str(bigwig),
                    expected="whole, non-negative numbers of insertions",
                    mend="Give the unnormalised cut-site counts, or the reads themselves",
                )
            if counts.any():
                array[place : place + len(counts)] = counts
        return cls(array=array, path=str(bigwig))

    def windows(self, global_starts: np.ndarray, width: int) -> np.ndarray:
        """Insertions in windows of equal width, (N, width) int32; starts as ``Genome.global_positions``."""
        return self.array[np.asarray(global_starts)[:, None] + np.arange(width)]

    def sums(self, global_starts: np.ndarray, width: int) -> np.ndarray:
        """Total insertions in each window, (N,) int64."""
        starts = np.asarray(global_starts, dtype=np.int64)
        parts = [
            self.windows(starts[i : i + WINDOWS_AT_ONCE], width).sum(axis=1, dtype=np.int64)
            for i in range(0, len(starts), WINDOWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def open_bigwig(path: str | os.PathLike[str]) -> Any:
    """Open a bigWig for reading; anything else is an InputError."""
    existing(path, "a bigWig")
    try:
        handle = pyBigWig.open(str(path))
        if not handle.isBigWig():
            raise RuntimeError("a bigBed")
    except RuntimeError:
        raise InputError("not a bigWig", where=str(path), expected="a bigWig file") from None
    return handle


def iterate_values(path: str | os.PathLike[str], genome: Genome) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield (chromosome, start, float values) in blocks over the chromosomes of `genome` that the bigWig has."""
    with open_bigwig(path) as handle:
        sizes = handle.chroms()
        shared = [name for name in genome.names if name in sizes]
        if not shared:
            raise InputError(
                f"no chromosome in common with the genome (it has {', '.join(list(sizes)[:3])})",
                where=str(path),
                expected=f"names such as {', '.join(genome.names[:3])}",
                mend=explain_mismatch(sizes, genome.names) or "Use the same assembly",
            )
        for name in shared:
            if sizes[name] != genome.sizes[name]:
                raise InputError(
                    f"{name} has {sizes[name]} bases",
                    where=str(path),
                    expected=f"{genome.sizes[name]}, as in the genome",
                    mend="Use the same assembly",
                )
            for start in range(0, sizes[name], BLOCK):
                end = min(start + BLOCK, sizes[name])
                values = handle.values(name, start, end, numpy=True)
                yield name, start, np.nan_to_num(values, nan=0.0)


def write_bigwig(
    path: str | os.PathLike[str],
    sizes: Mapping[str, int],
    blocks: Iterable[tuple[str, np.ndarray, np.ndarray]],
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
    """
    with atomic_path(path) as temporary:
        handle = pyBigWig.open(str(temporary), "w")
        try:
            handle.addHeader(list(sizes.items()))
            for name, positions, values in blocks:
                if not len(positions):
                    continue
                values = np.asarray(values, dtype=np.float64)
                if positions[-1] - positions[0] == len(positions) - 1:
                    handle.addEntries(name, int(positions[0]), values=values, span=1, step=1)
                else:
                    handle.addEntries(name, np.asarray(positions, dtype=np.int64), values=values, span=1)
        finally:
            handle.close()
