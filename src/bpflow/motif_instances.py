"""Where motifs occur: FIMO (Grant et al. 2011), as memelite computes it, where bases contribute.

A match counts only among the bases that contribute most, so that a word that resembles a motif but means nothing to the
model is no instance. What is scanned is the sequence itself and not what a mask would leave of it: FIMO lets an unknown
base score 0, which is above a sharp motif's threshold, so that windows of masked bases would match. finemo, which fits
contributions with all motifs at once, reads the same files; on a CPU it takes hundreds of times longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bpflow.motif_discovery import Pattern

__all__ = ["COLUMNS", "find_instances", "place_instances", "strong_bases"]

COLUMNS = ["row", "pattern", "start", "end", "strand", "score", "p", "contribution"]
# The share of bases that are weak, and the width over which contributions are summed to decide.
WEAK_SHARE = 0.9
SMOOTHED = 9
LARGEST_P = 1e-4
# An instance contributes at least this share of what the pattern's own do on average.
LEAST_SHARE = 0.3


def strong_bases(contributions: np.ndarray) -> np.ndarray:
    """Which bases (N, L) are among the tenth of all around which most is contributed in sum, whatever the sign.

    Parameters
    ----------
    contributions
        (N, L) of the bases that are there.
    """
    sums = _totals(np.pad(np.abs(contributions), ((0, 0), (SMOOTHED // 2, SMOOTHED // 2))))
    smoothed = sums[:, SMOOTHED:] - sums[:, :-SMOOTHED]
    return smoothed >= np.quantile(smoothed, WEAK_SHARE)


def find_instances(one_hot: np.ndarray, hypothetical: np.ndarray, patterns: Sequence[Pattern]) -> pd.DataFrame:
    """Instances of patterns' cores.

    An instance matches the pattern's frequencies with a p-value of 1e-4 or less, has bases among those that contribute
    most and none that are unknown, and contributes, in sum, 30 % or more of what the pattern's own instances do on
    average. Of overlapping instances of one pattern the one with the higher
    score is kept.

    Parameters
    ----------
    one_hot, hypothetical
        (N, 4, L) sequences, and what each base would contribute.
    patterns
        What to look for.

    Returns
    -------
    DataFrame
        `COLUMNS`: row is the sequence, start and end are 0-based and half-open in it, score is FIMO's log2 odds and
        contribution the sum over the instance. Sorted by row and start.
    """
    if not patterns:
        return pd.DataFrame({name: [] for name in COLUMNS})
    from memelite import fimo

    contributions = (one_hot * hypothetical).sum(axis=1)
    motifs = {pattern.name: pattern.frequencies[pattern.core].T for pattern in patterns}
    hits = pd.concat(fimo(motifs, one_hot, threshold=LARGEST_P), ignore_index=True)
    found = pd.DataFrame(
        {
            "row": hits["sequence_name"].astype(np.int64),
            "pattern": hits["motif_name"].astype(str),
            "start": hits["start"].astype(np.int64),
            "end": hits["end"].astype(np.int64),
            "strand": hits["strand"].astype(str),
            "score": hits["score"].astype(float),
            "p": hits["p-value"].astype(float),
        }
    )
    row, start, end = (found[name].to_numpy() for name in ("row", "start", "end"))

    def sums(values: np.ndarray) -> np.ndarray:
        totals = _totals(values)
        return totals[row, end] - totals[row, start]

    found["contribution"] = sums(contributions)
    usual = found["pattern"].map({item.name: item.contributions[item.core].sum() for item in patterns}).astype(float)
    kept = (
        (found["contribution"] / usual >= LEAST_SHARE)
        & (sums(strong_bases(contributions)) > 0)
        & (sums(one_hot.sum(axis=1)) == end - start)
    )
    return _without_overlaps(found[kept])


def place_instances(
    instances: pd.DataFrame, coordinates: Mapping[str, np.ndarray], width: int, names: Mapping[str, str]
) -> pd.DataFrame:
    """Instances on the genome, sorted, those of overlapping regions once.

    Parameters
    ----------
    instances
        Of :func:`find_instances`.
    coordinates
        ``chrom`` (N,) and ``center`` (N,) of the sequences, 0-based.
    width
        Bases of a sequence around its centre.
    names
        What to call each pattern.

    Returns
    -------
    DataFrame
        BED columns chrom, start, end, name, score (-100 log10 p, at most 1000) and strand; then pattern, log2_odds, p
        and contribution.
    """
    rows = instances["row"].to_numpy(dtype=np.int64)
    offset = coordinates["center"][rows] - width // 2
    score = np.minimum(-100 * np.log10(np.maximum(instances["p"].to_numpy(dtype=float), 1e-300)), 1000)
    table = pd.DataFrame(
        {
            "chrom": coordinates["chrom"][rows],
            "start": instances["start"].to_numpy(dtype=np.int64) + offset,
            "end": instances["end"].to_numpy(dtype=np.int64) + offset,
            "name": instances["pattern"].map(names).to_numpy(dtype=object),
            "score": score.round().astype(np.int64),
            "strand": instances["strand"].to_numpy(dtype=object),
            "pattern": instances["pattern"].to_numpy(dtype=object),
            "log2_odds": instances["score"].to_numpy(dtype=float),
            "p": instances["p"].to_numpy(dtype=float),
            "contribution": instances["contribution"].to_numpy(dtype=float),
        }
    )
    place = ["chrom", "start", "end", "strand", "pattern"]
    strongest = table.loc[table["contribution"].abs().sort_values(ascending=False, kind="stable").index]
    return strongest.drop_duplicates(place).sort_values(place, ignore_index=True)


def _totals(values: np.ndarray) -> np.ndarray:
    """Running sums (N, L + 1) along each row, from 0."""
    return np.pad(np.cumsum(values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))


def _without_overlaps(found: pd.DataFrame) -> pd.DataFrame:
    """Of instances of one pattern that overlap, keep those with the highest score."""
    best_first = found.sort_values("score", ascending=False, kind="stable")
    kept: dict[tuple[int, str], list[tuple[int, int]]] = {}
    chosen = []
    columns = (best_first[name].tolist() for name in ("row", "pattern", "start", "end"))
    for row, pattern, start, end in zip(*columns, strict=True):
        taken = kept.setdefault((row, pattern), [])
        free = all(end <= other_start or start >= other_end for other_start, other_end in taken)
        if free:
            taken.append((start, end))
        chosen.append(free)
    return best_first.loc[np.array(chosen, dtype=bool), COLUMNS].sort_values(
        ["row", "start", "pattern"], ignore_index=True
    )
