"""Writing bigWigs of single-base values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import numpy as np
import pyBigWig

from bpflow.files import atomic_path

__all__ = ["write_bigwig"]


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
