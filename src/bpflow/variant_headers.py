"""What a file of variants is, told by its content, and whether its header can be used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import pysam

from bpflow.decompression import damaged, whole_lines
from bpflow.errors import InputError
from bpflow.files import existing

__all__ = ["Format", "Header", "opened_bcf", "quiet_htslib", "read_header", "table_columns", "text_lines"]

Format = Literal["VCF", "BCF", "table"]

VCF_COLUMNS = [b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO"]
TABLE_COLUMNS = ("chrom", "pos", "ref", "alt")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WANTED = "a VCF (plain, gzip or bgzip), a BCF, or a table with the columns chrom, pos, ref and alt"


class Header(NamedTuple):
    """A file's format and its header lines, without their ends; of a table, the line that names the columns."""

    format: Format
    lines: tuple[bytes, ...]


def read_header(path: str | os.PathLike[str]) -> Header:
    """Tell the format by the content, and check the header.

    Raises
    ------
    InputError
        No such file, an empty or a damaged one, or a header that is missing or wrong: how to mend it is said.
    """
    path = existing(path, WANTED)
    first = next((line for _, line in text_lines(path) if line.strip()), None)
    if first is None:
        raise InputError("an empty file", where=str(path), expected=WANTED)
    if first.startswith(b"BCF"):
        with opened_bcf(path) as handle:
            return Header("BCF", tuple(str(handle.header).rstrip("\n").encode().split(b"\n")))
    if b"\0" in first:
        raise InputError("neither text nor a BCF", where=str(path), expected=WANTED)
    if first.startswith(b"##fileformat=VCF"):
        return Header("VCF", _vcf_header(path))
    return Header("table", (_table_header(path),))


def text_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, counted from 1, without line ends, of a plain, gzip or bgzip file."""
    number = 0
    for block in whole_lines(path):
        text = block.removeprefix(BYTE_ORDER_MARK) if number == 0 else block
        for line in text.removesuffix(b"\n").split(b"\n"):
            number += 1
            yield number, line.removesuffix(b"\r")


@contextmanager
def opened_bcf(path: Path) -> Iterator[pysam.VariantFile]:
    """Open a BCF; what htslib finds wrong becomes an `InputError`."""
    try:
        with quiet_htslib(), pysam.VariantFile(str(path)) as handle:
            yield handle
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from None


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keep htslib from writing to the terminal by itself."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


def table_columns(line: bytes) -> list[str]:
    """Names of a table's columns, in small letters; the first may begin with ``#``."""
    return [name.strip().lower() for name in line.decode("utf-8", "replace").lstrip("#").split("\t")]


def _vcf_header(path: Path) -> tuple[bytes, ...]:
    header = []
    for number, line in text_lines(path):
        header.append(line)
        if line.startswith(b"##"):
            continue
        where = f"{path}, line {number}"
        if not line.startswith(b"#CHROM"):
            raise InputError(
                "a variant before the line that begins with #CHROM",
                where=where,
                expected="the header's last line: #CHROM POS ID REF ALT QUAL FILTER INFO, separated by tabs",
                mend="Add it, or take the header of the file that this one was made of",
            )
        if line.split(b"\t")[: len(VCF_COLUMNS)] != VCF_COLUMNS:
            raise InputError(
                "a #CHROM line with other columns" if b"\t" in line else "a #CHROM line without tabs",
                where=where,
                expected="#CHROM POS ID REF ALT QUAL FILTER INFO, separated by tabs",
                mend="Tabs may have become spaces where the file was edited",
            )
        return tuple(header)
    raise InputError(
        "a header without its last line",
        where=str(path),
        expected="a line that begins with #CHROM, and variants after it",
        mend="The file was cut short: copy or make it again",
    )


def _table_header(path: Path) -> bytes:
    """The line that names a table's columns; comments (``##``) may come before it."""
    found = next((item for item in text_lines(path) if item[1].strip() and not item[1].startswith(b"##")), None)
    if found is None:
        raise InputError("nothing but comments", where=str(path), expected=WANTED)
    number, line = found
    where, names = f"{path}, line {number}", table_columns(line)
    if {"qual", "filter", "info"} <= set(names):
        raise InputError(
            "a VCF that does not begin with ##fileformat",
            where=str(path),
            expected="##fileformat=VCFv4.2 (or another version) as the first line",
            mend="Add that line at the top",
        )
    if len(names) > 3 and names[1].isdigit():
        raise InputError(
            "variants without a header",
            where=where,
            expected="the header of a VCF (##fileformat and #CHROM), or a line that names a table's columns",
            mend="Add it; for a table: chrom, pos, ref and alt, separated by tabs",
        )
    absent = [name for name in TABLE_COLUMNS if name not in names]
    if not absent:
        return line
    if set(TABLE_COLUMNS) <= set(re.split(r"[^a-z]+", names[0])):
        raise InputError("no tabs in the line of columns", where=where, expected="columns separated by tabs")
    if len(absent) == len(TABLE_COLUMNS):
        raise InputError("neither a VCF nor a table of variants", where=where, expected=WANTED)
    raise InputError(
        f"no column {absent[0]!r} in the table",
        where=where,
        expected="a line with the columns chrom, pos, ref, alt and, if there are names, id",
    )
