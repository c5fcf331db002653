"""Non-peaks: background windows matched to the peaks by GC content, within each of a fold's splits."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.files import stamp, write_json
from bpflow.folds import SPLITS, Fold
from bpflow.genome import Genome
from bpflow.regions import (
    centers,
    from_centers,
    inside,
    read_intervals,
    read_regions,
    rows_by_chromosome,
    touched,
    write_regions,
)
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["candidates", "gc_content", "gc_distance", "make_nonpeaks", "match_histogram"]

log = logging.getLogger("bpflow")

# GC is compared in hundredths, as in the official program.
GC_BINS = 101
# A partner may differ by this much in GC; beyond it a peak stays without.
LARGEST_GC_DIFFERENCE = 0.1
# Bases whose running sum is made at once: it stays in the cache.
GC_BLOCK = 1 << 18


@dataclass(frozen=True)
class Match:
    """Candidates chosen for one split, and how the peaks fared.

    Attributes
    ----------
    chosen
        Row numbers of the chosen candidates.
    wanted
        Partners wanted: peaks times ratio.
    moved
        Partners that differ from their peak in GC by at least 0.01.
    unmatched
        Partners not found.
    """

    chosen: np.ndarray
    wanted: int
    moved: int
    unmatched: int


def make_nonpeaks(
    peaks: str | os.PathLike[str],
    fold: Fold,
    genome: Genome,
    *,
    output: str | os.PathLike[str],
    qc: str | os.PathLike[str],
    fold_name: str,
    blacklist: str | os.PathLike[str] | None = None,
    input_length: int = 2114,
    stride: int = 1000,
    ratio: int = 2,
    seed: int = 1234,
) -> None:
    """Choose non-peaks for one fold and write them as narrowPeak, with their record.

    Candidates are windows of `input_length` every `stride` bases that touch neither a peak nor the blacklist, both
    widened by half a window (rule of the official program). In the training and validation splits each peak gets
    `ratio` partners, in the test split one; no candidate is used twice.

    Parameters
    ----------
    peaks
        The sample's peaks.
    fold
        Chromosomes of the splits.
    genome
        The genome.
    output, qc
        narrowPeak in genome order; JSON with the GC histograms and the numbers matched.
    fold_name
        Name of the fold in the record.
    blacklist
        BED of regions to avoid.
    input_length, stride
        Width of a window and distance between candidates, in bases.
    ratio
        Partners a peak in training and validation.
    seed
        For the choice among candidates of equal GC.

    Raises
    ------
    InputError
        A split has peaks but no candidate at all, or no peaks.
    """
    frame = read_regions(peaks, genome)
    excluded = [frame[["chrom", "start", "end"]]]
    if blacklist:
        excluded.append(read_intervals(blacklist))
    pool, windows = candidates(genome, pd.concat(excluded), input_length, stride)
    pool_gc = gc_content(genome, pool, input_length)
    frame = frame[inside(frame, genome.sizes, input_length)]
    starts = genome.global_positions(frame["chrom"].to_numpy(), centers(frame) - input_length // 2)
    all_peak_gc = gc_content(genome, starts, input_length)
    rng = np.random.default_rng(seed)
    chosen, splits, messages = [], {}, []
    for split in SPLITS:
        names = fold.split(split)
        peak_gc = all_peak_gc[frame["chrom"].isin(names).to_numpy()]
        rows = _rows_on(genome, pool, names)
        if not len(peak_gc):
            raise InputError(
                f"no peaks on the {split} chromosomes ({', '.join(names)})",
                where=str(peaks),
                expected="peaks in each split of the fold",
                mend="Change the folds, or lower folds.n",
            )
        match = match_histogram(peak_gc, pool_gc[rows], ratio if split != "test" else 1, rng)
        if not len(match.chosen):
            raise InputError(
                f"no background window is left on the {split} chromosomes",
                where=str(peaks),
                expected=f"windows of {input_length} bases that touch no peak",
                mend="Lower nonpeaks.stride or the number of peaks (peaks.max)",
            )
        chosen.append(rows[match.chosen])
        splits[split] = {
            "peaks": len(peak_gc),
            "wanted": match.wanted,
            "matched": len(match.chosen),
            "unmatched": match.unmatched,
            "moved": match.moved,
            "candidates": len(rows),
            "gc_distance": gc_distance(peak_gc, pool_gc[rows[match.chosen]]),
        }
        if match.unmatched:
            messages.append(
                f"{split}: {match.unmatched} of {match.wanted} wanted non-peaks were not found: all {len(rows)} "
                f"candidates within {LARGEST_GC_DIFFERENCE} in GC are used. A smaller nonpeaks.stride gives more."
            )
    picked = np.sort(np.concatenate(chosen))
    places = pool[picked]
    number = np.searchsorted(list(genome.offsets.values()), places, side="right") - 1
    offset = np.array(list(genome.offsets.values()), dtype=np.int64)[number]
    middle = places - offset + input_length // 2
    write_regions(from_centers(np.array(genome.names, dtype=object)[number], middle, input_length), output)
    for message in messages:
        log.warning("%s", message)
    log.info("%d non-peaks chosen of %d candidates", len(picked), len(pool))
    used = frame["chrom"].isin(fold.chromosomes).to_numpy()
    write_json(
        qc,
        stamp(
            "nonpeaks",
            fold=fold_name,
            candidates=len(pool),
            excluded=windows - len(pool),
            wanted=sum(split["wanted"] for split in splits.values()),
            matched=len(picked),
            unmatched=sum(split["unmatched"] for split in splits.values()),
            splits=splits,
            gc=_histograms(all_peak_gc[used], pool_gc[picked], pool_gc),
            stride=stride,
            ratio=ratio,
            seed=seed,
            verdicts=_verdicts(splits),
            messages=messages,
        ),
    )


def candidates(genome: Genome, excluded: pd.DataFrame, width: int, stride: int) -> tuple[np.ndarray, int]:
    """Lay windows every `stride` bases, strictly inside their chromosome, and drop those near excluded intervals.

    Returns
    -------
    starts, windows
        Sorted starts in the genome's array, (N,) int64, of the windows that touch no interval widened by half a
        window, and how many windows there were before the exclusion.
    """
    rows_on = rows_by_chromosome(excluded["chrom"])
    left, right = excluded["start"].to_numpy(dtype=np.int64), excluded["end"].to_numpy(dtype=np.int64)
    parts, windows = [], 0
    for name in genome.names:
        starts = np.arange(0, max(genome.sizes[name] - width, 0), stride)
        windows += len(starts)
        near = rows_on.get(name, np.zeros(0, dtype=np.int64))
        hit = touched(starts, starts + width, left[near], right[near], margin=width // 2)
        parts.append(starts[~hit] + genome.offsets[name])
    return np.concatenate(parts), windows


def gc_content(genome: Genome, starts: np.ndarray, width: int) -> np.ndarray:
    """Share of C and G in windows, in hundredths (N counts as neither), (N,) int8.

    Parameters
    ----------
    starts
        (N,) starts in the genome's array.
    width
        Bases of a window.
    """
    order = np.argsort(starts, kind="stable")
    inside_blocks = np.searchsorted(starts, np.arange(0, genome.array.size + GC_BLOCK, GC_BLOCK), sorter=order)
    result = np.zeros(len(starts), dtype=np.int8)
    for first, last in itertools.pairwise(inside_blocks.tolist()):
        if first == last:
            continue
        rows = order[first:last]
        part = starts[rows]
        # A running sum over the stretch that the windows span: two look-ups a window, whatever its width.
        codes = np.asarray(genome.array[part[0] : part[-1] + width])
        running = np.zeros(len(codes) + 1, dtype=np.int32)
        np.cumsum((codes == 1) | (codes == 2), out=running[1:], dtype=np.int32)
        part = part - part[0]
        result[rows] = np.round((running[part + width] - running[part]) / width * 100)
    return result


def _rows_on(genome: Genome, starts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Row numbers of the sorted windows on some of the chromosomes."""
    wanted = [name for name in genome.names if name in names]
    bounds = [
        np.searchsorted(starts, [genome.offsets[name], genome.offsets[name] + genome.sizes[name]]) for name in wanted
    ]
    return np.concatenate([np.arange(first, last) for first, last in bounds])


def match_histogram(peak_gc: np.ndarray, pool_gc: np.ndarray, ratio: int, rng: np.random.Generator) -> Match:
    """Choose candidates whose GC histogram follows that of the peaks.

    Each bin first serves its own peaks; what is still wanted then goes to the nearest bins that have candidates
    left, one hundredth further at a time, up to :data:`LARGEST_GC_DIFFERENCE`. It ends after that many rounds
    whatever the numbers are.

    Parameters
    ----------
    peak_gc, pool_gc
        GC of peaks and of candidates, in hundredths.
    ratio
        Partners wanted for each peak.
    rng
        Draws among the candidates of a bin.
    """
    wanted = np.bincount(peak_gc, minlength=GC_BINS) * ratio
    supply = np.bincount(pool_gc, minlength=GC_BINS)
    taken = np.minimum(wanted, supply)
    demand, left = wanted - taken, supply - taken
    moved = 0
    for distance in range(1, round(LARGEST_GC_DIFFERENCE * 100) + 1):
        for step in (-distance, distance):
            source = np.arange(max(0, -step), GC_BINS - max(0, step))
            give = np.minimum(demand[source], left[source + step])
            demand[source] -= give
            left[source + step] -= give
            taken[source + step] += give
            moved += int(give.sum())
    order = rng.permutation(len(pool_gc))
    order = order[np.argsort(pool_gc[order], kind="stable")]
    first = np.concatenate([[0], np.cumsum(supply)[:-1]])
    chosen = np.concatenate([order[start : start + n] for start, n in zip(first, taken, strict=True)])
    return Match(chosen=chosen, wanted=int(wanted.sum()), moved=moved, unmatched=int(demand.sum()))


def gc_distance(peak_gc: np.ndarray, nonpeak_gc: np.ndarray) -> float:
    """Largest difference between the cumulative GC distributions of peaks and non-peaks (Kolmogorov-Smirnov), 0 to 1.

    Parameters
    ----------
    peak_gc, nonpeak_gc
        GC of each region, in hundredths.
    """
    below = [np.cumsum(np.bincount(gc, minlength=GC_BINS)) / len(gc) for gc in (peak_gc, nonpeak_gc)]
    return float(np.abs(below[0] - below[1]).max())


def _verdicts(splits: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Whether there are enough non-peaks, and whether GC tells them from the peaks in some split."""
    farthest = max(splits, key=lambda split: splits[split]["gc_distance"])
    matched, wanted = (sum(split[key] for split in splits.values()) for key in ("matched", "wanted"))
    more = (
        "Lower nonpeaks.stride for more candidates, lower nonpeaks.ratio or peaks.max, and check that the blacklist "
        "does not cover the genome."
    )
    return [
        verdict(
            "nonpeaks",
            "Non-peaks found (share of those wanted)",
            matched / wanted,
            good=0.9,
            check=0.5,
            threshold="above 0.9; from 0.5 to 0.9 needs a look",
            source=OWN_ADVICE,
            advice=("The peaks have their partners.", f"Some peaks stay without partners. {more}", more),
        ),
        verdict(
            "nonpeaks",
            "GC of non-peaks against that of peaks (largest difference of cumulative shares in any split)",
            splits[farthest]["gc_distance"],
            good=0.05,
            check=0.1,
            lower_is_better=True,
            threshold="below 0.05; up to 0.1 needs a look",
            source=OWN_ADVICE,
            advice=(
                "GC does not tell peaks from non-peaks.",
                f"Peaks and non-peaks of {farthest} differ a little in GC, which a model may learn. {more}",
                f"Peaks and non-peaks of {farthest} differ in GC, so a bias model learns that and not the enzyme. "
                f"{more}",
            ),
        ),
    ]


def _histograms(peaks: np.ndarray, nonpeaks: np.ndarray, pool: np.ndarray) -> dict[str, Any]:
    return {
        "bins": [i / 100 for i in range(GC_BINS)],
        "peaks": np.bincount(peaks, minlength=GC_BINS),
        "nonpeaks": np.bincount(nonpeaks, minlength=GC_BINS),
        "candidates": np.bincount(pool, minlength=GC_BINS),
    }
