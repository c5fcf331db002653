"""Two random halves of the insertions: how far they agree, and what that says of a prediction without noise."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["AGREEMENT", "excess_coincidence", "noise_free_correlation", "split"]

# Halves agree if what they share is so many standard errors above nothing.
AGREEMENT = 3.0


def split(counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Put each insertion into one of two halves at random.

    Insertions that come independently of one another fall into halves that are independent too (binomial thinning of
    Poisson counts), like two experiments of half the depth.

    Parameters
    ----------
    counts
        (N, O) insertions, integers.
    rng
        Draws in the order of rows and bases, so that blocks of rows give what all rows at once give.

    Returns
    -------
    tuple of ndarray
        Both (N, O), of the type of `counts`, which they add up to.
    """
    first = np.zeros_like(counts)
    cut = np.flatnonzero(counts)
    first.ravel()[cut] = rng.binomial(counts.ravel()[cut], 0.5)
    return first, counts - first


def excess_coincidence(coincidences: np.ndarray, pairs: np.ndarray) -> tuple[float, float]:
    """How much more often insertions of both halves share a base than if all regions had the average profile.

    It estimates sum((p - a)^2 / a) of a region's true profile p and the average profile a, Pearson's divergence,
    without bias at any depth: noise of two halves is independent, so what they share is not noise. Regions count by the
    root of their pairs, so that neither the deepest nor the emptiest decide.

    Parameters
    ----------
    coincidences
        (N,) sum over bases of first half x second half / average profile.
    pairs
        (N,) insertions of the first half x insertions of the second.

    Returns
    -------
    tuple of float
        The excess and its standard error over regions; NaN without pairs.
    """
    seen = pairs > 0
    weight = np.sqrt(pairs[seen])
    if not weight.sum():
        return math.nan, math.nan
    excess = (coincidences[seen] - pairs[seen]) / weight
    mean = excess.sum() / weight.sum()
    return float(mean), float(np.sqrt(np.square(excess - mean * weight).sum()) / weight.sum())


def noise_free_correlation(r: float, n: int) -> tuple[float, float]:
    """Correlation with all insertions that a prediction free of noise would have, from the correlation of the halves.

    The reliability of all insertions is 2 r / (1 + r) (Spearman, Br. J. Psychol. 3:271, 1910; Brown, 3:296), and noise
    in one of two variables weakens their correlation by the root of its reliability (Spearman, Am. J. Psychol. 15:72,
    1904).

    Parameters
    ----------
    r
        Correlation of the halves over `n` regions.

    Returns
    -------
    tuple of float
        The correlation and its standard error; NaN where the halves do not agree beyond chance.
    """
    error = (1 - r**2) / math.sqrt(n - 1) if n > 1 else math.nan
    if not r > AGREEMENT * error:
        return math.nan, math.nan
    ceiling = math.sqrt(2 * r / (1 + r))
    return ceiling, error / (ceiling * (1 + r) ** 2)
