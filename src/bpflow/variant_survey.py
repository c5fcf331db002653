"""What is known of a file's alleles before any is scored: none is left out without a word."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bpflow.chromosomes import explain_mismatch
from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.variant_checks import REASONS, SCORED, Checker
from bpflow.variant_files import Allele

__all__ = ["DuplicateNotes", "Survey", "identity", "survey"]


@dataclass(frozen=True)
class Survey:
    """What is known of a file's alleles before any is scored.

    Attributes
    ----------
    counts
        Number of alleles by status; `SCORED` is that of those that can be scored.
    examples
        The first allele of each other status, in words.
    repeated
        Hashes of the alleles that can be scored and come more than once.
    duplicates
        How many of them come again.
    is_sorted
        Whether records go by chromosome, each in one stretch, and by position.
    contigs
        Chromosomes in the order in which they come.
    unknown
        What is wrong with chromosomes that are not in the genome.
    one_further
        Reference mismatches that would be none one base further right.
    """

    counts: dict[str, int]
    examples: dict[str, str]
    repeated: frozenset[int]
    duplicates: int
    is_sorted: bool
    contigs: tuple[str, ...]
    unknown: str | None
    one_further: int

    @property
    def scored(self) -> int:
        """Number of alleles that can be scored."""
        return self.counts[SCORED]

    def reasons(self) -> list[str]:
        """Why alleles cannot be scored: a phrase for each reason, with its number and first example."""
        return [
            f"{self.counts[status]} because {why} ({status}; first: {self.examples[status]})"
            for status, why in REASONS.items()
            if self.counts[status]
        ]

    def messages(self) -> list[str]:
        """Sentences for the record."""
        sentences = [f"Not scored: {reason}." for reason in self.reasons()]
        sentences += [f"{hint}." for hint in self._hints()]
        if self.duplicates:
            sentences.append(
                f"{self.duplicates} alleles come again after their first line; they are scored all the same, count as "
                "tests of their own, and are noted as duplicates."
            )
        if not self.is_sorted:
            sentences.append(
                "The variants are not sorted. The output keeps their order, so the annotated VCF has no index; "
                "'bcftools sort' makes a file that has one."
            )
        return sentences

    def require_scored(self, where: str) -> None:
        """Stop if there is nothing to score, and say why not."""
        if not self.scored:
            raise InputError(
                f"none of {sum(self.counts.values())} alleles can be scored: {'; '.join(self.reasons())}",
                where=where,
                expected="variants of the same assembly as the genome",
                mend=". ".join(self._hints()) or "Check that the reference alleles are those of this genome",
            )

    def _hints(self) -> list[str]:
        """What may be wrong with the file as a whole."""
        hints = [self.unknown] if self.unknown else []
        # By chance one base in four agrees.
        if self.one_further > max(self.counts["reference_mismatch"] / 2, 4):
            hints.append(
                f"{self.one_further} of the reference alleles that do not agree would do so one base further right: "
                "positions may be counted from 0 in this file, where they should be from 1"
            )
        return hints


def survey(alleles: Iterable[Allele], checker: Checker, genome: Genome) -> Survey:
    """Look at all alleles once; memory grows by eight bytes an allele, for the search of duplicates."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    hashes, contigs, one_further = array("q"), _Order(), 0
    for allele in alleles:
        status = checker.status(allele)
        counts[status] += 1
        contigs.add(allele)
        if status == SCORED:
            hashes.append(hash(identity(allele)))
            continue
        if status not in examples:
            examples[status] = _example(allele, status, genome)
        one_further += status == "reference_mismatch" and checker.agrees_one_further(allele)
    values, times = np.unique(np.frombuffer(hashes, dtype=np.int64), return_counts=True)
    return Survey(
        counts={status: counts[status] for status in (SCORED, *REASONS)},
        examples=examples,
        repeated=frozenset(values[times > 1].tolist()),
        duplicates=int((times - 1).sum()),
        is_sorted=contigs.is_sorted,
        contigs=tuple(contigs.names),
        unknown=_explain_unknown(list(contigs.names), genome),
        one_further=one_further,
    )


def identity(allele: Allele) -> tuple[str, int, str, str]:
    """What two alleles share that mean the same change, whatever their names and cases are."""
    return allele.chrom, allele.start, allele.ref.upper(), allele.alt.upper()


class DuplicateNotes:
    """Notes for alleles that came before, in the order of the file."""

    def __init__(self, repeated: frozenset[int]) -> None:
        self._repeated, self._seen = repeated, set[int]()

    def note(self, allele: Allele) -> str:
        """``duplicate`` for an allele that came before, else nothing."""
        value = hash(identity(allele))
        if value not in self._repeated:
            return ""
        if value in self._seen:
            return "duplicate"
        self._seen.add(value)
        return ""


class _Order:
    """Follows whether alleles are sorted: chromosomes in one stretch each, positions not falling."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.is_sorted = True
        self._last: tuple[str, int] = ("", -1)

    def add(self, allele: Allele) -> None:
        chrom, start = self._last
        if allele.chrom == chrom:
            self.is_sorted &= allele.start >= start
        else:
            self.is_sorted &= allele.chrom not in self.names
            self.names[allele.chrom] = None
        self._last = allele.chrom, allele.start


def _example(allele: Allele, status: str, genome: Genome) -> str:
    # Long insertions and deletions would fill the message.
    text = str(allele) if len(str(allele)) <= 60 else f"{str(allele)[:57]}..."
    if status == "unknown_contig" and allele.chrom in genome.dropped:
        return f"{text}, left out of the genome: {genome.dropped[allele.chrom]}"
    if status != "reference_mismatch":
        return text
    size = genome.sizes[allele.chrom]
    if allele.start >= size:
        return f"{text}, past the chromosome's end at {size}"
    there = genome.codes(allele.chrom)[allele.start : allele.start + min(len(allele.ref), 20)]
    return f"{text}, where the genome has {''.join('ACGTN'[code] for code in there)}"


def _explain_unknown(names: list[str], genome: Genome) -> str | None:
    unknown = [name for name in names if name not in genome.sizes and name not in genome.dropped]
    return explain_mismatch(unknown, genome.names) if unknown else None
