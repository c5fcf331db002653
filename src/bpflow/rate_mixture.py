"""How unevenly regions are cut, seen through sparse counts, and how far true profiles would lie from such counts.

A base of a region gets an insertion with the probability average profile x m, and m differs from base to base: the
enzyme prefers some sequences, and factors protect others. The distribution of m is found without assuming its shape, as
the mixture on a grid that makes the observed counts likeliest (Kiefer and Wolfowitz, Ann. Math. Stat. 27:887, 1956).
What it rests on is how often insertions share a base, be they of one half or of two, so sparse counts suffice. Profiles
drawn from it, and counts drawn from those, then say how far counts of a given total lie from the profile that they were
drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlog1py, xlogy

from bpflow.metrics import jensen_shannon

__all__ = ["RateMixture", "RateSurvey"]

MULTIPLES = np.concatenate([[0.0], 2.0 ** np.arange(-5, 7.51, 0.25)])
# Lowest counts of bins, for bases as for whole regions: one by one, then a fifth apart, to more than any count.
EDGES = np.unique(np.concatenate([np.arange(16), np.ceil(16 * 1.2 ** np.arange(104))]))
# The likelihood may stay below the highest by this, in nats of all counts together.
TOLERANCE = 1.0
MOST_ROUNDS = 10_000
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
        """Draw Jensen-Shannon distances between counts of given totals and the profiles they were drawn from.

        They are simulated at a few totals, and interpolated in their logarithm between equal ranks. Ranks are spread
        evenly over the regions, so that medians hardly depend on the draw.

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
        filled = np.flatnonzero(totals)
        if filled.size:
            ends = totals[filled].min(), totals[filled].max()
            grid = np.unique(np.rint(np.geomspace(*ends, TOTALS)).astype(np.int64))
            simulated = np.stack([np.sort(self._simulated_jsd(total, rng)) for total in grid])
            place = np.interp(np.log(totals[filled]), np.log(grid), np.arange(len(grid)))
            below = place.astype(int)
            above = np.minimum(below + 1, len(grid) - 1)
            rank = rng.permutation(filled.size) * DRAWS // filled.size
            nearness = place - below
            distances[filled] = (1 - nearness) * simulated[below, rank] + nearness * simulated[above, rank]
        return distances

    def _simulated_jsd(self, total: int, rng: np.random.Generator) -> np.ndarray:
        multiples = rng.choice(MULTIPLES, size=(DRAWS, len(self.average)), p=self.weights)
        # A trace of the average, should no base of a short region be cut.
        profiles = (multiples + 1e-9) * self.average
        profiles /= profiles.sum(axis=1, keepdims=True)
        return jensen_shannon(rng.multinomial(total, profiles), profiles)


class RateSurvey:
    """How often each count occurs in regions of each total, gathered block by block in constant memory.

    Parameters
    ----------
    average
        (O,) average profile of the regions, above 0 everywhere.
    """

    def __init__(self, average: np.ndarray) -> None:
        self._average = average
        # Bases of similar averages, half an octave apart, share a level.
        _, self._level = np.unique(np.rint(np.log2(average) * 2), return_inverse=True)
        self._bases_at = np.bincount(self._level)
        shape = len(EDGES), len(self._bases_at), len(EDGES)
        self._bases, self._counts = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        self._regions, self._totals = np.zeros(len(EDGES), dtype=np.int64), np.zeros(len(EDGES))

    def add(self, counts: np.ndarray) -> None:
        """Add the counts of some regions, (N, O) integers."""
        totals = counts.sum(axis=1)
        total_bin = _bins(totals)
        self._regions += np.bincount(total_bin, minlength=len(EDGES))
        self._totals += np.bincount(total_bin, weights=totals, minlength=len(EDGES))
        row, column = np.divmod(np.flatnonzero(counts), counts.shape[1])
        seen = counts[row, column]
        cell = np.ravel_multi_index((total_bin[row], self._level[column], _bins(seen)), self._bases.shape)
        self._bases += np.bincount(cell, minlength=self._bases.size).reshape(self._bases.shape)
        self._counts += np.bincount(cell, weights=seen, minlength=self._bases.size).reshape(self._bases.shape)

    def mixture(self) -> RateMixture:
        """The likeliest mixture of rates, by expectation and maximisation from equal weights."""
        bases = self._bases.copy()
        bases[1:, :, 0] = np.outer(self._regions[1:], self._bases_at) - bases[1:].sum(axis=2)
        total_bin, level, _ = cell = np.nonzero(bases)
        number = bases[cell]
        total = (self._totals[total_bin] / self._regions[total_bin])[:, None]
        count = (self._counts[cell] / number)[:, None]
        average = np.bincount(self._level, weights=self._average) / self._bases_at
        rate = np.minimum(np.outer(average[level], MULTIPLES), 1 - 1e-9)
        # Binomial, but for what does not depend on the rate.
        logarithm = xlogy(count, rate) + xlog1py(np.maximum(total - count, 0), -rate)
        likelihood = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        weights = np.full(len(MULTIPLES), 1 / len(MULTIPLES))
        for _ in range(MOST_ROUNDS if number.size else 0):
            gain = (number / (likelihood @ weights)) @ likelihood
            weights *= gain / number.sum()
            # No mixture is likelier by more than this (Lindsay, Ann. Stat. 11:86, 1983).
            if gain.max() - number.sum() < TOLERANCE:
                break
        return RateMixture(self._average, weights / weights.sum())


def _bins(counts: np.ndarray) -> np.ndarray:
    return np.searchsorted(EDGES, counts, side="right") - 1
