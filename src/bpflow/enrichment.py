"""How the insertions lie about the peaks: how many around each, how much denser than elsewhere, and whether they do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bpflow.genome import OTHER_BASE, Genome
from bpflow.regions import centers
from bpflow.signal import SignalTrack
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["WINDOW", "depth_verdict", "enrichment", "insertions_in", "reachable_r", "window_insertions"]

# Insertions are counted over as many bases as the models predict by default.
WINDOW = 1000


def window_insertions(track: SignalTrack, genome: Genome, peaks: pd.DataFrame, width: int) -> dict[str, Any]:
    """Insertions in the window of `width` bases around each peak's centre.

    Returns
    -------
    dict
        width, median, deciles (11 numbers, from the least to the most) and reachable_r (None if it cannot be told).
    """
    starts = genome.global_positions(peaks["chrom"].to_numpy(), centers(peaks) - width // 2)
    counts = track.sums(starts, width)
    return {
        "width": width,
        "median": float(np.median(counts)),
        "deciles": np.quantile(counts, np.linspace(0, 1, 11)),
        "reachable_r": reachable_r(counts),
    }


def reachable_r(counts: np.ndarray) -> float | None:
    """Pearson r between ln(1 + counts) and a prediction without any error, when counts have Poisson noise.

    For a Poisson count N of mean m, ln(1 + N) has a variance of about m / (1 + m)^2 (delta method). With N in the place
    of m, the share of the variance V of ln(1 + N) over regions that is no noise is 1 - mean(N / (1 + N)^2) / V, and r
    is its square root; for means below 10 it is too high by up to 0.04.

    Parameters
    ----------
    counts
        (N,) insertions of regions.

    Returns
    -------
    float
        0 to 1; None if all regions have the same count.
    """
    variance = float(np.log1p(counts).var())
    noise = float(np.mean(counts / (1 + counts) ** 2))
    return max(0.0, 1 - noise / variance) ** 0.5 if variance else None


def enrichment(
    track: SignalTrack, genome: Genome, peaks: pd.DataFrame, excluded: pd.DataFrame | None
) -> dict[str, float | None]:
    """Density of insertions in the peaks against that outside of peaks and blacklist, unknown bases left out.

    Parameters
    ----------
    track, genome
        The insertions, and what they lie on.
    peaks
        Intervals whose union is the peaks.
    excluded
        The blacklist.

    Returns
    -------
    dict
        per_kb_in_peaks and per_kb_outside, insertions in 1000 bases, and fold, the first over the second; None where
        there is nothing to divide by.
    """
    left_out = peaks if excluded is None else pd.concat([peaks, excluded])[["chrom", "start", "end"]]
    inside = _density(insertions_in(track, genome, peaks), _known_bases(genome, peaks))
    outside = _density(
        track.total - insertions_in(track, genome, left_out),
        sum(genome.acgt.values()) - _known_bases(genome, left_out),
    )
    fold = inside / outside if inside is not None and outside else None
    return {"per_kb_in_peaks": inside, "per_kb_outside": outside, "fold": fold}


def _density(insertions: int, bases: int) -> float | None:
    return 1000 * insertions / bases if bases else None


def insertions_in(track: SignalTrack, genome: Genome, intervals: pd.DataFrame) -> int:
    """Insertions in the union of intervals; those off the genome's chromosomes are passed over."""
    return int(track.sums(*_union(genome, intervals)).sum())


def _known_bases(genome: Genome, intervals: pd.DataFrame) -> int:
    """Number of A, C, G and T in the union of intervals."""
    starts, lengths = _union(genome, intervals)
    pieces = zip(starts.tolist(), (starts + lengths).tolist(), strict=True)
    return sum(int(np.count_nonzero(genome.array[start:end] < OTHER_BASE)) for start, end in pieces)


def _union(genome: Genome, intervals: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Starts in the genome's array and lengths of pieces that do not overlap and make up the union of intervals."""
    known = intervals[intervals["chrom"].isin(genome.sizes)]
    names = known["chrom"].to_numpy()
    size = known["chrom"].map(genome.sizes).to_numpy(dtype=np.int64)
    starts = genome.global_positions(names, known["start"].to_numpy())
    ends = genome.global_positions(names, np.minimum(known["end"].to_numpy(), size))
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    # What an interval before reached is counted already.
    reached = np.maximum.accumulate(np.concatenate([[0], ends]))[:-1]
    starts = np.maximum(starts, reached)
    new = ends > starts
    return starts[new], (ends - starts)[new]


def depth_verdict(median: float, width: int) -> dict[str, Any]:
    """Judge the median number of insertions in the windows of `width` bases around the peaks.

    Poisson noise alone moves ln(1 + count) by 1/sqrt(count): 0.14 at 50 insertions and 0.32 at 10, so that between
    peaks whose true log counts spread by 0.7 a prediction without error reaches r = 0.98 and 0.91. That is also about
    what 25 million reads (recommended to users of the official program, for human) and 5 million (said to work there)
    give, with 40 % of them near 200,000 peaks.
    """
    return verdict(
        "depth",
        f"Insertions around the median peak ({width} bp)",
        median,
        good=50,
        check=10,
        threshold="above 50, where Poisson noise of the log counts is below 0.14; down to 10 (0.32) needs a look",
        source=f"{OWN_ADVICE}: count noise; about 25 and 5 million reads in human, as advised for the official program",
        advice=(
            "There are enough insertions around the peaks to learn counts and profiles.",
            "The sample is shallow: counts and profiles are noisy, so metrics will be lower. Pool replicates or like "
            "cells if you can.",
            "There are too few reads: a model would learn noise. Sequence deeper, pool replicates or like cells, or "
            "take fewer and stronger peaks (peaks.max, peaks.p_value).",
        ),
    )
