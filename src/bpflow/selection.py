"""Which regions a model trains on, and how much its count loss weighs: the rules of the official program.

Counts are insertions in the output window around a region's centre. The rules and constants are those of chrombpnet
1.0.1 (``find_bias_hyperparams`` and ``find_chrombpnet_hyperparams``); where they would leave nothing to train on, a
fallback is taken and stated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.files import stamp
from bpflow.folds import SPLITS, Fold
from bpflow.genome import Genome
from bpflow.regions import centers, inside, on
from bpflow.signal import SignalTrack

__all__ = ["Selection", "Windows", "select_for_bias", "select_for_chrombpnet"]

log = logging.getLogger("bpflow")

PEAK_QUANTILE = 0.01
COUNT_LOSS_DIVISOR = 10
# The official program draws the non-peaks that it keeps with this fixed seed.
DOWNSAMPLING_SEED = 1


@dataclass(frozen=True)
class Windows:
    """Lengths in bases: the model's input, its output (where counts are taken), and the largest jitter of peaks."""

    input_length: int = 2114
    output_length: int = 1000
    jitter: int = 500


@dataclass
class Selection:
    """Regions chosen for a model, and the record of how.

    Attributes
    ----------
    peaks, nonpeaks
        Regions of all three splits.
    scaling_nonpeaks
        Non-peaks on which the bias model is scaled (ChromBPNet only).
    record
        For the JSON: thresholds, count range, loss weight, numbers kept and removed, messages.
    """

    peaks: pd.DataFrame
    nonpeaks: pd.DataFrame
    record: dict[str, Any]
    scaling_nonpeaks: pd.DataFrame = field(default_factory=pd.DataFrame)


def select_for_bias(
    peaks: pd.DataFrame,
    nonpeaks: pd.DataFrame,
    fold: Fold,
    genome: Genome,
    track: SignalTrack,
    *,
    windows: Windows,
    threshold_factor: float,
    outlier_quantile: float = 0.9999,
) -> Selection:
    """Choose the non-peaks that a bias model learns from: those with fewer insertions than any real peak.

    The threshold is `threshold_factor` times the 1 % quantile of the counts of training and validation peaks.
    Training and validation non-peaks below it are kept if they lie strictly within the quantiles
    1 - `outlier_quantile` and `outlier_quantile` of their counts; test non-peaks are not filtered by count.

    Raises
    ------
    InputError
        A split without regions, or non-peaks without a single insertion.
    """
    fitting = fold.train + fold.valid
    inside_peaks, edge_peaks = _away_from_edges(peaks, genome, windows.input_length)
    inside_nonpeaks, edge_nonpeaks = _away_from_edges(nonpeaks, genome, windows.input_length)
    fit_peaks, fit_nonpeaks = on(inside_peaks, fitting), on(inside_nonpeaks, fitting)
    _require_regions(fit_peaks, "peaks", "train and valid")
    _require_regions(fit_nonpeaks, "non-peaks", "train and valid")
    peak_counts = _counts(fit_peaks, genome, track, windows)
    counts = _counts(fit_nonpeaks, genome, track, windows)
    if not counts.any():
        raise InputError(
            "none of the non-peaks holds a single insertion",
            where="training and validation non-peaks",
            expected="background insertions to learn the enzyme's bias from",
            mend="Use deeper data, or give a bias model of the same enzyme (bias_model in the sample sheet)",
        )
    in_split = [fit_nonpeaks["chrom"].isin(names).to_numpy() for names in (fold.train, fold.valid)]
    quantile = float(np.quantile(peak_counts, PEAK_QUANTILE))
    threshold, fallback = threshold_factor * quantile, None
    lowest = [counts[rows & (counts > 0)].min(initial=np.iinfo(counts.dtype).max) for rows in in_split]
    if threshold <= max(lowest) < np.iinfo(counts.dtype).max:
        threshold = float(max(threshold_factor * np.median(peak_counts), max(lowest) + 1))
        fallback = (
            f"The official threshold ({threshold_factor:g} x the 1 % quantile of peak counts, {quantile:g}) leaves no "
            f"non-peak with an insertion in training or validation; {threshold:g} was used instead "
            f"({threshold_factor:g} x the median of peak counts, or just above the emptiest non-peaks that have any)."
        )
    below = counts < threshold
    kept, count_range, unfiltered = _within_quantiles(
        counts,
        counts[below],
        outlier_quantile,
        enough=lambda kept: all((kept & below & rows).any() for rows in in_split),
    )
    kept &= below
    if unfiltered:
        fallback = _join(fallback, _outliers_kept(count_range))
    weight, warnings = _count_loss_weight(counts[kept])
    test = on(inside_nonpeaks, fold.test)
    selected = pd.concat([fit_nonpeaks[kept], test], ignore_index=True)
    record = stamp(
        "select",
        model="bias",
        threshold=threshold,
        threshold_factor=threshold_factor,
        peak_quantile_1pct=quantile,
        count_range=count_range,
        counts_loss_weight=weight,
        regions=_by_split(fold, inside_peaks, selected),
        removed={
            "edge": edge_peaks + edge_nonpeaks,
            "above_threshold": int((~below).sum()),
            "outliers": int((below & ~kept).sum()),
            "downsampled": 0,
        },
        fallback=fallback,
        messages=[text for text in (fallback, *warnings) if text],
    )
    return _checked(Selection(inside_peaks, selected, record), fold, need_peaks=False)


def select_for_chrombpnet(
    peaks: pd.DataFrame,
    nonpeaks: pd.DataFrame,
    fold: Fold,
    genome: Genome,
    track: SignalTrack,
    *,
    windows: Windows,
    negative_ratio: float,
    outlier_quantile: float = 0.9999,
    seed: int = 1234,
) -> Selection:
    """Choose the peaks and non-peaks that a ChromBPNet learns from.

    Training and validation peaks keep `jitter` bases on both sides of their window within the chromosome. Counts of
    these peaks and of a draw of int(`negative_ratio` x peaks) non-peaks give the quantiles 1 - `outlier_quantile` and
    `outlier_quantile`; regions strictly between them are kept, and at most as many non-peaks as peaks. Test regions
    are not filtered by count.

    Raises
    ------
    InputError
        A split without regions.
    """
    fitting = fold.train + fold.valid
    fit_peaks, edge_fit = _away_from_edges(on(peaks, fitting), genome, windows.input_length + 2 * windows.jitter)
    test_peaks, edge_test = _away_from_edges(on(peaks, fold.test), genome, windows.input_length)
    inside_nonpeaks, edge_nonpeaks = _away_from_edges(nonpeaks, genome, windows.input_length)
    fit_nonpeaks = on(inside_nonpeaks, fitting)
    _require_regions(fit_peaks, "peaks", "train and valid")
    peak_counts = _counts(fit_peaks, genome, track, windows)
    nonpeak_counts = _counts(fit_nonpeaks, genome, track, windows)
    drawn = min(int(negative_ratio * len(peak_counts)), len(nonpeak_counts))
    sample = np.random.default_rng(seed).choice(nonpeak_counts, drawn, replace=False)
    pooled = np.concatenate([peak_counts, sample])
    both = np.concatenate([peak_counts, nonpeak_counts])
    rows = pd.concat([fit_peaks["chrom"], fit_nonpeaks["chrom"]])
    in_split = [
        rows.isin(names).to_numpy() & (np.arange(len(rows)) >= first)
        for names in (fold.train, fold.valid)
        for first in (0, len(peak_counts))
    ]
    kept, count_range, unfiltered = _within_quantiles(
        both, pooled, outlier_quantile, enough=lambda kept: all((kept & rows).any() for rows in in_split)
    )
    fallback = _outliers_kept(count_range) if unfiltered else None
    weight, warnings = _count_loss_weight(pooled[(pooled >= count_range[0]) & (pooled <= count_range[1])])
    kept_peaks = fit_peaks[kept[: len(peak_counts)]]
    scaling = fit_nonpeaks[kept[len(peak_counts) :]]
    chosen = scaling
    if len(chosen) > len(kept_peaks):
        chosen = chosen.sample(n=len(kept_peaks), random_state=DOWNSAMPLING_SEED)
    selected_peaks = pd.concat([kept_peaks, test_peaks], ignore_index=True)
    selected_nonpeaks = pd.concat([chosen, on(inside_nonpeaks, fold.test)], ignore_index=True)
    record = stamp(
        "select",
        model="chrombpnet",
        count_range=count_range,
        counts_loss_weight=weight,
        regions=_by_split(fold, selected_peaks, selected_nonpeaks),
        removed={
            "edge": edge_fit + edge_test + edge_nonpeaks,
            "above_threshold": 0,
            "outliers": int((~kept).sum()),
            "downsampled": len(scaling) - len(chosen),
        },
        fallback=fallback,
        seed=seed,
        messages=[text for text in (fallback, *warnings) if text],
    )
    selection = Selection(selected_peaks, selected_nonpeaks, record, scaling.reset_index(drop=True))
    return _checked(selection, fold, need_peaks=True)


def _away_from_edges(frame: pd.DataFrame, genome: Genome, width: int) -> tuple[pd.DataFrame, int]:
    mask = inside(frame, genome.sizes, width)
    return frame[mask].reset_index(drop=True), int((~mask).sum())


def _counts(frame: pd.DataFrame, genome: Genome, track: SignalTrack, windows: Windows) -> np.ndarray:
    starts = genome.global_positions(frame["chrom"].to_numpy(), centers(frame) - windows.output_length // 2)
    return track.sums(starts, windows.output_length)


def _within_quantiles(
    counts: np.ndarray, reference: np.ndarray, q: float, enough: Callable[[np.ndarray], bool]
) -> tuple[np.ndarray, list[float], bool]:
    """Mask of `counts` strictly within the quantiles of `reference`; within all of it where that leaves not enough."""
    if not len(reference):
        return np.zeros(len(counts), dtype=bool), [0.0, 0.0], False
    lower, upper = (float(np.quantile(reference, x)) for x in (1 - q, q))
    kept = (counts > lower) & (counts < upper)
    unfiltered = not enough(kept)
    if unfiltered:
        lower, upper = float(reference.min()), float(reference.max())
        kept = (counts >= lower) & (counts <= upper)
    return kept, [lower, upper], unfiltered


def _outliers_kept(count_range: list[float]) -> str:
    return (
        "The official outlier filter (strictly within the quantiles of the counts) leaves a split without regions; all "
        f"regions with {count_range[0]:g} to {count_range[1]:g} insertions were kept instead."
    )


def _count_loss_weight(counts: np.ndarray) -> tuple[float, list[str]]:
    weight = round(float(np.median(counts)) / COUNT_LOSS_DIVISOR, 2) if len(counts) else 0.0
    if weight >= 1:
        return weight, []
    return 1.0, [
        f"The count loss weight (median count / {COUNT_LOSS_DIVISOR}) is {weight:g}; it was raised to 1, "
        "as the official program does. The data may be too shallow."
    ]


def _by_split(fold: Fold, peaks: pd.DataFrame, nonpeaks: pd.DataFrame) -> dict[str, dict[str, int]]:
    return {
        split: {"peaks": len(on(peaks, fold.split(split))), "nonpeaks": len(on(nonpeaks, fold.split(split)))}
        for split in SPLITS
    }


def _require_regions(frame: pd.DataFrame, what: str, split: str) -> None:
    if frame.empty:
        raise InputError(
            f"no {what} on the {split} chromosomes",
            where="the fold",
            expected=f"{what} whose windows lie within their chromosome and whose counts are no outliers",
            mend="Change the folds, shorten the input window, or use deeper data",
        )


def _checked(selection: Selection, fold: Fold, *, need_peaks: bool) -> Selection:
    for split in ("train", "valid"):
        names = fold.split(split)
        _require_regions(on(selection.nonpeaks, names), "usable non-peaks", split)
        if need_peaks:
            _require_regions(on(selection.peaks, names), "usable peaks", split)
    for message in selection.record["messages"]:
        log.warning("%s", message)
    return selection


def _join(*texts: str | None) -> str:
    return " ".join(text for text in texts if text)
