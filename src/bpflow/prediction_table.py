"""A table beside the prediction file: predicted counts of each region or sequence, and observed ones if there are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bpflow.prediction import expected_counts
from bpflow.regions import centers

__all__ = ["prediction_table", "region_columns"]


def prediction_table(
    identity: pd.DataFrame,
    log_counts: np.ndarray,
    *,
    deviation: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    official_scale: bool = False,
) -> pd.DataFrame:
    """Counts of the output window of each row.

    Parameters
    ----------
    identity
        N rows whose columns come first: :func:`region_columns`, or the names of sequences.
    log_counts
        (N,) predicted ln(1 + total).
    deviation
        (N,) standard deviation of the log counts over models, in the column ``sd_log_counts``.
    observed
        (N,) insertions, in the column ``observed_counts``.
    official_scale
        Take exp(log counts) for the predicted counts, instead of exp(log counts) - 1.
    """
    table = identity.assign(
        predicted_counts=expected_counts(log_counts.astype(np.float64), official_scale),
        predicted_log_counts=log_counts.astype(np.float64),
    )
    if deviation is not None:
        table["sd_log_counts"] = deviation.astype(np.float64)
    if observed is not None:
        table["observed_counts"] = observed
    return table


def region_columns(regions: pd.DataFrame, is_peak: np.ndarray) -> pd.DataFrame:
    """Columns chrom, start, end, center (0-based, as given), is_peak and name."""
    columns = regions[["chrom", "start", "end"]].assign(center=centers(regions), is_peak=is_peak.astype(int))
    return columns.assign(name=regions["name"]).reset_index(drop=True)
