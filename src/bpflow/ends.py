"""The 5' ends of reads, one strand a batch, laid into the genome's array."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from bpflow.genome import Genome

__all__ = ["Ends", "absence", "place_dtype", "place_ends"]


class Ends(NamedTuple):
    """5' ends of one strand: places in ``Genome.array``, (N,) of :func:`place_dtype`, and whether it is the + one."""

    positions: np.ndarray
    plus: bool


def place_dtype(genome: Genome) -> np.dtype:
    """uint32 if every place in the genome fits, as for human, else int64."""
    return np.dtype(np.uint32 if genome.array.size < 1 << 32 else np.int64)


def place_ends(
    genome: Genome, chromosome: np.ndarray, position: np.ndarray, tally: Counter[str], *, plus: bool
) -> Ends:
    """Lay ends into the genome's array, leaving out and counting (``off chromosome``) those past a chromosome's edge.

    Parameters
    ----------
    genome
        The genome.
    chromosome
        (N,) indices in ``genome.names``.
    position
        (N,) 0-based positions of the 5' bases.
    tally
        Where those left out are counted.
    plus
        Their strand.
    """
    size = np.array(list(genome.sizes.values()), dtype=np.int64)[chromosome]
    offset = np.array(list(genome.offsets.values()), dtype=np.int64)[chromosome]
    within = (position >= 0) & (position < size)
    places = (offset + position).astype(place_dtype(genome))
    if not within.all():
        places = places[within]
        tally["off chromosome"] += len(position) - len(places)
    return Ends(places, plus)


def absence(genome: Genome, name: str) -> str:
    """Why reads on a contig that is not in the genome are dropped."""
    return "contig left out of the genome" if name in genome.dropped else "contig not in the genome"
