"""How long the fragments between two cuts are: their histogram, and what it says of nucleosomes."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LONGEST", "count_lengths", "lengths_record"]

# The last entry of a histogram holds this length and all above.
LONGEST = 1000
# Shorter fragments lie between nucleosomes; those of the second range span one.
NUCLEOSOME_FREE = 100
MONONUCLEOSOMAL = (150, 300)


def count_lengths(lengths: np.ndarray) -> np.ndarray:
    """Histogram of lengths in bases, (1001,) int64: entry i counts those of i bases, the last one all longer ones."""
    return np.bincount(np.minimum(lengths, LONGEST), minlength=LONGEST + 1)


def lengths_record(counts: np.ndarray) -> dict[str, Any] | None:
    """What the record of a file says of its fragments; None for reads without mates.

    Parameters
    ----------
    counts
        (1001,) histogram of :func:`count_lengths`.

    Returns
    -------
    dict
        fragments (their number), counts, median (in bases), nucleosome_free (share below 100 bases) and
        mononucleosomal (share from 150 up to, and without, 300 bases).
    """
    fragments = int(counts.sum())
    if not fragments:
        return None
    low, high = MONONUCLEOSOMAL
    return {
        "fragments": fragments,
        "median": int(np.searchsorted(np.cumsum(counts), fragments / 2)),
        "nucleosome_free": counts[:NUCLEOSOME_FREE].sum() / fragments,
        "mononucleosomal": counts[low:high].sum() / fragments,
        "counts": counts,
    }
