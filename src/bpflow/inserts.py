"""Sequences to write into backgrounds: bias probes of the enzymes, sites of transcription factors, motifs of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from bpflow.errors import InputError
from bpflow.files import text_lines
from bpflow.motif_files import consensus, is_motif_file, read_motif_file

__all__ = [
    "BIAS_PROBES",
    "CONTROL",
    "TF_MOTIFS",
    "Insert",
    "Kind",
    "added_motifs",
    "bias_probes",
    "read_motifs",
    "tf_motifs",
]

# The official program's probes, per assay (its second DNASE probe was meant to be this one).
BIAS_PROBES = {
    "ATAC": {
        "tn5_1": "GCACAGTACAGAGCTG",
        "tn5_2": "GTGCACAGTTCTAGAGTGTGCAG",
        "tn5_3": "CCTCTACACTGTGCAGAA",
        "tn5_4": "GCACAGTTCTAGACTGTGCAG",
        "tn5_5": "CTGCACAGTGTAGAGTTGTGC",
    },
    "DNASE": {"dnase_1": "TTTACAAGTCCA", "dnase_2": "TGTACTTACGAA"},
}
# Vertebrate: the official program's data/motif_to_pwm.TF.tsv (its second NRF1 under a name of its own). Yeast: sites
# that fit the published consensus sequences of data/motifs.tsv.
TF_MOTIFS = {
    "vertebrate": {
        "NRF1": "GCGCATGCGC",
        "AP1": "CGATATGACTCATCCC",
        "CTCF": "TTGGCCACTAGGGGGCGCTAT",
        "ETS": "CCGAAAGCGGAAGTGAGAC",
        "SP1": "AAGGGGGCGGGGCCTAA",
        "RUNX": "CCCTAACCACAGCCC",
        "NFKB": "GCAAGGGAAATTCCCCAGG",
        "GATA+TAL": "GGCTGGGGGGGGCAGATAAGGCC",
        "TAL": "GGCTGGG",
        "NFYB": "CCAGCCAATCAGAGC",
        "GABPA": "GAAACCGGAAGTGGCC",
        "BACH1+MAFK": "AACTGCTGAGTCATCCCG",
        "NRF1_2": "CCCCGCGCATGCGCAGTGC",
        "HNF4G": "CCGTTGGACTTTGGACCCTG",
    },
    "yeast": {
        "Reb1": "ATTACCCGG",
        "Abf1": "TATCACTATATACGA",
        "Rap1": "ACACCCATACATC",
        "Cbf1": "GTCACGTG",
        "Mcm1": "TTTCCTAATTAGGAAA",
        "Gcn4": "ATGACTCAT",
        "Gal4": "CGGAAGACTCTCCTCCG",
        "Pho4": "CACGTGGG",
        "Tbf1": "AACCCTAA",
        "Mbp1": "ACGCGTAA",
        "Swi4": "CACGAAAA",
        "Rpn4": "GGTGGCAAA",
        "Rsc3": "CGCGCG",
        "Ste12": "ATGAAACA",
        "Hap2-3-4": "TGATTGGT",
        "Dot6-Tod6": "GCGATGAGCT",
        "Stb3": "TGAAAAATTTT",
    },
}
CONTROL = "control"
EXPECTED = "lines of name, tab, sequence, or motifs of a MEME or JASPAR file"

Kind = Literal["bias_probe", "motif"]


@dataclass(frozen=True)
class Insert:
    """A sequence to write into backgrounds."""

    name: str
    sequence: str
    kind: Kind


def bias_probes(assay: str) -> list[Insert]:
    """The built-in probes of an assay."""
    return [Insert(name, sequence, "bias_probe") for name, sequence in BIAS_PROBES[assay].items()]


def tf_motifs(taxon: str) -> list[Insert]:
    """The built-in sites of common transcription factors; none for the taxon ``"none"``."""
    return [Insert(name, sequence, "motif") for name, sequence in TF_MOTIFS.get(taxon, {}).items()]


def added_motifs(inserts: Iterable[Insert], paths: Iterable[str | os.PathLike[str]], taxon: str) -> list[Insert]:
    """`inserts`, the motifs of files, and the built-in ones of a taxon that are not called as any of these.

    Raises
    ------
    InputError
        As of :func:`read_motifs`.
    """
    found = list(inserts)
    for path in paths:
        found += read_motifs(path, taken=[insert.name for insert in found])
    names = {insert.name for insert in found}
    return found + [insert for insert in tf_motifs(taxon) if insert.name not in names]


def read_motifs(path: str | os.PathLike[str], *, taken: Iterable[str] = ()) -> list[Insert]:
    """Read sequences by name, or a MEME or JASPAR file, of whose motifs the most frequent bases are taken.

    Parameters
    ----------
    path
        Lines of name, tab, sequence, where empty lines and lines starting with ``#`` are skipped; or what
        :func:`bpflow.motif_files.read_motif_file` reads, in whose names a slash becomes an underscore.
    taken
        Names that may not be used again.

    Raises
    ------
    InputError
        Naming the line: no two columns, letters other than A, C, G, T, a name with a slash, a matrix that is none; or
        a name twice.
    """
    found: Iterable[tuple[str, Insert]]
    if is_motif_file(path):
        found = (
            (str(path), Insert(motif.name.replace("/", "_"), consensus(motif.frequencies), "motif"))
            for motif in read_motif_file(path)
        )
    else:
        found = _read_lines(path)
    names = {CONTROL, *taken}
    motifs = []
    for where, motif in found:
        if motif.name in names:
            raise InputError(f"the name {motif.name!r} is taken", where=where, expected="a name of its own for each")
        names.add(motif.name)
        motifs.append(motif)
    if not motifs:
        raise InputError("no motifs", where=str(path), expected=EXPECTED)
    return motifs


def _read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[str, Insert]]:
    """Where each sequence stands, and the sequence."""
    for number, line in text_lines(path, EXPECTED):
        where = f"{path}, line {number}"
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not all(fields):
            raise InputError(f"{len(fields)} column(s)", where=where, expected="a name, a tab and a sequence")
        name, sequence = fields[0], fields[1].upper()
        if set(sequence) - set("ACGT"):
            raise InputError(f"the sequence {fields[1]!r}", where=where, expected="the letters A, C, G and T alone")
        if "/" in name:
            raise InputError(f"the name {name!r}", where=where, expected="a name without a slash")
        yield where, Insert(name, sequence, "motif")
