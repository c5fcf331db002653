"""Whether an allele can be scored on a genome, and if not, why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from bpflow.genome import Genome, encode
from bpflow.variant_files import MISSING, Allele

__all__ = ["REASONS", "SCORED", "Checker", "longest_allele", "scorable"]

SCORED = "scored"
REASONS = {
    "unknown_contig": "their chromosome is not in the genome",
    "no_alternative": "they have no alternative allele ('.')",
    "overlapping_deletion": "their alternative allele is '*', which an upstream deletion removes",
    "symbolic_allele": "their alternative allele is no sequence (such as <DEL>, or a breakend)",
    "ambiguous_allele": "an allele has letters other than A, C, G and T",
    "no_change": "both alleles are the same",
    "reference_mismatch": "the genome has another reference allele there",
    "allele_too_long": "an allele reaches past the models' output window",
    "edge": "their window reaches past the chromosome's end",
}

_BASES = re.compile("[ACGTacgt]+")


class Checker:
    """Tells for one allele at a time whether it can be scored.

    Parameters
    ----------
    genome
        The genome that the alleles are of.
    input_length, output_length
        The models' windows, in bases.
    """

    def __init__(self, genome: Genome, input_length: int, output_length: int) -> None:
        # Slices of a plain array cost a fraction of those of a mapped one, which it still is.
        self._codes = {name: np.asarray(genome.codes(name)) for name in genome.names}
        self._input_length, self._longest = input_length, longest_allele(output_length)

    def status(self, allele: Allele) -> str:
        """`SCORED`, or the first of `REASONS` that keeps the allele from being scored."""
        codes = self._codes.get(allele.chrom)
        return "unknown_contig" if codes is None else self._shape(allele) or self._place(allele, codes) or SCORED

    def agrees_one_further(self, allele: Allele) -> bool:
        """Whether the reference allele is found one base further right: with a position that is counted from 0."""
        start = allele.start + 1
        there = self._codes[allele.chrom][start : start + len(allele.ref)]
        return there.tobytes() == encode(allele.ref).tobytes()

    def _shape(self, allele: Allele) -> str | None:
        alt = allele.alt
        if alt == MISSING:
            return "no_alternative"
        if alt == "*":
            return "overlapping_deletion"
        if alt.startswith(("<", MISSING)) or alt.endswith(MISSING) or "[" in alt or "]" in alt:
            return "symbolic_allele"
        if not (_BASES.fullmatch(alt) and _BASES.fullmatch(allele.ref)):
            return "ambiguous_allele"
        return "no_change" if alt.upper() == allele.ref.upper() else None

    def _place(self, allele: Allele, codes: np.ndarray) -> str | None:
        start, end = allele.start, allele.start + len(allele.ref)
        if start < 0:
            return "edge"
        if codes[start:end].tobytes() != encode(allele.ref).tobytes():
            return "reference_mismatch"
        if max(len(allele.ref), len(allele.alt)) > self._longest:
            return "allele_too_long"
        first = start - self._input_length // 2
        # What a deletion removes is made up for on the right, so that its window reaches further.
        last = first + self._input_length + max(len(allele.ref) - len(allele.alt), 0)
        return "edge" if first < 0 or last > len(codes) else None


def longest_allele(output_length: int) -> int:
    """The longest allele that stays within the output window, in whose middle it begins."""
    return output_length // 2


def scorable(alleles: Iterable[Allele], checker: Checker) -> Iterator[Allele]:
    """Those that can be scored."""
    return (allele for allele in alleles if checker.status(allele) == SCORED)
