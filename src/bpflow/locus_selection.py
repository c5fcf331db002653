"""Which loci a report shows: those that a user names, and peaks chosen by rank, so that nobody picks fine ones."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.regions import centers, inside, on, read_intervals
from bpflow.signal import SignalTrack

__all__ = ["LONGEST", "PEAK_RULE", "Locus", "quantile_peaks", "read_loci"]

LONGEST = 20_000
PEAK_RULE = (
    "Peaks are ranked by the insertions in the window of {width:,} bp around their summit, ties by their place in the "
    "genome. Of {ranked:,} peaks{where} those at the middles of {number} equal shares of the ranks are shown, none "
    "chosen by hand."
)


class Locus(NamedTuple):
    """A stretch of a chromosome, [start, end), 0-based; `quantile` is a peak's by insertions, None of a given locus."""

    name: str
    chrom: str
    start: int
    end: int
    quantile: float | None = None


def read_loci(path: str | os.PathLike[str], genome: Genome) -> list[Locus]:
    """Read loci from a BED, named by its fourth column; one without a name is called by its place.

    Raises
    ------
    InputError
        Names the locus: longer than `LONGEST`, on no chromosome of the genome, past its end; or there is none.
    """
    frame = read_intervals(path)
    if frame.empty:
        raise InputError("no loci", where=str(path), expected="lines of chromosome, start, end and perhaps a name")
    genome.require(frame["chrom"].unique().tolist(), where=str(path))
    loci = []
    for chrom, start, end, name in frame[["chrom", "start", "end", "name"]].itertuples(index=False):
        locus = Locus(_place(chrom, start, end) if name in ("", ".") else name, chrom, int(start), int(end))
        where = f"{path}, {locus.name}"
        if end > genome.sizes[chrom]:
            raise InputError(
                f"the end {end} lies past the last base of {chrom}",
                where=where,
                expected=f"at most {genome.sizes[chrom]}",
                mend="Use loci of the same assembly",
            )
        if end - start > LONGEST:
            raise InputError(
                f"{end - start} bases", where=where, expected=f"at most {LONGEST} bases a locus", mend="Cut it in parts"
            )
        loci.append(locus)
    return loci


def quantile_peaks(
    peaks: pd.DataFrame,
    genome: Genome,
    signal: SignalTrack,
    number: int,
    *,
    input_length: int,
    output_length: int,
    chromosomes: Collection[str] = (),
) -> tuple[list[Locus], int]:
    """Peaks at the quantiles (k + 1/2) / number of the insertions in their output windows.

    Parameters
    ----------
    peaks
        Regions as of :func:`bpflow.regions.read_regions`.
    genome, signal
        What they are regions of, and the insertions that rank them.
    number
        How many to choose; fewer where there are fewer peaks.
    input_length, output_length
        The models' windows: peaks whose input window reaches past a chromosome's end are left out.
    chromosomes
        Those to choose from; all if empty.

    Returns
    -------
    loci
        The output windows around the summits, by falling insertions.
    ranked
        How many peaks were chosen from.
    """
    frame = on(peaks, chromosomes or genome.names)
    frame = frame[inside(frame, genome.sizes, input_length)]
    number = min(number, len(frame))
    middles = centers(frame)
    starts = genome.global_positions(frame["chrom"].to_numpy(dtype=object), middles) - output_length // 2
    order = np.lexsort((starts, signal.sums(starts, output_length)))
    loci = []
    for share in reversed(range(number)):
        quantile = (share + 0.5) / number
        row = order[int(quantile * len(order))]
        chrom, middle = frame["chrom"].iloc[row], int(middles[row])
        start, end = middle - output_length // 2, middle + output_length // 2
        loci.append(Locus(_place(chrom, start, end), chrom, start, end, quantile))
    return loci, len(frame)


def _place(chrom: str, start: int, end: int) -> str:
    """A locus as readers of a genome browser write it, from base 1."""
    return f"{chrom}:{start + 1}-{end}"
