"""Which bases reads can be placed on without doubt: elsewhere a missing read says nothing."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

import numpy as np

from bpflow.bigwig import iterate_bases
from bpflow.genome import Genome

__all__ = ["Mappability"]


@dataclass(frozen=True)
class Mappability:
    """Mappable bases of a genome.

    Attributes
    ----------
    mappable
        (total length,) bool beside :attr:`bpflow.genome.Genome.array`, mapped from an unnamed temporary file.
    """

    mappable: np.ndarray

    @classmethod
    def open(cls, bigwig: str | os.PathLike[str], genome: Genome) -> Mappability:
        """Read a bigWig of the share of reads over each base that are unique (UCSC's Umap tracks: 0 to 1).

        A base is mappable where all are (Cochran et al. 2024); one without a value is not.

        Raises
        ------
        InputError
            Not a bigWig, a damaged one, or chromosomes of another assembly.
        """
        size = genome.array.size
        with tempfile.TemporaryFile(prefix="bpflow_mappability_") as handle:
            handle.truncate(size)
            mappable = np.memmap(handle, dtype=np.bool_, mode="r+", shape=(size,))
            for places, values in iterate_bases(bigwig, genome):
                mappable[places[values >= 1.0]] = True
            mappable.flush()
            return cls(np.asarray(np.memmap(handle, dtype=np.bool_, mode="r", shape=(size,))))

    def windows(self, global_starts: np.ndarray, width: int, reverse: np.ndarray) -> np.ndarray:
        """Whether each base of windows is mappable, (N, width) bool; read from their end where `reverse`."""
        along = np.arange(width)
        return self.mappable[global_starts[:, None] + np.where(reverse[:, None], width - 1 - along, along)]
