"""Verdicts on metrics: shares of the way from floor to ceiling for what data can tell, the official rule where none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from bpflow.verdicts import OFFICIAL_ADVICE, OWN_ADVICE, verdict

__all__ = ["MODEL_NAMES", "verdicts"]

# With a lower ceiling of r, more of the differences between peaks is noise than signal.
LEAST_CEILING = math.sqrt(0.5)
# A share whose standard error is larger could as well stand on the other side of its threshold.
LARGEST_ERROR = 0.15

# What models are called, by what `bpflow train` calls them.
MODEL_NAMES = {"chrombpnet": "ChromBPNet", "bpnet": "BPNet", "procapnet": "ProCapNet"}

Yardsticks = Mapping[str, Mapping[str, Mapping[str, Any]]]


def verdicts(yardsticks: Yardsticks, model_kind: str, task: str = "") -> list[dict[str, Any]]:
    """Verdicts on a model, from :func:`bpflow.yardsticks.yardsticks` of each group.

    Parameters
    ----------
    yardsticks
        Of each group of regions.
    model_kind
        ``"bias"``, or one of :data:`MODEL_NAMES`.
    task
        Which task of a model of several was predicted.
    """
    peaks, nonpeaks = yardsticks.get("peaks"), yardsticks.get("nonpeaks")
    if model_kind == "bias":
        in_peaks = [_bias_counts_peaks(peaks)] if peaks else []
        return [*in_peaks, *([_bias_counts_nonpeaks(nonpeaks), _bias_profile_nonpeaks(nonpeaks)] if nonpeaks else [])]
    whose = f"{MODEL_NAMES[model_kind]}{f' ({task})' if task else ''}"
    words = OF_CUTS if model_kind == "chrombpnet" else OF_STRANDS
    return [_counts_peaks(peaks, whose), _profile_peaks(peaks, whose, words)] if peaks else []


def _told_share(yardstick: Mapping[str, Any]) -> float:
    """The share, NaN where the data do not tell it."""
    return yardstick["share"] if yardstick["standard_error"] <= LARGEST_ERROR else math.nan


def _counts_peaks(metrics: Mapping[str, Mapping[str, Any]], whose: str) -> dict[str, Any]:
    counts = metrics["pearsonr"]
    return verdict(
        "counts_peaks",
        f"Counts of {whose} in peaks (share of the Pearson r that noise allows)",
        _told_share(counts) if counts["ceiling"] >= LEAST_CEILING else math.nan,
        good=0.5,
        check=0.3,
        threshold="above 0.5; from 0.3 to 0.5 needs a look",
        source=f"{OFFICIAL_ADVICE}, for data without noise",
        advice=(
            "The model predicts how many reads unseen peaks have.",
            "The model predicts the reads of peaks only in part: check the number of peaks and the depth, "
            "and whether training stopped early.",
            "The model does not predict the reads of peaks: check peaks, depth and the signal (an enzyme's shift, or "
            "strands) before interpreting anything.",
        ),
        unknown="The data do not tell: peaks are too few, or two halves of the insertions differ too much in them. "
        "Sequence deeper, pool replicates, or keep to the strongest peaks.",
    )


class _Words(NamedTuple):
    """What is said of profiles: for good, check and fail, and where the data do not tell."""

    advice: tuple[str, str, str]
    unknown: str


OF_CUTS = _Words(
    (
        "The model predicts where unseen peaks are cut.",
        "The model predicts where peaks are cut only in part: check whether training stopped early, and whether "
        "the bias model predicts non-peaks.",
        "The model predicts where peaks are cut hardly better than the average peak does: check the enzyme shift "
        "(a wrong one by even a base blurs profiles), the bias model and the depth before interpreting anything.",
    ),
    "The data do not tell: peaks are too few or too shallow for two halves of the insertions to agree on "
    "where they are cut. Sequence deeper, pool replicates, or keep to the strongest peaks.",
)
OF_STRANDS = _Words(
    (
        "The model predicts where reads begin in unseen peaks.",
        "The model predicts where reads begin only in part: check whether training stopped early.",
        "The model predicts where reads begin hardly better than the average peak does: check strands, peaks and "
        "depth before interpreting anything.",
    ),
    "The data do not tell: peaks are too few or too shallow for two halves of the reads to agree on where "
    "they begin. Sequence deeper, pool replicates, or keep to the strongest peaks.",
)


def _profile_peaks(metrics: Mapping[str, Mapping[str, Any]], whose: str, words: _Words) -> dict[str, Any]:
    return verdict(
        "profile_peaks",
        f"Profiles of {whose} in peaks (share of the way from the average profile to one without noise)",
        _told_share(metrics["median_jsd"]),
        good=0.5,
        check=0.3,
        threshold="above 0.5; from 0.3 to 0.5 needs a look",
        source=OWN_ADVICE,
        advice=words.advice,
        unknown=words.unknown,
    )


def _bias_counts_peaks(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return verdict(
        "bias_counts_peaks",
        "Counts of the bias model in peaks (Pearson r)",
        metrics["pearsonr"]["value"],
        good=-0.3,
        check=-0.5,
        threshold="above -0.3; from -0.5 to -0.3 needs a look",
        source=OFFICIAL_ADVICE,
        advice=(
            "The bias model does not oppose accessibility.",
            "Look for GC-rich motifs among what the bias model learned; if there are, choose bias regions "
            "with fewer insertions (a lower threshold factor).",
            "The bias model has captured AT-rich or inaccessible sequence: raise the threshold factor of "
            "the bias regions, or take a bias model of another sample of the same protocol.",
        ),
    )


def _bias_counts_nonpeaks(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return verdict(
        "bias_counts_nonpeaks",
        "Counts of the bias model in non-peaks (Pearson r)",
        metrics["pearsonr"]["value"],
        good=0.0,
        check=-0.2,
        threshold="above 0",
        source=OFFICIAL_ADVICE,
        advice=(
            "The bias model predicts the depth of background regions.",
            "The bias model does not predict the depth of background regions; with little depth there this "
            "is common. Its profile matters more than its counts.",
            "The bias model's counts run against the background it was trained on: check that the "
            "non-peaks exclude peaks and artefacts, and train it again.",
        ),
    )


def _bias_profile_nonpeaks(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return verdict(
        "bias_profile_nonpeaks",
        "Profiles of the bias model in non-peaks (share of the way from the average profile to one without noise)",
        _told_share(metrics["median_jsd"]),
        good=0.3,
        check=0.1,
        threshold="above 0.3; from 0.1 to 0.3 needs a look",
        source=OWN_ADVICE,
        advice=(
            "The bias model predicts where background regions are cut.",
            "The bias model predicts where background regions are cut only in part: give it more of them (a higher "
            "threshold factor), or take one of a deeper sample of the same protocol.",
            "The bias model has not learned the enzyme's preference: check the enzyme shift and that the non-peaks "
            "exclude peaks, raise the threshold factor, or take one of a deeper sample of the same protocol.",
        ),
        unknown="The data do not tell: non-peaks are too few or too shallow for two halves of the insertions to agree "
        "on where they are cut. Look at the motifs the bias model has learned, raise the threshold factor, or take a "
        "bias model of a deeper sample of the same protocol.",
    )
