"""Input windows of a fold's test regions, and a seeded sample of them to write motifs into."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.model_regions import within_chromosomes
from bpflow.regions import centers, on, read_regions

__all__ = ["sample_codes", "window_starts"]


def window_starts(
    path: str | os.PathLike[str], chromosomes: Sequence[str], genome: Genome, input_length: int
) -> np.ndarray:
    """Where the input windows around the regions on `chromosomes` start in ``Genome.array``, (N,) int64.

    Windows that reach past their chromosome's end are left out, with a warning.

    Raises
    ------
    InputError
        No region is left.
    """
    frame = within_chromosomes(on(read_regions(path, genome), chromosomes), genome, input_length, where=str(path))
    if frame.empty:
        raise InputError(
            "no region is left",
            where=str(path),
            expected=f"regions on {', '.join(chromosomes[:5])}, at least {input_length // 2} bases from the ends",
            mend="Check that the regions and the fold belong together",
        )
    return genome.global_positions(frame["chrom"].to_numpy(dtype=object), centers(frame) - input_length // 2)


def sample_codes(
    starts: np.ndarray, genome: Genome, input_length: int, *, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Codes of at most `n` windows drawn without replacement, in genome order, (n, input_length) uint8."""
    chosen = rng.choice(np.sort(starts), size=min(n, len(starts)), replace=False)
    return genome.windows(np.sort(chosen), input_length)
