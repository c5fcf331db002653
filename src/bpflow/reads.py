"""Reads of any accepted format, as the 5' ends that they carry.

Every reader yields batches of 5' ends as they are in its file: for a + end the 0-based position of its first base
(``start``), for a - end that of its last base (``end - 1``). Nothing is shifted here.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import numpy as np

from bpflow.alignments import EXCLUDABLE_FLAGS, ReadFilter, alignment_ends
from bpflow.decompression import LONGEST_LINE, damaged
from bpflow.ends import Ends
from bpflow.errors import InputError
from bpflow.files import READ_ERRORS, existing, open_binary
from bpflow.genome import Genome
from bpflow.read_lines import line_ends

__all__ = ["EXCLUDABLE_FLAGS", "FORMATS", "Ends", "ReadFilter", "detect_format", "read_ends"]

FORMATS = ("bam", "fragments", "tagalign")


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
            rest = head + handle.readline(LONGEST_LINE)
            while rest.startswith((b"#", b"track", b"browser")) or rest.strip() == b"":
                line = handle.readline(LONGEST_LINE)
                if not line:
                    raise InputError("no reads", where=str(path), expected="lines of chromosome, start, end")
                rest = line
    except READ_ERRORS as error:
        raise damaged(path, error) from None
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
    lengths: np.ndarray | None = None,
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
    lengths
        (1001,) int64, to which the lengths of the kept fragments are added as
        :func:`bpflow.fragment_lengths.count_lengths` counts them: of each line of a fragment file, and of each proper
        pair of a BAM or CRAM by its template length.
    threads
        For decompressing and parsing.

    Raises
    ------
    InputError
        A damaged file, a wrong line, or contigs none of which is in the genome.
    """
    if file_format == "bam":
        yield from alignment_ends(path, genome, read_filter, tally, lengths=lengths, threads=threads)
    else:
        has_strand = file_format == "tagalign"
        yield from line_ends(path, genome, tally, has_strand=has_strand, lengths=lengths, threads=threads)
