"""Names for motifs: TOMTOM (Gupta et al. 2007) against a database, as memelite computes it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import entropy, false_discovery_control

from bpflow.motif_files import Motif

__all__ = ["Match", "is_comparable", "match"]

# A motif of which fewer positions have so many bits resembles any long query: unspecific positions match all others.
SPECIFIC_BITS, LEAST_SPECIFIC_SHARE = 0.25, 0.6


class Match(NamedTuple):
    """A known motif that resembles a query.

    Attributes
    ----------
    name
        Its name in the database.
    p, q
        TOMTOM's p-value, and the false discovery rate among all motifs of the database (Benjamini-Hochberg).
    """

    name: str
    p: float
    q: float


def is_comparable(motif: Motif) -> bool:
    """Whether enough of a known motif's positions are specific for a likeness to mean something."""
    bits = 2 - entropy(motif.frequencies, base=2, axis=1)
    return bool((bits > SPECIFIC_BITS).mean() >= LEAST_SPECIFIC_SHARE)


def match(queries: Sequence[np.ndarray], database: Sequence[Motif], *, best: int = 3) -> list[list[Match]]:
    """The most similar motifs of a database for each query, on either strand.

    Parameters
    ----------
    queries
        Base frequencies (width, 4).
    database
        Known motifs, of which those that are not comparable are left out. P-values rest on the database's columns, so a
        small one gives rough values.
    best
        How many to give for each query, those of the smallest p-values first.
    """
    database = [motif for motif in database if is_comparable(motif)]
    if not queries or not database:
        return [[] for _ in queries]
    from memelite import tomtom

    with warnings.catch_warnings():
        # It warns of small databases; the caller says so in its own words.
        warnings.simplefilter("ignore")
        p_values = tomtom(
            [query.T.astype(np.float64) for query in queries], [motif.frequencies.T for motif in database]
        )[0]
    results = []
    for row in np.clip(p_values, 0, 1):
        q_values = false_discovery_control(row)
        order = np.argsort(row, kind="stable")[:best]
        results.append([Match(database[index].name, float(row[index]), float(q_values[index])) for index in order])
    return results
