"""Random sequences of the same dinucleotides, as references of contributions and backgrounds of variants."""

from __future__ import annotations

import numpy as np
import torch

from bpflow.genome import OTHER_BASE
from bpflow.models.encoding import one_hot

__all__ = ["dinucleotide_shuffles", "shuffle_seeds"]


def shuffle_seeds(seed: int, n: int) -> np.ndarray:
    """One seed for each of n sequences, (n,) int64: what is drawn for one does not depend on how work is divided."""
    return np.random.default_rng(seed).integers(2**31, size=n)


def dinucleotide_shuffles(codes: np.ndarray, n: int, seeds: np.ndarray) -> np.ndarray:
    """Shuffle each sequence n times, keeping how often each dinucleotide occurs, and the first and the last base.

    Parameters
    ----------
    codes
        (N, L) uint8; unknown bases are shuffled like a fifth base.
    n
        Shuffles of each.
    seeds
        (N,) seeds, one a sequence.

    Returns
    -------
    (N, n, L) uint8. A sequence that has one order alone, such as a run of one base, is given back as it is.
    """
    from tangermeme.ersatz import dinucleotide_shuffle

    results = np.repeat(codes[:, None], n, axis=1)
    for sequence, seed, result in zip(codes, seeds, results, strict=True):
        # A copy, since a mapped genome may not be written to.
        encoded = one_hot(torch.from_numpy(np.array(sequence))[None]).to(torch.int8)
        try:
            shuffled = dinucleotide_shuffle(encoded, n=n, random_state=[int(seed)], allow_N=True)[0].numpy()
        except ValueError as error:
            if "identical" not in str(error):
                raise
            continue
        known = shuffled.any(axis=1)
        result[:] = np.where(known, shuffled.argmax(axis=1), codes.dtype.type(OTHER_BASE))
    return results
