"""Agreement of predictions with observations, as the official program measures it. No torch here."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, rel_entr
from scipy.stats import rankdata

__all__ = [
    "jensen_shannon",
    "mean_squared_error",
    "multinomial_nll",
    "normalised_jsd",
    "pearson",
    "spearman",
]


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation; NaN for fewer than two values or a constant one."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) / np.sqrt((x @ x) * (y @ y)))


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman correlation: Pearson's of the ranks, ties sharing their mean rank."""
    return pearson(rankdata(x), rankdata(y))


def mean_squared_error(x: np.ndarray, y: np.ndarray) -> float:
    """Mean of (x - y)^2."""
    return float(np.mean(np.square(np.asarray(x, dtype=np.float64) - np.asarray(y, dtype=np.float64))))


def jensen_shannon(counts: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Jensen-Shannon distance of each row: the square root of the divergence in nats, from 0 to sqrt(ln 2).

    Parameters
    ----------
    counts, probabilities
        (N, O) non-negative; rows are normalised to sum 1 here.

    Returns
    -------
    ndarray
        (N,) float64; NaN where a row of either sums to 0.
    """
    p, q = _normalise(counts), _normalise(probabilities)
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum(axis=1) + rel_entr(q, middle).sum(axis=1)) / 2
    # Rounding may leave a divergence of -1e-17 between equal rows.
    return np.sqrt(np.maximum(divergence, 0.0))


def normalised_jsd(counts: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """1 - JSD(counts, probabilities) / JSD(counts, uniform), clipped to [0, 1]; 1 is perfect, NaN for an empty row.

    Where the counts are uniform themselves the quotient does not exist: then 1 for equal profiles and 0 for others.
    """
    counts = np.asarray(counts)
    distance = jensen_shannon(counts, probabilities)
    baseline = jensen_shannon(counts, np.ones_like(counts, dtype=np.float64))
    flat = np.where(np.isnan(distance), np.nan, np.where(distance == 0, 0.0, np.inf))
    ratio = np.divide(distance, baseline, out=flat, where=baseline > 0)
    return np.clip(1.0 - ratio, 0.0, 1.0)


def multinomial_nll(log_probabilities: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Multinomial negative log likelihood of each row in nats, with its combinatorial constant.

    Parameters
    ----------
    log_probabilities
        (N, O) natural logarithms; each row's exponentials sum to 1.
    counts
        (N, O) observed insertions.

    Returns
    -------
    ndarray
        (N,) float64; 0 for a row of zeros.
    """
    counts = np.asarray(counts, dtype=np.float64)
    log_probabilities = np.asarray(log_probabilities, dtype=np.float64)
    constant = gammaln(counts.sum(axis=1) + 1) - gammaln(counts + 1).sum(axis=1)
    # 0 * -inf is 0 here: a base that cannot be cut and was not.
    terms = np.multiply(counts, log_probabilities, out=np.zeros_like(counts), where=counts > 0)
    return -(constant + terms.sum(axis=1))


def _normalise(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float64)
    total = rows.sum(axis=1, keepdims=True)
    return np.divide(rows, total, out=np.full_like(rows, np.nan), where=total > 0)
