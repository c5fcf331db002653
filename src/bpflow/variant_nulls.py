"""Null variants: a given variant's alleles in its window's sequence, dinucleotide-shuffled.

They say how large scores are where the alleles differ as they do, and the base composition is what it is, but no motif
stands around them, save by chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpflow.genome import Genome
from bpflow.shuffles import dinucleotide_shuffles
from bpflow.variant_files import Allele
from bpflow.variant_windows import Windows, surroundings, with_alleles

__all__ = ["null_ranks", "null_windows", "shuffle_seed", "shuffled"]


def null_ranks(numbers: np.ndarray, n_null: int, n_variants: int) -> np.ndarray:
    """Which variant each null variant is made of, spread evenly over all: floor(number * variants / null variants)."""
    return np.asarray(numbers, dtype=np.int64) * n_variants // n_null


def shuffle_seed(seed: int, number: int) -> int:
    """The seed of one null variant, whatever others are drawn beside it."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def null_windows(
    alleles: Sequence[Allele], numbers: Sequence[int], genome: Genome, input_length: int, *, seed: int
) -> Windows:
    """Windows of null variants, two of each: with the reference and with the alternative allele in the middle.

    Parameters
    ----------
    alleles
        The variants that they are made of.
    numbers
        The null variants' numbers, from which with `seed` their shuffles follow.
    genome
        The genome, from which the windows come.
    input_length
        Bases that the models read.
    seed
        The seed of the run.
    """
    sequences = shuffled(
        [surroundings(allele, genome, input_length) for allele in alleles],
        [shuffle_seed(seed, number) for number in numbers],
    )
    pairs = [with_alleles(sequence, allele, input_length) for sequence, allele in zip(sequences, alleles, strict=True)]
    rows = np.arange(len(pairs))
    codes = np.stack([window for pair in pairs for window in pair])
    return Windows(codes, 2 * rows, 2 * rows + 1)


def shuffled(sequences: Sequence[np.ndarray], seeds: Sequence[int]) -> list[np.ndarray]:
    """One dinucleotide shuffle of each sequence of uint8 codes, which keeps its first and last base.

    A sequence that has but one order, as a run of one base does, stays as it is. Unknown bases are shuffled as a letter
    of their own.
    """
    pairs = zip(sequences, seeds, strict=True)
    return [dinucleotide_shuffles(sequence[None], 1, np.array([seed]))[0, 0] for sequence, seed in pairs]
