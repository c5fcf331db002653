"""Both alleles written into the genome: input windows, each only once in a block of variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bpflow.genome import Genome, encode
from bpflow.variant_files import Allele

__all__ = ["Windows", "allele_windows", "surroundings", "with_alleles"]


class Windows(NamedTuple):
    """Distinct windows, and which of them hold the alleles of each variant.

    Attributes
    ----------
    codes
        (M, input length) uint8.
    reference, alternative
        (N,) rows of `codes`.
    """

    codes: np.ndarray
    reference: np.ndarray
    alternative: np.ndarray


def allele_windows(alleles: Sequence[Allele], genome: Genome, input_length: int) -> Windows:
    """Windows of variants that can be scored; alternatives of one site share their reference window.

    The reference window is [start - input_length // 2, + input_length), so that the alleles' first base is its middle
    one. The alternative window is what stands left of it there, the alternative allele, and what follows the reference
    allele in the genome, cut to the same length.
    """
    rows: list[np.ndarray] = []
    place: dict[tuple[str, int], int] = {}
    reference, alternative = [], []
    for allele in alleles:
        window, changed = with_alleles(surroundings(allele, genome, input_length), allele, input_length)
        site = allele.chrom, allele.start
        if site not in place:
            place[site] = len(rows)
            rows.append(window)
        reference.append(place[site])
        alternative.append(len(rows))
        rows.append(changed)
    codes = np.stack(rows) if rows else np.zeros((0, input_length), np.uint8)
    return Windows(codes, np.array(reference, dtype=np.int64), np.array(alternative, dtype=np.int64))


def surroundings(allele: Allele, genome: Genome, input_length: int) -> np.ndarray:
    """Codes of the reference window, with as many more bases on the right as a deletion takes away, 1-D uint8."""
    start = genome.offsets[allele.chrom] + allele.start - input_length // 2
    return np.asarray(genome.array)[start : start + input_length + max(len(allele.ref) - len(allele.alt), 0)]


def with_alleles(sequence: np.ndarray, allele: Allele, input_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Write the reference and the alternative allele into the middle of `sequence`.

    Parameters
    ----------
    sequence
        As long as :func:`surroundings` gives it: those of the genome, or shuffled.
    allele
        The alleles.
    input_length
        Length of the results.

    Returns
    -------
    reference, alternative
        (input_length,) uint8 each.
    """
    middle = input_length // 2
    left, right = sequence[:middle], sequence[middle + len(allele.ref) :]
    window, changed = (
        np.concatenate([left, encode(letters), right])[:input_length] for letters in (allele.ref, allele.alt)
    )
    return window, changed
