"""Reads in text: fragment files and tagAligns, parsed in blocks, a wrong line named by its number."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl

from bpflow.decompression import whole_lines
from bpflow.ends import Ends, absence, place_ends
from bpflow.errors import InputError
from bpflow.fragment_lengths import count_lengths
from bpflow.genome import Genome
from bpflow.parallel import map_in_order

__all__ = ["first_lines", "line_ends", "line_texts", "map_blocks", "parse_lines"]

T = TypeVar("T")

# The column, counted from 0, of what a line may hold beside chromosome, start and end.
COLUMN_OF = {"barcode": 3, "strand": 5}
WHOLE_NUMBER = re.compile(r" *[+-]?[0-9]{1,12}")


def line_ends(
    path: str | os.PathLike[str],
    genome: Genome,
    tally: Counter[str],
    *,
    has_strand: bool,
    lengths: np.ndarray | None = None,
    threads: int,
) -> Iterator[Ends]:
    """Yield the 5' ends of a fragment file (one of each strand a line) or a tagAlign (one a line, by its strand).

    Parameters
    ----------
    path
        The file, plain, gzip or bgzip.
    genome
        Lines of other contigs are dropped.
    tally, lengths
        Filled as :func:`bpflow.reads.read_ends` says.
    has_strand
        Whether the file is a tagAlign.
    threads
        For decompressing and parsing.
    """
    read = partial(_read_block, genome, has_strand=has_strand)
    for block in map_blocks(path, read, "strand" if has_strand else None, threads):
        tally.update(block.tally)
        if lengths is not None and block.lengths is not None:
            lengths += block.lengths
        yield from block.ends
    if tally["records"] and not tally["kept"]:
        genome.require(sorted(first_lines(path)["chrom"].unique()), where=str(path))


def map_blocks(
    path: str | os.PathLike[str], read: Callable[[bytes], T], further: str | None, threads: int
) -> Iterator[T]:
    """Yield what `read` makes of each block of whole lines, which it takes apart by :func:`parse_lines`.

    Parameters
    ----------
    path
        The file, plain, gzip or bgzip.
    read
        Called in threads; the order is kept.
    further
        The further column that `read` asks for.
    threads
        For decompressing and reading.

    Raises
    ------
    InputError
        A line cannot be read; it is named by its number.
    """
    line = 1

    def counted(block: bytes) -> tuple[int, T]:
        return block.count(b"\n"), read(block)

    try:
        for lines, result in map_in_order(counted, whole_lines(path, threads=threads), threads):
            line += lines
            yield result
    except _UnreadableError as error:
        raise _blame(path, error.block, line, further) from None


def first_lines(path: str | os.PathLike[str], further: str | None = None) -> pl.DataFrame:
    """The columns of a file's first lines, about 4 MiB of them, comments not counted."""
    frame = parse_lines(b"", further)
    for block in whole_lines(path, threads=1):
        if (frame := parse_lines(block, further)).height:
            break
    return frame


class _Block(NamedTuple):
    tally: Counter[str]
    ends: list[Ends]
    lengths: np.ndarray | None


class _UnreadableError(Exception):
    def __init__(self, block: bytes) -> None:
        super().__init__("a block with a wrong line")
        self.block = block


def _read_block(genome: Genome, block: bytes, *, has_strand: bool) -> _Block:
    frame = parse_lines(block, "strand" if has_strand else None)
    tally = Counter({"records": frame.height})
    chromosome = _chromosomes(frame["chrom"], genome, tally)
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    strand = (frame["strand"] == "+").to_numpy() if has_strand else None
    known = chromosome >= 0
    if not known.all():
        chromosome, start, end = chromosome[known], start[known], end[known]
        strand = None if strand is None else strand[known]
    tally["kept"] = len(chromosome)
    ends = []
    for plus, position in ((True, start), (False, end - 1)):
        chosen = slice(None) if strand is None else strand == plus
        ends.append(place_ends(genome, chromosome[chosen], position[chosen], tally, plus=plus))
    return _Block(tally, ends, count_lengths(end - start) if strand is None else None)


def _chromosomes(names: pl.Series, genome: Genome, tally: Counter[str]) -> np.ndarray:
    """Index of each name in ``genome.names``, -1 for those that are not there, which are counted as dropped."""
    # Lines of one chromosome mostly follow each other, so that a name is looked up once a stretch.
    stretches = names.rle().struct.unnest()
    index = stretches["value"].cast(pl.Enum(genome.names), strict=False).to_physical().cast(pl.Int64).fill_null(-1)
    absent = stretches.filter(index < 0).group_by("value").agg(pl.col("len").sum())
    for name, lines in absent.iter_rows():
        tally[f"dropped: {absence(genome, name)}"] += lines
    return np.repeat(index.to_numpy(), stretches["len"].to_numpy())


def parse_lines(block: bytes, further: str | None = None) -> pl.DataFrame:
    """Columns chrom, start and end of a block of lines, and `further` (``barcode`` or ``strand``), without comments.

    A line that cannot be read is an error that :func:`map_blocks` tells.
    """
    columns = {"column_0": ("chrom", pl.String), "column_1": ("start", pl.Int64), "column_2": ("end", pl.Int64)}
    if further:
        columns[f"column_{COLUMN_OF[further]}"] = (further, pl.String)
    names = {column: name for column, (name, _) in columns.items()}
    try:
        frame = pl.read_csv(
            block,
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
        raise _UnreadableError(block) from None
    bad = (pl.col("start") < 0) | (pl.col("end") <= pl.col("start"))
    bad = bad | pl.any_horizontal(pl.all().is_null())
    if further == "strand":
        bad = bad | ~pl.col("strand").is_in(["+", "-"])
    if frame.select(bad.any()).item():
        raise _UnreadableError(block)
    return frame


def line_texts(block: bytes) -> pl.Series:
    """The lines of a block as they are, without their ends; comments are left out."""
    try:
        return pl.read_csv(
            block, separator="\0", has_header=False, schema={"line": pl.String}, comment_prefix="#", quote_char=None
        )["line"]
    except pl.exceptions.NoDataError:
        return pl.Series("line", [], pl.String)
    except pl.exceptions.PolarsError:
        raise _UnreadableError(block) from None


def _blame(path: str | os.PathLike[str], block: bytes, first_line: int, further: str | None) -> InputError:
    """Find the line that a block could not be parsed for."""
    needed = COLUMN_OF[further] + 1 if further else 3
    found: str | None
    for number, raw in enumerate(block.split(b"\n"), start=first_line):
        try:
            line = raw.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError:
            return InputError("bytes that are no text", where=f"{path}, line {number}", expected="text in UTF-8")
        if not line or line.startswith("#"):
            if line or number == first_line + block.count(b"\n"):
                continue
            found, expected = "an empty line", "a line of tab-separated columns"
        else:
            found, expected = _fault(line.split("\t"), needed, further)
        if found:
            return InputError(found, where=f"{path}, line {number}", expected=expected)
    return InputError("a line that cannot be read", where=str(path), expected="tab-separated text")


def _fault(columns: list[str], needed: int, further: str | None) -> tuple[str | None, str]:
    if len(columns) < needed:
        return f"{len(columns)} column(s)", f"{needed} or more, separated by tabs"
    if not columns[0]:
        return "no chromosome", "its name in column 1"
    for value, what in zip(columns[1:3], ("start", "end"), strict=True):
        if WHOLE_NUMBER.fullmatch(value) is None:
            return f"the {what} {value[:50]!r}", "a whole number of bases"
    start, end = int(columns[1]), int(columns[2])
    if start < 0 or end <= start:
        return f"start {start} and end {end}", "0 <= start < end (0-based, half-open)"
    if further == "barcode" and not columns[3]:
        return "no barcode", "a barcode in column 4"
    if further == "strand" and columns[5] not in ("+", "-"):
        return f"the strand {columns[5]!r}", "+ or - in column 6"
    return None, ""
