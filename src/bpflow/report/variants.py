"""The section of given variants: how many were scored, why others were not, and how many stand out."""

from __future__ import annotations

from typing import Any

from bpflow.report.blocks import Block, Facts, Section, table
from bpflow.report.format import ABSENT, number, percent, plain

__all__ = ["variant_section"]

Record = dict[str, Any]

MEANINGS = {
    "scored": "scored",
    "unknown_contig": "the chromosome is not in the genome",
    "reference_mismatch": "the genome has another reference allele",
    "no_alternative": "no alternative allele",
    "overlapping_deletion": "* (a deletion before it)",
    "symbolic_allele": "symbolic, such as <DEL>",
    "ambiguous_allele": "letters other than A, C, G and T",
    "no_change": "both alleles are the same",
    "allele_too_long": "longer than half the output window",
    "edge": "its window reaches past the chromosome's end",
}
EFFECTS = {
    "log2_fold_counts": "log2 fold change of counts",
    "jsd": "Jensen-Shannon distance of profiles",
    "integrative_effect": "both multiplied",
}


def variant_section(record: Record, here: str) -> Section:
    """What became of the variants of one sample."""
    alleles, status = record["alleles"], record["status"]
    peaks = record.get("peaks") or {}
    blocks: list[Block] = [
        Facts(
            [
                ("File", plain(record.get("variants"))),
                ("Alternative alleles", number(alleles)),
                ("Scored", f"{number(status.get('scored'))} ({percent(status.get('scored'), alleles)})"),
                ("Given more than once", number(record.get("duplicates"))),
                ("Models", number(len(record.get("folds") or ()))),
                ("Null variants for p-values", number(record.get("null"))),
                ("Peaks for the quantile", number(peaks.get("n")) if peaks.get("n") else ABSENT),
            ]
        )
    ]
    left_out = [(MEANINGS.get(name, name), number(count)) for name, count in status.items() if count]
    blocks.append(table("What became of the alleles", {"status": "t", "alleles": "n"}, left_out))
    significant = record.get("significant")
    if significant:
        rows = [
            (words, number(significant.get(name)), percent(significant.get(name), status.get("scored")))
            for name, words in EFFECTS.items()
        ]
        blocks.append(
            table(
                f"Alleles whose effect stands out (q of at most {number(significant.get('q'))})",
                {"effect": "t", "alleles": "n", "share of the scored": "n"},
                rows,
                note="By the mean over folds, against dinucleotide-shuffled null variants; Benjamini-Hochberg over all "
                "scored alleles. Values of each are in variants.tsv.gz, pictures of the leading ones in figures/.",
            )
        )
    return Section(f"{here}-variants", "Variants", blocks)
