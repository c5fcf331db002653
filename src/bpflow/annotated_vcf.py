"""A VCF with values of each alternative allele added to its records, compressed and indexed.

Lines of a VCF are kept byte for byte but for INFO, header and samples included. A table becomes a VCF of the first
eight columns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pysam

from bpflow import __version__
from bpflow.files import atomic_path
from bpflow.genome import Genome
from bpflow.variant_files import MISSING, Record, VariantFile
from bpflow.variant_headers import quiet_htslib

__all__ = ["Field", "write_annotated"]

COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
INFO = 7
# The last place that a tabix index can hold; a CSI index goes further.
TABIX_END = 1 << 29

_IDENTITY = re.compile(rb"##(INFO|contig)=<ID=([^,>]+)")
_REFERENCE = re.compile("[ACGTNRYSWKMBDHVacgtnryswkmbdhv]+")
_ALTERNATIVE = re.compile(r"[ACGTNRYSWKMBDHVacgtnryswkmbdhv]+|\*|\.|<[^<>\s,]+>|[^\s,;]*[\[\]][^\s,;]*")


class Field(NamedTuple):
    """An INFO field with one value for each alternative allele: its key, type (Float or String), and what it says."""

    key: str
    type: str
    description: str

    def header_line(self) -> bytes:
        """The line that declares it."""
        return (
            f'##INFO=<ID={self.key},Number=A,Type={self.type},Description="{self.description}",'
            f'Source="bpflow",Version="{__version__}">'
        ).encode()


def write_annotated(
    source: VariantFile,
    fields: Sequence[Field],
    values: Iterator[Sequence[str]],
    output: str | os.PathLike[str],
    genome: Genome,
    *,
    contigs: Sequence[str],
    index: bool,
) -> int:
    """Write the VCF (bgzip) and, if asked for, its tabix index beside it (``.tbi``, or ``.csi`` for long chromosomes).

    Parameters
    ----------
    source
        The variants.
    fields
        What is added; fields and declarations of the same names, as an earlier run wrote them, are replaced.
    values
        One row an allele of `source`, in its order: a text for each field, ``.`` where there is no value.
    output
        The file to write.
    genome
        Gives the lengths of chromosomes.
    contigs
        Chromosomes of the variants; those that the header does not declare are added.
    index
        Whether to write an index: only if the records are sorted.

    Returns
    -------
    int
        Alleles of a table that a VCF cannot hold, which are left out.
    """
    output, left_out = Path(output), 0
    with atomic_path(output) as temporary:
        with pysam.BGZFile(str(temporary), "wb", None) as handle:
            for line in _header(source, fields, genome, contigs):
                handle.write(line + b"\n")
            for record in source.records():
                rows = [next(values) for _ in record.alleles]
                columns = _columns(source, record)
                if columns is None:
                    left_out += len(rows)
                    continue
                columns[INFO] = _info(columns[INFO], fields, rows, record)
                handle.write(b"\t".join(columns) + b"\n")
        made = _index(temporary, genome) if index else None
        for suffix in (".tbi", ".csi"):
            # One of an earlier run would point to the wrong places.
            Path(f"{output}{suffix}").unlink(missing_ok=True)
    if made is not None:
        made.replace(f"{output}{made.suffix}")
    return left_out


def _header(source: VariantFile, fields: Sequence[Field], genome: Genome, contigs: Sequence[str]) -> list[bytes]:
    table = source.header.format == "table"
    *lines, columns = (b"##fileformat=VCFv4.2", COLUMNS) if table else source.header.lines
    declared = [match.groups() if (match := _IDENTITY.match(line)) else None for line in lines]
    replaced = {(b"INFO", field.key.encode()) for field in fields}
    kept = [line for line, what in zip(lines, declared, strict=True) if what not in replaced]
    names = genome.names if table else []
    absent = dict.fromkeys(name for name in [*names, *contigs] if (b"contig", name.encode()) not in declared)
    return [*kept, *(_contig(name, genome) for name in absent), *(field.header_line() for field in fields), columns]


def _contig(name: str, genome: Genome) -> bytes:
    length = f",length={genome.sizes[name]}" if name in genome.sizes else ""
    return f"##contig=<ID={name}{length}>".encode()


def _columns(source: VariantFile, record: Record) -> list[bytes] | None:
    """The record's columns; None for a row of a table that is no VCF's."""
    if source.header.format != "table":
        return record.line.split(b"\t")
    first = record.alleles[0]
    alts = [allele.alt for allele in record.alleles]
    if not (_REFERENCE.fullmatch(first.ref) and all(map(_ALTERNATIVE.fullmatch, alts))):
        return None
    name = re.sub(r"\s", "_", first.name)
    text = (first.chrom, str(first.start + 1), name, first.ref, ",".join(alts), MISSING, MISSING, MISSING)
    return [column.encode() for column in text]


def _info(given: bytes, fields: Sequence[Field], rows: Sequence[Sequence[str]], record: Record) -> bytes:
    own = {field.key.encode() for field in fields}
    entries = [entry for entry in given.split(b";") if entry.partition(b"=")[0] not in {*own, b"", MISSING.encode()}]
    # A record without alternatives has no value of any field with one an alternative.
    if [allele.alt for allele in record.alleles] != [MISSING]:
        for field, texts in zip(fields, zip(*rows, strict=True), strict=True):
            if any(text != MISSING for text in texts):
                entries.append(f"{field.key}={','.join(texts)}".encode())
    return b";".join(entries) or MISSING.encode()


def _index(path: Path, genome: Genome) -> Path:
    long = max(genome.sizes.values()) > TABIX_END
    with quiet_htslib():
        pysam.tabix_index(str(path), preset="vcf", force=True, csi=long)
    return Path(f"{path}{'.csi' if long else '.tbi'}")
