"""Agreement of predictions with observations, as the official program measures it. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln
from scipy.stats import rankdata

from bpflow.allocation import keep_freed_blocks

__all__ = [
    "jensen_shannon",
    "mean_squared_error",
    "multinomial_nll",
    "normalise_jsd",
    "normalised_jsd",
    "pearson",
    "profile_distances",
    "spearman",
]

# Values of a block of rows: few enough for little memory, and enough that calls cost little.
BLOCK_VALUES = 1 << 20


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


def jensen_shannon(counts: np.ndarray, probabilities: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """Jensen-Shannon distance of each row: the square root of the divergence in nats, from 0 to sqrt(ln 2).

    Parameters
    ----------
    counts, probabilities
        (N, O) non-negative; rows are normalised to sum 1 here.
    threads
        Threads that compute.

    Returns
    -------
    ndarray
        (N,) float64; NaN where a row of either sums to 0.
    """
    return _in_blocks(_jensen_shannon, counts, probabilities, threads)[0]


def normalised_jsd(counts: np.ndarray, probabilities: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """1 - JSD(counts, probabilities) / JSD(counts, uniform), clipped to [0, 1]; 1 is perfect, NaN for an empty row.

    Where the counts are uniform themselves the quotient does not exist: then 1 for equal profiles and 0 for others.
    Parameters as of :func:`jensen_shannon`.
    """
    return profile_distances(counts, probabilities, threads=threads)[1]


def profile_distances(
    counts: np.ndarray, probabilities: np.ndarray, *, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`jensen_shannon` and :func:`normalised_jsd` of each row at once, (N,) float64 each."""
    distance, to_uniform = _in_blocks(_both_distances, counts, probabilities, threads)
    return distance, normalise_jsd(distance, to_uniform)


def normalise_jsd(distance: np.ndarray, to_uniform: np.ndarray) -> np.ndarray:
    """The normalised form of Jensen-Shannon distances, given the distances to the uniform profile."""
    flat = np.where(np.isnan(distance), np.nan, np.where(distance == 0, 0.0, np.inf))
    ratio = np.divide(distance, to_uniform, out=flat, where=to_uniform > 0)
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
    # Only what is not 0 counts: so a base that cannot be cut and was not has no part, and log 0! is 0.
    cut = _Cut.of(np.asarray(counts))
    terms = cut.value * np.asarray(log_probabilities).ravel()[cut.place].astype(np.float64)
    total = _row_sums(cut.value, cut.per_row)
    return _row_sums(gammaln(cut.value + 1.0) - terms, cut.per_row) - gammaln(total + 1)


def _in_blocks(
    distances: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]],
    counts: np.ndarray,
    probabilities: np.ndarray,
    threads: int,
) -> list[np.ndarray]:
    """Distances of all rows, computed block by block."""
    keep_freed_blocks()
    counts, probabilities = np.asarray(counts), np.asarray(probabilities)
    step = max(BLOCK_VALUES // max(counts.shape[1], 1), 1)
    blocks = [slice(first, first + step) for first in range(0, max(len(counts), 1), step)]
    with ThreadPoolExecutor(threads) as pool:
        run = pool.map if threads > 1 and len(blocks) > 1 else map
        parts = list(run(lambda rows: distances(counts[rows], probabilities[rows]), blocks))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _jensen_shannon(counts: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray]:
    return (_distance(counts, probabilities, _Cut.of(counts)),)


def _both_distances(counts: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cut = _Cut.of(counts)
    return _distance(counts, probabilities, cut), _distance_to_uniform(counts, cut)


class _Cut(NamedTuple):
    """What was observed in a block of counts; most bases were not cut, and need no logarithm.

    Places in the flattened block and values of the counts that are not 0, how many a row has, and the rows' totals,
    NaN for empty ones.
    """

    place: np.ndarray
    value: np.ndarray
    per_row: np.ndarray
    total: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> _Cut:
        place = np.flatnonzero(counts != 0)
        per_row = np.diff(np.searchsorted(place, np.arange(len(counts) + 1) * counts.shape[1]))
        value = counts.ravel()[place]
        total = _row_sums(value, per_row)
        return cls(place, value, per_row, np.where(total > 0, total, np.nan))


def _distance(counts: np.ndarray, probabilities: np.ndarray, cut: _Cut) -> np.ndarray:
    total = probabilities.sum(axis=1, dtype=np.float64)
    total[total <= 0] = np.nan
    p = cut.value / np.repeat(cut.total, cut.per_row)
    q = probabilities.ravel()[cut.place] / np.repeat(total, cut.per_row)
    # Where nothing was observed, the mean is q / 2 and the term q ln 2.
    elsewhere = np.where(cut.per_row < counts.shape[1], 1 - _row_sums(q, cut.per_row), 0)
    return _root(_row_sums(_terms(p, q), cut.per_row) + np.log(2) * elsewhere, cut)


def _distance_to_uniform(counts: np.ndarray, cut: _Cut) -> np.ndarray:
    """The distance depends on how often each value occurs in a row, and few values do."""
    n_rows, width = counts.shape
    value, per_row = cut.value, cut.per_row
    times: np.ndarray = np.ones(1)
    highest = int(value.max()) if value.size and value.dtype.kind in "iu" else width
    if highest < width:
        histogram = np.bincount(
            np.repeat(np.arange(n_rows) * (highest + 1), per_row) + value.astype(np.int64),
            minlength=n_rows * (highest + 1),
        )
        cells = np.flatnonzero(histogram)
        row, value = np.divmod(cells, highest + 1)
        per_row, times = np.bincount(row, minlength=n_rows), histogram[cells]
    p = value / np.repeat(cut.total, per_row)
    terms = times * _terms(p, np.full(len(p), 1 / width))
    elsewhere = (width - cut.per_row) / width
    return _root(_row_sums(terms, per_row) + np.log(2) * elsewhere, cut)


def _terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The terms p ln(p / m) + q ln(q / m), m being the mean of p and q, for p > 0."""
    share = p + q
    np.divide(p, share, out=share)
    share *= 2
    # The two shares sum to 2; where q is 0, so is its term.
    rest = np.maximum(2 - share, np.finfo(np.float64).tiny)
    terms = np.log(share, out=share)
    terms *= p
    np.log(rest, out=rest)
    rest *= q
    terms += rest
    return terms


def _row_sums(values: np.ndarray, per_row: np.ndarray) -> np.ndarray:
    """Sums of stretches of `values`, as many as `per_row` says, which may be none."""
    sums = np.zeros(len(per_row), dtype=np.float64)
    filled = per_row > 0
    if filled.any():
        starts = np.cumsum(per_row) - per_row
        sums[filled] = np.add.reduceat(values, starts[filled], dtype=np.float64)
    return sums


def _root(twice_the_divergence: np.ndarray, cut: _Cut) -> np.ndarray:
    # Rounding may leave a divergence of -1e-17 between equal rows.
    distance = np.sqrt(np.maximum(twice_the_divergence / 2, 0.0))
    return np.where(np.isnan(cut.total), np.nan, distance)
