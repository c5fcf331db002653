"""The cut-site signal of a sample, read from its bigWig of integer counts into a memory-mapped array."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

import numpy as np

from bpflow.bigwig import iterate_values
from bpflow.errors import InputError
from bpflow.genome import Genome

__all__ = ["SignalTrack"]

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
