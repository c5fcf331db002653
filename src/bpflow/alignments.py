"""The 5' ends of alignments: which of a BAM, CRAM or SAM count, and where they start."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pysam

from bpflow.bam_records import Alignments, bam_alignments
from bpflow.decompression import damaged, is_bgzf
from bpflow.ends import Ends, absence, place_ends
from bpflow.errors import InputError
from bpflow.fragment_lengths import count_lengths
from bpflow.genome import Genome

__all__ = ["EXCLUDABLE_FLAGS", "ReadFilter", "alignment_ends"]

EXCLUDABLE_FLAGS = {"unmapped": 0x4, "secondary": 0x100, "supplementary": 0x800, "qc_fail": 0x200, "duplicate": 0x400}
PROPER_PAIR, REVERSE = 0x2, 0x10
MATES = {1: 0x40, 2: 0x80}
BATCH = 1 << 17
# CRAM fields to decode: flag, contig, position, mapping quality, CIGAR and template length, so that no reference is
# needed.
CRAM_FIELDS = 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x100


class ReadFilter(NamedTuple):
    """Which alignments of a BAM, CRAM or SAM count.

    Attributes
    ----------
    min_mapq
        Lowest mapping quality kept.
    exclude_flags
        Names among :data:`EXCLUDABLE_FLAGS`; an unmapped read is never counted, having no position.
    mate
        1 or 2: only the first or second reads of pairs; 0: all reads.
    """

    min_mapq: int = 30
    exclude_flags: tuple[str, ...] = tuple(EXCLUDABLE_FLAGS)
    mate: int = 0


def alignment_ends(
    path: str | os.PathLike[str],
    genome: Genome,
    read_filter: ReadFilter,
    tally: Counter[str],
    *,
    lengths: np.ndarray | None = None,
    threads: int,
) -> Iterator[Ends]:
    """Yield the 5' end of each alignment that passes the filter.

    Parameters
    ----------
    path
        BAM, CRAM or SAM in any order. The records of a BAM are read as arrays, those of the others one by one, which
        takes some ten times as long.
    genome
        Alignments to other contigs are dropped.
    read_filter
        What else is dropped.
    tally, lengths
        Filled as :func:`bpflow.reads.read_ends` says.
    threads
        For decompressing.
    """
    try:
        with pysam.AlignmentFile(str(path), check_sq=False) as header:
            contigs = dict(zip(header.references, header.lengths, strict=True))
            in_blocks = header.is_bam and is_bgzf(path)
        _check_contig_lengths(path, genome, contigs)
        batches = bam_alignments(path, len(contigs), threads=threads) if in_blocks else _one_by_one(path, threads)
        for batch in batches:
            yield from _ends(genome, list(contigs), batch, read_filter, tally, lengths)
        if not set(contigs) & set(genome.sizes):
            genome.require(list(contigs), where=str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from None


def _ends(
    genome: Genome,
    contigs: list[str],
    batch: Alignments,
    read_filter: ReadFilter,
    tally: Counter[str],
    lengths: np.ndarray | None,
) -> Iterator[Ends]:
    tally["records"] += len(batch.flag)
    left = np.arange(len(batch.flag))

    def drop(which: np.ndarray, cause: str) -> None:
        nonlocal left
        if which.any():
            tally[f"dropped: {cause}"] += int(which.sum())
            left = left[~which]

    names = [name for name in EXCLUDABLE_FLAGS if name == "unmapped" or name in read_filter.exclude_flags]
    for name in names:
        which = (batch.flag[left] & EXCLUDABLE_FLAGS[name]) > 0
        drop(which | (batch.contig[left] < 0) if name == "unmapped" else which, name)
    drop(batch.mapq[left] < read_filter.min_mapq, "low mapping quality")
    if read_filter.mate:
        drop((batch.flag[left] & MATES[read_filter.mate]) == 0, "other read of its pair")
    place = {name: index for index, name in enumerate(genome.names)}
    index_of = np.array([place.get(name, -1) for name in contigs], dtype=np.int64)
    for contig in np.unique(batch.contig[left][index_of[batch.contig[left]] < 0]):
        drop(batch.contig[left] == contig, absence(genome, contigs[contig]))
    tally["kept"] += len(left)
    if lengths is not None:
        template = batch.template[left]
        # The other mate has the same length below 0.
        lengths += count_lengths(template[(template > 0) & ((batch.flag[left] & PROPER_PAIR) > 0)])
    reverse = (batch.flag[left] & REVERSE) > 0
    forward, backward = left[~reverse], left[reverse]
    yield place_ends(genome, index_of[batch.contig[forward]], batch.start[forward], tally, plus=True)
    yield place_ends(genome, index_of[batch.contig[backward]], batch.ends(backward) - 1, tally, plus=False)


def _one_by_one(path: str | os.PathLike[str], threads: int) -> Iterator[Alignments]:
    """Alignments of any format by htslib's reader, each with its length as a CIGAR of one operation."""
    options = [f"required_fields={CRAM_FIELDS}"]
    rows: list[tuple[int, int, int, int, int, int]] = []
    with pysam.AlignmentFile(str(path), threads=threads, check_sq=False, format_options=options) as alignments:
        for read in alignments.fetch(until_eof=True):
            start = read.reference_start
            length = (read.reference_end or start) - start
            rows.append((read.reference_id, start, read.flag, read.mapping_quality, read.template_length, length))
            if len(rows) == BATCH:
                yield _stacked(rows)
                rows = []
    yield _stacked(rows)


def _stacked(rows: list[tuple[int, int, int, int, int, int]]) -> Alignments:
    contig, start, flag, mapq, template, length = np.array(rows, dtype=np.int64).reshape(-1, 6).T
    operations = np.ones(len(rows), np.int64)
    data = (length << 4).astype("<u4").view(np.uint8)
    return Alignments(contig, start, flag, mapq, template, data, 4 * np.arange(len(rows)), operations)


def _check_contig_lengths(path: str | os.PathLike[str], genome: Genome, lengths: dict[str, int]) -> None:
    for name, length in lengths.items():
        if genome.sizes.get(name, length) != length:
            raise InputError(
                f"its header gives {name} {length} bases",
                where=str(path),
                expected=f"{genome.sizes[name]}, as in the genome",
                mend="Use the assembly that the reads were aligned to",
            )
