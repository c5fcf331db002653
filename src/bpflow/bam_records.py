"""The records of a BAM as arrays: its decompressed bytes are cut into records and their fields gathered by numpy.

Records follow each other without an index, so where one starts is known only from the one before. Chains of records are
therefore followed from many places of a block at once, each a place that looks like the start of a record; a chain
counts only if the chain before it ends exactly there, so that a wrong guess costs time and never a read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bpflow.decompression import damaged, decompressed_blocks

__all__ = ["Alignments", "bam_alignments"]

INT = struct.Struct("<i")
SIZE, OPERATION = np.dtype("<i4"), np.dtype("<u4")
# The fixed part of a record, its length included (SAM specification, section 4.2).
FIELDS = np.dtype(
    [
        *(("size", "<i4"), ("contig", "<i4"), ("start", "<i4"), ("name_length", "u1"), ("mapq", "u1"), ("bin", "<u2")),
        *(("operations", "<u2"), ("flag", "<u2"), ("bases", "<i4")),
        *(("mate_contig", "<i4"), ("mate_start", "<i4"), ("template", "<i4")),
    ]
)
SMALLEST = FIELDS.itemsize - INT.size
# M, D, N, = and X of MIDNSHP=X.
CONSUMES_REFERENCE = np.isin(np.arange(16), [0, 2, 3, 7, 8])
# Chains start in every stretch of so many bytes, at a record's start found in its first bytes.
STRETCH = 1 << 15
SEARCHED = 1 << 11


@dataclass(frozen=True)
class Alignments:
    """Some alignments of a file, in its order.

    Attributes
    ----------
    contig
        (N,) index of the contig in the header, -1 without one.
    start
        (N,) 0-based leftmost position.
    flag, mapq
        (N,) SAM flag and mapping quality.
    template
        (N,) template length: bases from the leftmost to the rightmost one of a pair, below 0 at its right read.
    data
        The bytes of a BAM that hold their records, uint8.
    cigar, operations
        (N,) where each CIGAR starts in `data`, and its number of operations.
    """

    contig: np.ndarray
    start: np.ndarray
    flag: np.ndarray
    mapq: np.ndarray
    template: np.ndarray
    data: np.ndarray
    cigar: np.ndarray
    operations: np.ndarray

    def ends(self, chosen: np.ndarray) -> np.ndarray:
        """Position after the last base on the reference of the `chosen` (indices), (M,) int64.

        An alignment without a CIGAR, or with one that has no base on the reference, covers its first base. A CIGAR of
        more than 65,535 operations is kept in a tag; the one in its place has the same length on the reference.
        """
        first, operations = self.cigar[chosen], self.operations[chosen].astype(np.int64)
        stop = np.cumsum(operations)
        inside = np.arange(stop[-1] if len(stop) else 0) - np.repeat(stop - operations, operations)
        words = _copied(self.data, np.repeat(first, operations) + 4 * inside, OPERATION)
        lengths = np.where(CONSUMES_REFERENCE[words & 15], words >> 4, 0)
        total = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return self.start[chosen] + np.maximum(total[stop] - total[stop - operations], 1)


def bam_alignments(path: str | os.PathLike[str], contigs: int, *, threads: int = 1) -> Iterator[Alignments]:
    """Yield the alignments of a BAM in batches.

    Parameters
    ----------
    path
        A BAM compressed in BGZF blocks, as all programs write it; sorted or not.
    contigs
        Number of contigs in its header.
    threads
        For decompressing.

    Raises
    ------
    InputError
        A file that is damaged or cut short.
    """
    rest, in_header = b"", True
    for block in decompressed_blocks(path, threads=threads):
        block = rest + block
        first = 0
        if in_header:
            first = _header_length(block)
            if first < 0:
                rest = block
                continue
            in_header = False
        data = np.frombuffer(block, np.uint8)
        starts, stop = _record_starts(data, first, contigs)
        if len(starts):
            yield _alignments(path, data, starts, contigs)
        rest = block[stop:]
    if rest or in_header:
        raise damaged(path, "it ends within a record")


def _header_length(block: bytes) -> int:
    """Length of a BAM's header, -1 if the block does not hold all of it."""
    try:
        place = 8 + INT.unpack_from(block, 4)[0]
        (contigs,) = INT.unpack_from(block, place)
        place += INT.size
        for _ in range(contigs):
            place += 2 * INT.size + INT.unpack_from(block, place)[0]
    except struct.error:
        return -1
    return place if place <= len(block) else -1


def _alignments(path: str | os.PathLike[str], data: np.ndarray, starts: np.ndarray, contigs: int) -> Alignments:
    inside = starts <= len(data) - FIELDS.itemsize
    record = _records(data, starts[inside])
    if not (inside.all() and _plausible(record, contigs).all()):
        raise damaged(path, "a record that is none")
    return Alignments(
        contig=record["contig"],
        start=record["start"].astype(np.int64),
        flag=record["flag"],
        mapq=record["mapq"],
        template=record["template"],
        data=data,
        cigar=starts + FIELDS.itemsize + record["name_length"],
        operations=record["operations"],
    )


def _plausible(record: np.ndarray, contigs: int) -> np.ndarray:
    """Whether fields can be those of a record."""
    bases = record["bases"].astype(np.int64)
    least = SMALLEST + record["name_length"] + 4 * record["operations"].astype(np.int64) + (bases + 1) // 2 + bases
    fits = (record["name_length"] > 0) & (bases >= 0) & (least <= record["size"])
    for contig, start in (("contig", "start"), ("mate_contig", "mate_start")):
        fits &= (record[contig] >= -1) & (record[contig] < contigs) & (record[start] >= -1)
    return fits


def _record_starts(data: np.ndarray, first: int, contigs: int) -> tuple[np.ndarray, int]:
    """Where the whole records of a block start, the first of them at `first`, and where the last of them stops."""
    if len(data) - first < FIELDS.itemsize:
        return np.zeros(0, np.int64), first
    heads = np.concatenate([[first], _guessed_starts(data, first, contigs)])
    # No whole record starts where no other length fits behind.
    top = len(data) - INT.size
    limits = np.append(heads[1:], top)
    at, chains = heads, [heads]
    while (running := at < limits).any():
        following = _copied(data, at, SIZE) + (at + INT.size)
        # A length that is none must neither hold a chain up nor lead it out of the block.
        at = np.where(running, np.minimum(np.maximum(following, at + 1), top), at)
        chains.append(at)
    links = np.stack(chains).T
    if (at[:-1] == heads[1:]).all():
        starts = links[links < limits[:, None]]
    else:
        starts = _joined(heads, [link[link < limit] for link, limit in zip(links, limits, strict=True)], at, data)
    stop = _following(data, int(starts[-1]))
    return (starts, stop) if stop <= len(data) else (starts[:-1], int(starts[-1]))


def _joined(heads: np.ndarray, chains: list[np.ndarray], ends: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Chains joined where one ends at the head of another; where it does not, the gap is walked record by record."""
    number_of = {int(head): number for number, head in enumerate(heads)}
    found, at, top = [], int(heads[0]), len(data) - INT.size
    while at < top:
        if (number := number_of.get(at)) is not None:
            found.append(chains[number])
            at = int(ends[number])
        else:
            found.append(np.array([at]))
            at = max(_following(data, at), at + 1)
    return np.concatenate(found)


def _following(data: np.ndarray, at: int) -> int:
    """Where the record after the one at `at` starts."""
    return at + INT.size + int(INT.unpack_from(data.data, at)[0])


def _guessed_starts(data: np.ndarray, first: int, contigs: int) -> np.ndarray:
    """The first place in each stretch of a block that looks like a record's start; stretches without one are left."""
    stretches = (len(data) - first - FIELDS.itemsize) // STRETCH
    if stretches < 2:
        return np.zeros(0, np.int64)
    rows = data[first : first + stretches * STRETCH].reshape(stretches, STRETCH)[1:]
    # Lengths below 65,536 and contigs from -1 to 65,535 are told by their upper bytes.
    small = (rows[:, 2 : SEARCHED + 2] == 0) & (rows[:, 3 : SEARCHED + 3] == 0)
    upper = rows[:, 6 : SEARCHED + 6]
    small &= ((upper == 0) | (upper == 255)) & (upper == rows[:, 7 : SEARCHED + 7])
    row, column = np.divmod(np.flatnonzero(small), SEARCHED)
    place = first + (row + 1) * STRETCH + column
    likely = _likely(data, place, contigs)
    row, place = row[likely], place[likely]
    following = place + INT.size + _records(data, place)["size"]
    inside = following <= len(data) - FIELDS.itemsize
    likely = ~inside
    likely[inside] = _likely(data, following[inside], contigs)
    return place[likely][np.unique(row[likely], return_index=True)[1]]


def _likely(data: np.ndarray, place: np.ndarray, contigs: int) -> np.ndarray:
    """Whether records seem to start at places: their fields can be those of one, and its name ends in a zero byte."""
    record = _records(data, place)
    name_end = place + FIELDS.itemsize + record["name_length"] - 1
    return _plausible(record, contigs) & (data[np.minimum(name_end, len(data) - 1)] == 0)


def _records(data: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The fixed parts of the records at places, (N,) of FIELDS."""
    return _copied(data, place, FIELDS)


def _copied(data: np.ndarray, place: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Items of a type that start at any places of the data, (N,)."""
    # As plain bytes they are copied whole, several times faster than as numbers out of line or as fields.
    shape = (max(len(data) - dtype.itemsize + 1, 0),)
    return np.ndarray(shape=shape, dtype=f"V{dtype.itemsize}", buffer=data, strides=(1,))[place].view(dtype)
