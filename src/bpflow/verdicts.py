"""Verdicts: a number, the threshold it was held against, who set that threshold, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["OFFICIAL_ADVICE", "OWN_ADVICE", "verdict"]

OFFICIAL_ADVICE = "kundajelab/chrombpnet report advice"
OWN_ADVICE = "bpflow"


def verdict(
    name: str,
    value: float,
    *,
    good: float,
    check: float,
    threshold: str,
    source: str,
    advice: Sequence[str],
    lower_is_better: bool = False,
) -> dict[str, Any]:
    """Judge one number.

    Parameters
    ----------
    name
        What is judged, in words.
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

    Returns
    -------
    dict
        Keys name, value, threshold, verdict, source and advice.
    """
    sign = -1.0 if lower_is_better else 1.0
    value = float(value)
    if math.isnan(value):
        grade, text = "check", "It could not be computed: there are too few regions, or they are all alike."
    else:
        grade = "good" if sign * value > sign * good else "check" if sign * value > sign * check else "fail"
        text = advice[("good", "check", "fail").index(grade)]
    return {
        "name": name,
        "value": None if math.isnan(value) else float(np.format_float_positional(value, 6, fractional=False)),
        "threshold": threshold,
        "verdict": grade,
        "source": source,
        "advice": text,
    }
