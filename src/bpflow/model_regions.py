"""Regions as a model's windows: which fit on the genome, and where their centres lie in its array."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.regions import centers, inside

__all__ = ["global_centers", "within_chromosomes"]

log = logging.getLogger("bpflow")


def within_chromosomes(frame: pd.DataFrame, genome: Genome, width: int, *, where: str) -> pd.DataFrame:
    """Drop regions whose window of `width` reaches past a chromosome's end, and say how many those are."""
    fits = inside(frame, genome.sizes, width)
    if not fits.all():
        log.warning(
            "%s: left out %d of %d regions whose window of %d bases reaches past their chromosome's end",
            where, int((~fits).sum()), len(frame), width,
        )  # fmt: skip
    return frame[fits].reset_index(drop=True)


def global_centers(frame: pd.DataFrame, genome: Genome, width: int, *, where: str) -> np.ndarray:
    """Centres in the genome's array, (N,) int64.

    Raises
    ------
    InputError
        A window of `width` around a centre reaches past its chromosome's end: the region is named.
    """
    fits = inside(frame, genome.sizes, width)
    if not fits.all():
        row = frame.iloc[int(np.flatnonzero(~fits)[0])]
        raise InputError(
            f"the window of {width} bases around {row['chrom']}:{row['start'] + row['summit']} reaches past the "
            "chromosome's end",
            where=where,
            expected="regions chosen by 'bpflow select' with the same lengths and jitter",
            mend="Run 'bpflow select' with these lengths and this jitter, or give a smaller --jitter",
        )
    return genome.global_positions(frame["chrom"].to_numpy(), centers(frame))
