"""Samples beside each other at the peaks they share: observations, predictions, and the differences of both."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.files import stamp
from bpflow.metrics import pearson
from bpflow.tables import read_table

__all__ = ["SHARED_WITHIN", "compare", "read_peaks", "shared_peaks"]

# Peaks whose centres are as far apart as this, half of a usual peak's width, are the same.
SHARED_WITHIN = 250
COLUMNS = {
    "chrom": "str",
    "center": "int64",
    "peak": "int64",
    "observed_log_counts": "float64",
    "predicted_log_counts": "float64",
}
MOST_BASES = 1 << 40


def read_peaks(paths: Sequence[str | os.PathLike[str]]) -> pd.DataFrame:
    """The peaks in tables of ``bpflow evaluate``, one of each fold's test chromosomes.

    Raises
    ------
    InputError
        A table cannot be read, or a chromosome is in more than one.
    """
    tables: list[pd.DataFrame] = []
    seen: dict[str, str] = {}
    for path in paths:
        table = read_table(path, COLUMNS, "the regions that 'bpflow evaluate' wrote")
        for name in table["chrom"].unique():
            if name in seen:
                raise InputError(
                    f"chromosome {name} is in {seen[name]} too",
                    where=str(path),
                    expected="tables of folds that test different chromosomes",
                )
            seen[name] = str(path)
        tables.append(table[table["peak"] == 1])
    return pd.concat(tables, ignore_index=True)


def shared_peaks(first: pd.DataFrame, second: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the peaks that two tables share: each is the other's nearest, no farther than ``SHARED_WITHIN`` bases.

    Returns
    -------
    tuple of ndarray
        (n,) row numbers in `first`, in ascending order, and those of their partners in `second`.
    """
    names = pd.Index(pd.unique(pd.concat([first["chrom"], second["chrom"]])))
    one, other = (_places(table, names) for table in (first, second))
    if not len(one) or not len(other):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    partner, back = _nearest(one, other), _nearest(other, one)
    rows = np.flatnonzero((back[partner] == np.arange(len(one))) & (np.abs(other[partner] - one) <= SHARED_WITHIN))
    return rows, partner[rows]


def compare(samples: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The record of all pairs of samples.

    Parameters
    ----------
    samples
        Peaks of each sample, as :func:`read_peaks` gives them.

    Returns
    -------
    dict
        ``pairs``: for each two samples the number of ``shared`` peaks, and over them Pearson's r of the observed log
        counts, of the predicted, and of their differences between the samples, observed against predicted.
    """
    return stamp(
        "comparison",
        samples=[{"name": name, "peaks": len(table)} for name, table in samples.items()],
        shared_within=SHARED_WITHIN,
        pairs=[_pair(samples, first, second) for first, second in combinations(samples, 2)],
        messages=[],
    )


def _pair(samples: Mapping[str, pd.DataFrame], first: str, second: str) -> dict[str, Any]:
    rows, partners = shared_peaks(samples[first], samples[second])
    values = {}
    for kind in ("observed", "predicted"):
        column = f"{kind}_log_counts"
        values[kind] = (
            samples[first][column].to_numpy()[rows],
            samples[second][column].to_numpy()[partners],
        )
    differences = [one - other for one, other in values.values()]
    return {
        "first": first,
        "second": second,
        "shared": len(rows),
        "observed_r": _known(pearson(*values["observed"])),
        "predicted_r": _known(pearson(*values["predicted"])),
        "difference_r": _known(pearson(*differences)),
    }


def _places(table: pd.DataFrame, names: pd.Index) -> np.ndarray:
    """One number for chromosome and centre, chromosomes far apart."""
    return names.get_indexer(pd.Index(table["chrom"])) * MOST_BASES + table["center"].to_numpy(np.int64)


def _nearest(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each place, the row of the nearest of `others`; of two as near, that of the lower place."""
    order = np.argsort(others, kind="stable")
    ascending = others[order]
    after = np.searchsorted(ascending, places).clip(max=len(others) - 1)
    before = (after - 1).clip(min=0)
    return order[np.where(places - ascending[before] <= np.abs(ascending[after] - places), before, after)]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)
