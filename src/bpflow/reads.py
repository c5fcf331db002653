"""Reads of any accepted format, as the 5' ends that they carry.

Every reader yields batches of 5' ends in the coordinates of its file: for a + end the 0-based position of its first
base (``start``), for a - end that of its last base (``end - 1``). Nothing is shifted here.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
import pysam

from bpflow.errors import InputError
from bpflow.files import READ_ERRORS, existing, open_binary
from bpflow.genome import Genome

__all__ = ["EXCLUDABLE_FLAGS", "FORMATS", "Ends", "ReadFilter", "detect_format", "read_ends"]

FORMATS = ("bam", "fragments", "tagalign")
EXCLUDABLE_FLAGS = {"unmapped": 0x4, "secondary": 0x100, "supplementary": 0x800, "qc_fail": 0x200, "duplicate": 0x400}

TEXT_BLOCK = 1 << 24
BAM_BATCH = 1 << 17
LONGEST_NUMBER = 12
# CRAM fields to decode: flag, contig, position, mapping quality and CIGAR, so that no reference is needed.
CRAM_FIELDS = 0x2 | 0x4 | 0x8 | 0x10 | 0x20


class Ends(NamedTuple):
    """A batch of 5' ends: places in ``Genome.array`` and whether each is on the + strand, both (N,)."""

    positions: np.ndarray
    plus: np.ndarray


class ReadFilter(NamedTuple):
    """Which alignments of a BAM or CRAM count.

    Attributes
    ----------
    min_mapq
        Lowest mapping quality kept.
    exclude_flags
        Names among :data:`EXCLUDABLE_FLAGS`; an unmapped read is never counted, having no position.
    """

    min_mapq: int = 30
    exclude_flags: tuple[str, ...] = tuple(EXCLUDABLE_FLAGS)


def detect_format(path: str | os.PathLike[str]) -> str:
    """Tell ``bam`` (BAM, CRAM or SAM), ``fragments`` and ``tagalign`` by a file's content.

    A text file whose sixth column is a strand is a tagAlign; any other with three columns or more a fragment file.
    """
    existing(path, "reads: BAM, CRAM, fragments or tagAlign")
    with open(path, "rb") as handle:
        magic = handle.read(4)
    if magic == b"CRAM":
        return "bam"
    try:
        with open_binary(path) as handle:
            head = handle.read(4)
            if head == b"BAM\x01":
                return "bam"
            rest = head + handle.readline()
            while rest.startswith((b"#", b"track", b"browser")) or rest.strip() == b"":
                line = handle.readline()
                if not line:
                    raise InputError("no reads", where=str(path), expected="lines of chromosome, start, end")
                rest = line
    except READ_ERRORS as error:
        raise _damaged(path, error) from None
    if rest.startswith((b"@HD\t", b"@SQ\t")):
        return "bam"
    columns = rest.rstrip(b"\r\n").split(b"\t")
    if len(columns) < 3:
        raise InputError(
            f"{len(columns)} tab-separated column(s) in the first line",
            where=str(path),
            expected="a BAM, a CRAM, a fragment file (chromosome, start, end, ...) or a tagAlign (6 columns)",
        )
    return "tagalign" if len(columns) >= 6 and columns[5] in (b"+", b"-") else "fragments"


def read_ends(
    path: str | os.PathLike[str],
    genome: Genome,
    *,
    file_format: str,
    read_filter: ReadFilter,
    tally: Counter[str],
    threads: int = 1,
) -> Iterator[Ends]:
    """Yield the 5' ends of a file in batches.

    Parameters
    ----------
    path
        The reads.
    genome
        Ends off its chromosomes are dropped and counted.
    file_format
        One of :data:`FORMATS`. Each alignment gives one end; each line of a fragment file one + and one - end,
        whatever its fifth column says; each line of a tagAlign one end by its strand.
    read_filter
        Applies to BAM and CRAM.
    tally
        Filled with ``records`` and ``kept``, ``dropped: CAUSE`` (records) and ``off chromosome`` (single ends).
    threads
        For decompressing BAM and CRAM.

    Raises
    ------
    InputError
        A damaged file, a wrong line, or contigs none of which is in the genome.
    """
    if file_format == "bam":
        batches = _alignment_ends(path, genome, read_filter, tally, threads)
    else:
        batches = _text_ends(path, genome, tally, has_strand=file_format == "tagalign")
    for chromosome, position, plus in batches:
        yield _place(genome, chromosome, position, plus, tally)


# Index of the chromosome in Genome.names, position of the 5' base, whether on the + strand.
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def _place(genome: Genome, chromosome: np.ndarray, position: np.ndarray, plus: np.ndarray, tally: Counter) -> Ends:
    size = np.array(list(genome.sizes.values()), dtype=np.int64)
    offset = np.array(list(genome.offsets.values()), dtype=np.int64)
    within = (position >= 0) & (position < size[chromosome])
    tally["off chromosome"] += int((~within).sum())
    return Ends((offset[chromosome] + position)[within], plus[within])


def _alignment_ends(
    path: str | os.PathLike[str], genome: Genome, read_filter: ReadFilter, tally: Counter, threads: int
) -> Iterator[Batch]:
    causes = [(flag, name) for name, flag in EXCLUDABLE_FLAGS.items() if name in read_filter.exclude_flags]
    if "unmapped" not in read_filter.exclude_flags:
        causes.insert(0, (EXCLUDABLE_FLAGS["unmapped"], "unmapped"))
    options = [f"required_fields={CRAM_FIELDS}"]
    try:
        with pysam.AlignmentFile(str(path), threads=threads, check_sq=False, format_options=options) as alignments:
            _check_contig_lengths(path, genome, dict(zip(alignments.references, alignments.lengths, strict=True)))
            contig_of = [_contig_cause(genome, name) for name in alignments.references]
            place = {name: index for index, name in enumerate(genome.names)}
            index_of = [place.get(name, -1) for name in alignments.references]
            chromosome, position, plus = [], [], []
            for read in alignments.fetch(until_eof=True):
                tally["records"] += 1
                flag = read.flag
                cause = next((name for bit, name in causes if flag & bit), None)
                if cause is None and read.mapping_quality < read_filter.min_mapq:
                    cause = "low mapping quality"
                if cause is None and index_of[read.reference_id] < 0:
                    cause = contig_of[read.reference_id]
                if cause is not None:
                    tally[f"dropped: {cause}"] += 1
                    continue
                tally["kept"] += 1
                chromosome.append(index_of[read.reference_id])
                reverse = bool(flag & 0x10)
                # A read whose CIGAR is missing covers its first base.
                end = read.reference_end or read.reference_start + 1
                position.append(end - 1 if reverse else read.reference_start)
                plus.append(not reverse)
                if len(position) == BAM_BATCH:
                    yield _batch(chromosome, position, plus)
                    chromosome, position, plus = [], [], []
            yield _batch(chromosome, position, plus)
            if not set(alignments.references) & set(genome.sizes):
                genome.require(alignments.references, where=str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(path, error) from None


def _batch(chromosome: list[int], position: list[int], plus: list[bool]) -> Batch:
    return np.array(chromosome, np.int64), np.array(position, np.int64), np.array(plus, bool)


def _check_contig_lengths(path: str | os.PathLike[str], genome: Genome, lengths: dict[str, int]) -> None:
    for name, length in lengths.items():
        if genome.sizes.get(name, length) != length:
            raise InputError(
                f"its header gives {name} {length} bases",
                where=str(path),
                expected=f"{genome.sizes[name]}, as in the genome",
                mend="Use the assembly that the reads were aligned to",
            )


def _contig_cause(genome: Genome, name: str) -> str:
    return "contig left out of the genome" if name in genome.dropped else "contig not in the genome"


def _text_ends(path: str | os.PathLike[str], genome: Genome, tally: Counter, *, has_strand: bool) -> Iterator[Batch]:
    line = 1
    for block in _whole_lines(path):
        frame = _parse(path, block, line, has_strand=has_strand)
        line += block.count(b"\n")
        tally["records"] += frame.height
        if not frame.height:
            continue
        for (name,), group in frame.filter(~pl.col("chrom").is_in(genome.names)).group_by("chrom"):
            tally[f"dropped: {_contig_cause(genome, str(name))}"] += group.height
        frame = frame.filter(pl.col("chrom").is_in(genome.names))
        tally["kept"] += frame.height
        chromosome = frame["chrom"].cast(pl.Enum(genome.names)).to_physical().to_numpy().astype(np.int64)
        start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
        if has_strand:
            plus = (frame["strand"] == "+").to_numpy()
            position = np.where(plus, start, end - 1)
        else:
            chromosome = np.concatenate([chromosome, chromosome])
            position = np.concatenate([start, end - 1])
            plus = np.arange(len(position)) < len(start)
        yield chromosome, position, plus
    if tally["records"] and not tally["kept"]:
        first = _parse(path, next(_whole_lines(path)), 1, has_strand=False)
        genome.require(sorted(first["chrom"].unique()), where=str(path))


def _whole_lines(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Blocks of the decompressed file that end at a line's end."""
    rest = b""
    try:
        with open_binary(path) as handle:
            while block := handle.read(TEXT_BLOCK):
                cut = block.rfind(b"\n") + 1
                if cut:
                    yield rest + block[:cut]
                    rest = block[cut:]
                else:
                    rest += block
    except READ_ERRORS as error:
        raise _damaged(path, error) from None
    if rest:
        yield rest


def _parse(path: str | os.PathLike[str], block: bytes, first_line: int, *, has_strand: bool) -> pl.DataFrame:
    columns = {"column_0": ("chrom", pl.String), "column_1": ("start", pl.Int64), "column_2": ("end", pl.Int64)}
    if has_strand:
        columns["column_5"] = ("strand", pl.String)
    names = {column: name for column, (name, _) in columns.items()}
    try:
        frame = pl.read_csv(
            io.BytesIO(block),
            separator="\t",
            has_header=False,
            columns=list(columns),
            schema_overrides={column: kind for column, (_, kind) in columns.items()},
            comment_prefix="#",
            quote_char=None,
            truncate_ragged_lines=True,
        ).rename(names)
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=dict(columns.values()))
    except pl.exceptions.PolarsError:
        raise _blame(path, block, first_line, has_strand=has_strand) from None
    bad = (pl.col("start") < 0) | (pl.col("end") <= pl.col("start"))
    bad = bad | pl.any_horizontal(pl.all().is_null())
    if has_strand:
        bad = bad | ~pl.col("strand").is_in(["+", "-"])
    if frame.select(bad.any()).item():
        raise _blame(path, block, first_line, has_strand=has_strand)
    return frame


def _blame(path: str | os.PathLike[str], block: bytes, first_line: int, *, has_strand: bool) -> InputError:
    """Find the line that a block could not be parsed for."""
    needed = 6 if has_strand else 3
    found: str | None
    for number, raw in enumerate(block.split(b"\n"), start=first_line):
        line = raw.decode("utf-8", errors="replace").rstrip("\r")
        if not line or line.startswith("#"):
            if line or number == first_line + block.count(b"\n"):
                continue
            found, expected = "an empty line", "a line of tab-separated columns"
        else:
            found, expected = _fault(line.split("\t"), needed, has_strand=has_strand)
        if found:
            return InputError(found, where=f"{path}, line {number}", expected=expected)
    return InputError("a line that cannot be read", where=str(path), expected="tab-separated text")


def _fault(columns: list[str], needed: int, *, has_strand: bool) -> tuple[str | None, str]:
    if len(columns) < needed:
        return f"{len(columns)} column(s)", f"{needed} or more, separated by tabs"
    for value, what in zip(columns[1:3], ("start", "end"), strict=True):
        if not value.removeprefix("-").isdigit() or len(value) > LONGEST_NUMBER:
            return f"the {what} {value!r}", "a whole number of bases"
    start, end = int(columns[1]), int(columns[2])
    if start < 0 or end <= start:
        return f"start {start} and end {end}", "0 <= start < end (0-based, half-open)"
    if has_strand and columns[5] not in ("+", "-"):
        return f"the strand {columns[5]!r}", "+ or - in column 6"
    return None, ""


def _damaged(path: str | os.PathLike[str], error: Exception) -> InputError:
    return InputError(
        f"the file is damaged or cut short ({error})", where=str(path), mend="Copy, download or make it again"
    )
