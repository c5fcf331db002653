"""What predictions are held against, region by region: the average profile, two halves, and a profile without noise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from bpflow.halves import split
from bpflow.metrics import jensen_shannon, normalise_jsd
from bpflow.rate_mixture import RateSurvey

__all__ = ["ReferenceScores", "average_profiles"]

# Standard deviation in bases: what a group's average holds at a finer scale is the noise of few regions.
SMOOTHING = 10


def average_profiles(blocks: Iterable[tuple[np.ndarray, np.ndarray]], width: int) -> np.ndarray:
    """Average profile of non-peaks (row 0) and of peaks (row 1), (2, width), smoothed and above 0 everywhere.

    Parameters
    ----------
    blocks
        Pairs of counts, (n, width), and whether each region is a peak, (n,).
    """
    sums = np.zeros((2, width))
    for counts, peak in blocks:
        for kind in (0, 1):
            sums[kind] += counts[peak == kind].sum(axis=0)
    # One more insertion, spread evenly, for a base that no region was cut at.
    smooth = gaussian_filter1d(sums, SMOOTHING, axis=1, mode="nearest") + 1 / width
    return smooth / smooth.sum(axis=1, keepdims=True)


class ReferenceScores:
    """Scores that need no model, gathered block by block.

    Parameters
    ----------
    averages
        (2, O) of :func:`average_profiles`.
    n
        Number of regions.
    seed
        Of the halves and of what is simulated.
    """

    def __init__(self, averages: np.ndarray, n: int, *, seed: int) -> None:
        self._averages = averages
        self._halves_rng, self._rng = (np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(2))
        self._surveys = [RateSurvey(average) for average in averages]
        self._kind = np.zeros(n, dtype=int)
        self._totals = np.zeros(n, dtype=np.int64)
        names = ("floor_jsd", "uniform_jsd", "halves_jsd", "first_total", "second_total", "coincidences")
        self._columns = {name: np.empty(n) for name in names}

    def add(self, rows: slice, counts: np.ndarray, peak: np.ndarray) -> None:
        """Score the counts, (n, O), of the regions at `rows`, of which `peak` says which are peaks."""
        kind = peak.astype(int)
        average = self._averages[kind]
        first, second = split(counts, self._halves_rng)
        scores = {
            "floor_jsd": jensen_shannon(counts, average),
            "uniform_jsd": jensen_shannon(counts, np.ones_like(average)),
            "halves_jsd": jensen_shannon(first, second),
            "first_total": first.sum(axis=1),
            "second_total": second.sum(axis=1),
            "coincidences": (first / average * second).sum(axis=1),
        }
        for name, values in scores.items():
            self._columns[name][rows] = values
        self._kind[rows], self._totals[rows] = kind, counts.sum(axis=1)
        for code, survey in enumerate(self._surveys):
            survey.add(counts[kind == code])

    def columns(self) -> dict[str, np.ndarray]:
        """What was gathered, (N,) each; distances are NaN where nothing was observed.

        ``floor_jsd`` and ``floor_norm_jsd`` are those of the average profile, ``ceiling_jsd`` and ``ceiling_norm_jsd``
        those of a profile free of noise; ``uniform_jsd``; of the halves ``halves_jsd``, ``first_total``,
        ``second_total`` and ``coincidences`` (:func:`bpflow.halves.excess_coincidence`).
        """
        ceiling = np.empty(len(self._kind))
        for code, survey in enumerate(self._surveys):
            rows = self._kind == code
            ceiling[rows] = survey.mixture().noise_free_jsd(self._totals[rows], self._rng)
        uniform = self._columns["uniform_jsd"]
        return {
            **self._columns,
            "floor_norm_jsd": normalise_jsd(self._columns["floor_jsd"], uniform),
            "ceiling_jsd": ceiling,
            "ceiling_norm_jsd": normalise_jsd(ceiling, uniform),
        }
