"""One set of peaks for several samples: their best peaks of one width, none of which overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.files import stamp
from bpflow.genome import Genome
from bpflow.regions import centers, in_genome_order, rows_by_chromosome

__all__ = ["WIDTH", "consensus_peaks"]

#: Width of a consensus peak in bases.
WIDTH = 501


def consensus_peaks(
    peaks: Mapping[str, pd.DataFrame], genome: Genome, *, min_samples: int = 1, width: int = WIDTH
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Join the peaks of samples by iterative removal of overlaps; those of one alone lose their overlaps too.

    Each sample's scores are divided by their sum, so that a deep sample has no more say than a shallow one. The best
    peak of all is kept, what lies within a width of its summit is removed, and so on (Corces et al. 2018,
    doi:10.1126/science.aav1898).

    Parameters
    ----------
    peaks
        Peaks of each sample, see `bpflow.regions.read_regions`.
    genome
        The genome; regions are clipped at its chromosomes' ends.
    min_samples
        In how many samples a peak must be found: a summit within `width` of its own.
    width
        Width of the regions in bases, odd or even.

    Returns
    -------
    frame : DataFrame
        The ten narrowPeak columns, `width` bases around each summit, 0-based, half-open, in the genome's order; the
        signal is the score per million of the sample that had the best one, and ``name`` is that sample.
    record : dict
        How many peaks each sample brought, how many are kept, and in how many samples those are found.

    Raises
    ------
    InputError
        More samples asked for than there are, or no peak found in enough of them.
    """
    if not 1 <= min_samples <= len(peaks):
        raise InputError(
            f"{min_samples} of {len(peaks)} samples",
            where="consensus of peaks, key peak_sets.min_samples",
            expected=f"a number from 1 to {len(peaks)}",
        )
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "chrom": frame["chrom"].to_numpy(),
                    "centre": centers(frame),
                    "score": _per_million(frame),
                    "sample": number,
                }
            )
            for number, frame in enumerate(peaks.values())
        ],
        ignore_index=True,
    )
    # The order in which peaks are chosen; ties are settled by place, not by the order of samples.
    table = table.sort_values(
        ["score", "chrom", "centre", "sample"], ascending=[False, True, True, True], kind="stable"
    )
    table = table.reset_index(drop=True)
    kept, found = [], []
    rows = rows_by_chromosome(table["chrom"])
    for name in genome.names:
        if name in rows:
            mine = table.loc[rows[name]]
            chosen = _choose(mine["centre"].to_numpy(), width)
            kept.append(mine.iloc[chosen])
            found.append(_samples_near(mine, mine["centre"].to_numpy()[chosen], width))
    best = pd.concat(kept) if kept else table[:0]
    samples = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    enough = samples >= min_samples
    if not enough.any():
        raise InputError(
            f"no peak is found in {min_samples} samples",
            where="consensus of peaks",
            expected="samples that share peaks",
            mend="Lower peak_sets.min_samples, or look whether the samples are of one genome",
        )
    names = np.array(list(peaks))
    frame = _regions(best[enough], names, genome, width)
    record = stamp(
        "consensus_peaks",
        width=width,
        min_samples=min_samples,
        samples={name: len(frame) for name, frame in peaks.items()},
        kept=len(frame),
        in_too_few_samples=int((~enough).sum()),
        found_in=np.bincount(samples[enough], minlength=len(names) + 1)[1:].tolist(),
    )
    return frame, record


def _per_million(frame: pd.DataFrame) -> np.ndarray:
    """Scores of one sample's peaks, which sum to a million: of p-values, else of signal, else all alike."""
    for column in ("pvalue", "signal"):
        score = frame[column].to_numpy(dtype=np.float64).clip(min=0)
        if score.any():
            return score / score.sum() * 1e6
    return np.full(len(frame), 1e6 / max(len(frame), 1))


def _choose(middle: np.ndarray, width: int) -> np.ndarray:
    """Rows that a walk from the best to the worst keeps; `middle` are centres, best first.

    In bins of one width there is at most one kept peak a bin, and it reaches no further than the bins beside it. So
    all peaks that are the best of their bin and of both neighbours are kept at once, which is the walk's answer too.
    """
    bins = middle // width + 1
    number = int(bins.max()) + 2
    left = np.arange(len(middle))
    none = len(middle)
    kept = []
    while left.size:
        first = np.full(number, none)
        np.minimum.at(first, bins[left], left)
        around = np.minimum(np.minimum(first[bins[left] - 1], first[bins[left]]), first[bins[left] + 1])
        now = left[around == left]
        kept.append(now)
        place = np.full(number, -2 * width)
        place[bins[now]] = middle[now]
        distance = np.min([np.abs(middle[left] - place[bins[left] + step]) for step in (-1, 0, 1)], axis=0)
        left = left[distance >= width]
    return np.sort(np.concatenate(kept))


def _samples_near(mine: pd.DataFrame, chosen: np.ndarray, width: int) -> np.ndarray:
    """In how many samples each chosen centre has a summit nearer than `width`, (N,)."""
    count = np.zeros(len(chosen), dtype=np.int64)
    for _, group in mine.groupby("sample"):
        other = np.sort(group["centre"].to_numpy())
        first = np.searchsorted(other, chosen - width, side="right")
        count += np.searchsorted(other, chosen + width, side="left") > first
    return count


def _regions(best: pd.DataFrame, names: np.ndarray, genome: Genome, width: int) -> pd.DataFrame:
    sizes = best["chrom"].map(genome.sizes).to_numpy()
    middle = best["centre"].to_numpy()
    start = np.clip(middle - width // 2, 0, None)
    frame = pd.DataFrame(
        {
            "chrom": best["chrom"].to_numpy(),
            "start": start,
            "end": np.minimum(middle - width // 2 + width, sizes),
            "name": names[best["sample"].to_numpy()],
            "score": "0",
            "strand": ".",
            "signal": best["score"].to_numpy(),
            "pvalue": -1.0,
            "qvalue": -1.0,
            "summit": middle - start,
        }
    )
    return in_genome_order(frame, genome)
