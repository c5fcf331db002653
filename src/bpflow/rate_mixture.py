"""How unevenly regions are cut, seen through sparse counts, and how far true profiles would lie from such counts.

A base of a region is cut at the rate total x average profile x m, and m differs from base to base: the enzyme prefers
some sequences, and factors protect others. The distribution of m is found without assuming its shape, as a mixture on a
grid that makes the observed counts likeliest (Kiefer and Wolfowitz, Ann. Math. Stat. 27:887, 1956), so sparse counts
suffice: what counts, not where. Profiles drawn from it, and counts drawn from those, then say how far counts of a
given total lie from the profile that they were drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import pdtr

from bpflow.metrics import jensen_shannon

__all__ = ["RateMixture", "RateSurvey"]

# Rates are expected counts in steps of an eighth of an octave, from 2^-32 of an insertion to 2^32.
STEPS = 8
OCTAVES = 32
MULTIPLES = np.concatenate([[0.0], 2.0 ** np.arange(-5, 7.51, 0.25)])
# Lowest counts of the bins that counts are gathered in: one by one, then a fifth apart, to more than any count.
COUNT_EDGES = np.unique(np.concatenate([np.arange(16), np.ceil(16 * 1.2 ** np.arange(104))]))
ROUNDS = 300
TOTALS = 16
DRAWS = 192


@dataclass(frozen=True)
class RateMixture:
    """Cutting rates relative to an average profile.

    Attributes
    ----------
    average
        (O,) the average profile.
    weights
        Share of bases that are cut at each of ``MULTIPLES`` times the average's rate.
    """

    average: np.ndarray
    weights: np.ndarray

    def noise_free_jsd(self, totals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Mean Jensen-Shannon distance between counts and the profile they were drawn from, by the counts' total.

        It is simulated at a few totals and interpolated in their logarithm.

        Parameters
        ----------
        totals
            (N,) insertions of each region.

        Returns
        -------
        ndarray
            (N,) distances, NaN for a total of 0.
        """
        distances = np.full(len(totals), np.nan)
        filled = totals > 0
        if filled.any():
            ends = totals[filled].min(), totals[filled].max()
            grid = np.unique(np.rint(np.geomspace(*ends, TOTALS)).astype(np.int64))
            means = [self._simulated_jsd(total, rng) for total in grid]
            distances[filled] = np.interp(np.log(totals[filled]), np.log(grid), means)
        return distances

    def _simulated_jsd(self, total: int, rng: np.random.Generator) -> float:
        multiples = rng.choice(MULTIPLES, size=(DRAWS, len(self.average)), p=self.weights)
        # A trace of the average, should no base of a short region be cut.
        profiles = (multiples + 1e-9) * self.average
        profiles /= profiles.sum(axis=1, keepdims=True)
        return float(jensen_shannon(rng.multinomial(total, profiles), profiles).mean())


class RateSurvey:
    """How often each count occurs at bases of each expected count, gathered block by block in constant memory.

    Parameters
    ----------
    average
        (O,) average profile of the regions, above 0 everywhere.
    """

    def __init__(self, average: np.ndarray) -> None:
        self._average = average
        self._average_step = _steps(average)
        self._regions_at_total = np.zeros(OCTAVES * STEPS, dtype=np.int64)
        self._bases = np.zeros((2 * OCTAVES * STEPS, len(COUNT_EDGES)), dtype=np.int64)

    def add(self, counts: np.ndarray) -> None:
        """Add the counts of some regions, (N, O) integers."""
        totals = counts.sum(axis=1)
        total_step = _steps(np.maximum(totals, 1))
        self._regions_at_total += np.bincount(total_step[totals > 0], minlength=len(self._regions_at_total))
        row, column = np.divmod(np.flatnonzero(counts), counts.shape[1])
        expected = total_step[row] + self._average_step[column] + OCTAVES * STEPS
        seen = np.searchsorted(COUNT_EDGES, counts[row, column], side="right") - 1
        cells = np.bincount(expected * len(COUNT_EDGES) + seen, minlength=self._bases.size)
        self._bases += cells.reshape(self._bases.shape)

    def mixture(self) -> RateMixture:
        """The likeliest mixture of rates, by expectation and maximisation from equal weights."""
        bases = self._bases.copy()
        at_average = np.bincount(self._average_step + OCTAVES * STEPS, minlength=OCTAVES * STEPS + 1)
        all_bases = np.convolve(self._regions_at_total, at_average)
        bases[:, 0] = all_bases - bases.sum(axis=1)
        step, seen = np.nonzero(bases)
        number = bases[step, seen]
        rates = np.outer(2.0 ** (step / STEPS - OCTAVES), MULTIPLES)
        likelihood = _poisson_below(COUNT_EDGES[seen + 1], rates) - _poisson_below(COUNT_EDGES[seen], rates)
        likelihood = np.maximum(likelihood, np.finfo(np.float64).tiny)
        weights = np.full(len(MULTIPLES), 1 / len(MULTIPLES))
        for _ in range(ROUNDS if number.size else 0):
            weights *= (number / (likelihood @ weights)) @ likelihood / number.sum()
        return RateMixture(self._average, weights / weights.sum())


def _poisson_below(counts: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Probability of fewer than each of the (n,) counts at each of the (n, m) rates."""
    return np.where(counts[:, None] > 0, pdtr(np.maximum(counts - 1, 0)[:, None], rates), 0.0)


def _steps(values: np.ndarray) -> np.ndarray:
    """Logarithms to base 2 in whole steps of an eighth."""
    return np.rint(np.log2(np.maximum(values, 2.0**-OCTAVES)) * STEPS).astype(np.int64)
