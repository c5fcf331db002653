"""Empirical p-values against a null sample, false discovery rates, and quantiles among reference values."""

from __future__ import annotations

import numpy as np

__all__ = ["empirical_p", "exceedances", "q_by_exceedances", "quantiles"]


def exceedances(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """How many of the null values are as large as each value or larger, (N,) int64.

    Parameters
    ----------
    values
        (N,) observed.
    null
        (n,) values under the null hypothesis, sorted ascending.
    """
    return len(null) - np.searchsorted(null, values, side="left")


def empirical_p(exceeding: np.ndarray, n: int) -> np.ndarray:
    """(k + 1) / (n + 1) for k exceedances among n null values: never 0, as the value itself is one of the draws.

    Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9:39 (2010).
    """
    return (np.asarray(exceeding, dtype=np.float64) + 1) / (n + 1)


def q_by_exceedances(tests: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg q-values of empirical p-values, of which there are few distinct ones.

    Equal to ``scipy.stats.false_discovery_control`` of all tests together, in memory that their number does not change.

    Parameters
    ----------
    tests
        (n + 1,) how many tests have 0, 1, .., n exceedances.

    Returns
    -------
    ndarray
        (n + 1,) the q-value of a test with so many exceedances.
    """
    up_to = np.cumsum(tests)
    p = empirical_p(np.arange(len(tests)), len(tests) - 1)
    # Where no test has k exceedances, rank k says nothing, and the next larger p-value decides.
    raw = np.divide(p * up_to[-1], up_to, out=np.full(len(tests), np.inf), where=np.asarray(tests) > 0)
    return np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)


def quantiles(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Share of reference values that are at most each value, from 0 to 1; `among` is sorted ascending."""
    return np.searchsorted(among, values, side="right") / len(among)
