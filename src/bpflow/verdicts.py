"""Verdicts: a number, the threshold it was held against, who set that threshold, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["GRADES", "OFFICIAL_ADVICE", "OWN_ADVICE", "STAGES", "stage_of", "verdict"]

OFFICIAL_ADVICE = "kundajelab/chrombpnet report advice"
OWN_ADVICE = "bpflow"

# From best to worst.
GRADES = ("good", "check", "fail")

# What is judged, by the stage of a run that judges it; a key stays the same whatever the words beside it become.
STAGES: dict[str, tuple[str, ...]] = {
    "inputs": ("shift", "depth", "folds", "nonpeaks"),
    "bias": (
        "bias_counts_peaks",
        "bias_counts_nonpeaks",
        "bias_profile_nonpeaks",
        "bias_motifs_counts",
        "bias_motifs_profile",
    ),
    "model": ("counts_peaks", "profile_peaks", "bias_response", "tracks"),
    "interpretation": ("additivity_counts", "additivity_profile", "motifs_counts", "motifs_profile"),
    "truth": (
        "truth_motifs",
        "truth_enzyme",
        "truth_profile",
        "truth_starts",
        "truth_counts",
        "truth_bins",
        "truth_places",
    ),
}


def stage_of(key: str) -> str:
    """The stage that judges `key`."""
    return next(stage for stage, keys in STAGES.items() if key in keys)


def verdict(
    key: str,
    name: str,
    value: float,
    *,
    good: float,
    check: float,
    threshold: str,
    source: str,
    advice: Sequence[str],
    lower_is_better: bool = False,
    unknown: str = "It could not be computed: there are too few regions, or they are all alike.",
) -> dict[str, Any]:
    """Judge one number.

    Parameters
    ----------
    key
        What is judged, one of those in ``STAGES``.
    name
        The same in words.
    value
        The number; NaN (it could not be computed) is a ``"check"``.
    good, check
        The value must be beyond `good` for ``"good"``, and beyond `check` for ``"check"``; else it is ``"fail"``.
    threshold
        The rule in words.
    source
        Who set the threshold.
    advice
        What to do: for good, for check and for fail.
    lower_is_better
        Whether "beyond" means below.
    unknown
        What to do where the number could not be computed.

    Returns
    -------
    dict
        Keys key, name, value, threshold, verdict, source and advice.
    """
    sign = -1.0 if lower_is_better else 1.0
    value = float(value)
    if math.isnan(value):
        grade, text = "check", unknown
    else:
        grade = "good" if sign * value > sign * good else "check" if sign * value > sign * check else "fail"
        text = advice[GRADES.index(grade)]
    return {
        "key": key,
        "name": name,
        "value": None if math.isnan(value) else float(np.format_float_positional(value, 6, fractional=False)),
        "threshold": threshold,
        "verdict": grade,
        "source": source,
        "advice": text,
    }
