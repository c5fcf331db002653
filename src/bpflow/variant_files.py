"""Variants of a VCF, a BCF or a table, record by record and in constant memory, with the line of each.

A VCF is read line by line here and not by htslib: that reads no plain gzip as a stream, never names the line that is
wrong, and calls a file truncated where a position is no number. BCF goes through pysam. A table is tab-separated, and
its first line names the columns chrom, pos, ref, alt and, if there is one, id, in any order and among others. In all
of them positions are 1-based, and several alternative alleles are separated by commas; here positions are 0-based.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from bpflow.errors import InputError
from bpflow.variant_headers import TABLE_COLUMNS, Header, opened_bcf, read_header, table_columns, text_lines

__all__ = ["MISSING", "Allele", "Record", "VariantFile"]

MISSING = "."
LONGEST_POSITION = 12


class Allele(NamedTuple):
    """One alternative allele of a record.

    Attributes
    ----------
    chrom
        Chromosome, as the file names it.
    start
        0-based position of the reference allele's first base; -1 for a VCF's position 0, before the first base.
    name
        The record's ID, or ``.``.
    ref, alt
        The alleles as they are written; `alt` is ``.`` where there is none.
    """

    chrom: str
    start: int
    name: str
    ref: str
    alt: str

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start + 1} {self.ref}>{self.alt}"


class Record(NamedTuple):
    """One record: the number of its line (in a BCF, of the record), the line without its end, and its alleles."""

    number: int
    line: bytes
    alleles: tuple[Allele, ...]


@dataclass(frozen=True)
class VariantFile:
    """A file of variants, which can be read any number of times.

    Attributes
    ----------
    path
        The file.
    header
        Its format and header lines.
    """

    path: Path
    header: Header

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> VariantFile:
        """Check a file's header; raises as :func:`bpflow.variant_headers.read_header`."""
        return cls(Path(path), read_header(path))

    def records(self) -> Iterator[Record]:
        """Yield all records in the file's order.

        Raises
        ------
        InputError
            A malformed line, which is named, a damaged file, or no record at all.
        """
        number = 0
        parse = self._parse_row() if self.header.format == "table" else self._parse_vcf
        for number, line in self._body():
            yield parse(number, line)
        if not number:
            raise InputError(
                "a header and no variants",
                where=str(self.path),
                expected="at least one variant",
                mend="Check how the file was made: a filter may have removed them all",
            )

    def alleles(self) -> Iterator[Allele]:
        """Yield every alternative allele of every record, in the file's order."""
        return chain.from_iterable(record.alleles for record in self.records())

    def _body(self) -> Iterator[tuple[int, bytes]]:
        if self.header.format == "BCF":
            with opened_bcf(self.path) as handle:
                for number, record in enumerate(handle, start=1):
                    yield number, str(record).rstrip("\n").encode()
            return
        lines = text_lines(self.path)
        for _, line in lines:
            if line == self.header.lines[-1]:
                break
        for number, line in lines:
            if line.strip():
                yield number, line

    def _parse_vcf(self, number: int, line: bytes) -> Record:
        columns = self.header.lines[-1].count(b"\t") + 1
        if self.header.format == "VCF" and line.count(b"\t") + 1 != columns:
            raise self._malformed(
                number,
                f"{len(line.split(bytes([9])))} column(s)",
                f"{columns} separated by tabs, as in the line #CHROM",
                "If this is the last line, the file was cut short: copy or make it again",
            )
        return self._record(number, line, *(field.decode("utf-8", "replace") for field in line.split(b"\t", 5)[:5]))

    def _parse_row(self) -> Callable[[int, bytes], Record]:
        names = table_columns(self.header.lines[-1])
        chrom, pos, ref, alt = (names.index(name) for name in TABLE_COLUMNS)
        name = names.index("id") if "id" in names else None

        def parse(number: int, line: bytes) -> Record:
            fields = [field.strip() for field in line.decode("utf-8", "replace").split("\t")]
            if len(fields) != len(names):
                raise self._malformed(number, f"{len(fields)} column(s)", f"{len(names)}, as in the header")
            identity = "" if name is None else fields[name]
            return self._record(number, line, fields[chrom], fields[pos], identity or MISSING, fields[ref], fields[alt])

        return parse

    def _record(self, number: int, line: bytes, chrom: str, pos: str, name: str, ref: str, alt: str) -> Record:
        if not (pos.isascii() and pos.isdigit() and len(pos) <= LONGEST_POSITION):
            raise self._malformed(number, f"the position {pos[:50]!r}", "a whole number, counted from 1")
        for what, text in (("chromosome", chrom), ("reference allele", ref), ("alternative allele", alt)):
            if not text:
                raise self._malformed(number, f"no {what}", "one; an alternative allele that is missing is written '.'")
        start = int(pos) - 1
        return Record(number, line, tuple(Allele(chrom, start, name, ref, each or MISSING) for each in alt.split(",")))

    def _malformed(self, number: int, found: str, expected: str, mend: str | None = None) -> InputError:
        unit = "record" if self.header.format == "BCF" else "line"
        return InputError(found, where=f"{self.path}, {unit} {number}", expected=expected, mend=mend)
