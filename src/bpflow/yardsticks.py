"""Floor and ceiling of each metric: what takes no model, and what a prediction free of noise would reach.

A share of the way from floor to ceiling means the same at any depth, which a bare correlation or distance does not. It
may exceed 1 by chance, or where a model is surer than the truth; it is below 0 where the model is worse than none. Each
ceiling knows the noise of drawing insertions alone: duplicates and what differs between cells or animals are taken for
signal, so a ceiling is rather too high than too low.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from bpflow.halves import AGREEMENT, excess_coincidence, noise_free_correlation
from bpflow.metrics import pearson, spearman

__all__ = ["halves", "yardsticks"]

NO_CORRELATION = "the same counts everywhere"
AVERAGE_PROFILE = "average profile, of peaks and of non-peaks"
# Standard error of a median over that of a mean, for normal deviates.
MEDIAN_ERROR = math.sqrt(math.pi / 2)


def halves(rows: pd.DataFrame) -> dict[str, float]:
    """How far two random halves of the insertions of a group agree.

    Parameters
    ----------
    rows
        One row a region, with the columns of :meth:`bpflow.reference_scores.ReferenceScores.columns`.

    Returns
    -------
    dict
        ``pearsonr`` and ``spearmanr`` of ln(1 + insertions), ``median_jsd``, and ``excess_coincidence`` of
        :func:`bpflow.halves.excess_coincidence` with its standard error ``excess_coincidence_error``.
    """
    first, second = (np.log1p(rows[column].to_numpy()) for column in ("first_total", "second_total"))
    pairs = (rows["first_total"] * rows["second_total"]).to_numpy()
    excess, error = excess_coincidence(rows["coincidences"].to_numpy(), pairs)
    return {
        "pearsonr": pearson(first, second),
        "spearmanr": spearman(first, second),
        "median_jsd": float(rows["halves_jsd"].median()),
        "excess_coincidence": excess,
        "excess_coincidence_error": error,
    }


def yardsticks(rows: pd.DataFrame, agreement: dict[str, float], values: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Each metric of a group with its floor, its ceiling, and the share of the way between them.

    Parameters
    ----------
    rows
        As of :func:`halves`, with the model's ``jsd`` and ``norm_jsd``.
    agreement
        What :func:`halves` found.
    values
        ``pearsonr``, ``spearmanr``, ``median_jsd`` and ``median_norm_jsd`` of the model.

    Returns
    -------
    dict
        For each metric ``value``, ``floor``, ``floor_is`` (in words), ``constant`` (the same counts or the uniform
        profile everywhere), ``ceiling``, ``share`` and ``standard_error`` of the share over regions. Ceiling, share and
        error are NaN where the halves do not agree beyond chance: then the depth does not tell.
    """
    return {
        **{name: _correlation(values[name], agreement[name], len(rows)) for name in ("pearsonr", "spearmanr")},
        "median_jsd": _median(rows, agreement, values["median_jsd"], "jsd", rows["uniform_jsd"].median()),
        "median_norm_jsd": _median(rows, agreement, values["median_norm_jsd"], "norm_jsd", 0.0),
    }


def _correlation(value: float, of_halves: float, n: int) -> dict[str, Any]:
    ceiling, ceiling_error = noise_free_correlation(of_halves, n)
    # A model that predicts the same counts everywhere has no correlation, and is the floor.
    reached = 0.0 if math.isnan(value) else value
    error = (1 - reached**2) / math.sqrt(n - 1) if n > 1 else math.nan
    found = _yardstick(reached, 0.0, NO_CORRELATION, 0.0, ceiling, error, ceiling_error / ceiling)
    return found | {"value": value}


def _median(
    rows: pd.DataFrame, agreement: dict[str, float], value: float, column: str, constant: float
) -> dict[str, Any]:
    floor = float(rows[f"floor_{column}"].median())
    excess, excess_error = agreement["excess_coincidence"], agreement["excess_coincidence_error"]
    agree = excess > AGREEMENT * excess_error
    ceiling = float(rows[f"ceiling_{column}"].median()) if agree else math.nan
    # The way grows with the excess, though more slowly.
    of_ceiling = excess_error / excess if agree else math.nan
    difference = (rows[column] - rows[f"floor_{column}"]).dropna()
    error = MEDIAN_ERROR * float(difference.std()) / math.sqrt(len(difference)) if len(difference) > 1 else math.nan
    return _yardstick(value, floor, AVERAGE_PROFILE, float(constant), ceiling, error, of_ceiling)


def _yardstick(
    value: float, floor: float, floor_is: str, constant: float, ceiling: float, error: float, error_of_ceiling: float
) -> dict[str, Any]:
    """`error` is that of the value less the floor, `error_of_ceiling` is relative to the way."""
    way = ceiling - floor
    share = (value - floor) / way if way else math.nan
    return {
        "value": value,
        "floor": floor,
        "floor_is": floor_is,
        "constant": constant,
        "ceiling": ceiling,
        "share": share,
        "standard_error": math.hypot(error / way, share * error_of_ceiling) if way else math.nan,
    }
