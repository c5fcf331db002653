"""Reading bigWigs of any origin: all their intervals, in the order of the genome, in a few large arrays.

Layout of the format (Kent et al. 2010, Bioinformatics 26:2204, supplement): a header; a B+ tree of chromosome names;
an R tree whose leaves name compressed sections of one chromosome each; sections of up to 65,535 values.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from isal import isal_zlib

from bpflow.chromosomes import explain_mismatch
from bpflow.errors import InputError
from bpflow.files import DAMAGED, READ_ERRORS, existing
from bpflow.genome import Genome

__all__ = ["Intervals", "chromosome_sizes", "iterate_bases", "iterate_intervals"]

# All numbers are little-endian: a file of the other order does not have this magic number.
MAGIC, TREE_MAGIC, INDEX_MAGIC = 0x888FFC26, 0x78CA8C91, 0x2468ACE0
HEADER = struct.Struct("<IHHQQQHHQQIQ")
ZOOM_HEADER = struct.Struct("<IIQQ")
TREE_HEADER = struct.Struct("<IIIIQQ")
INDEX_HEADER = struct.Struct("<IIQIIIIQII")
NODE = struct.Struct("<BBH")
BRANCH = np.dtype([("bounds", "<u4", 4), ("child", "<u8")])
LEAF = np.dtype(
    {
        "names": ["chrom", "start", "end_chrom", "end", "at", "size"],
        "formats": ["<u4", "<u4", "<u4", "<u4", "<u8", "<u8"],
    }
)
SECTION = np.dtype(
    {
        "names": ["chrom", "start", "end", "step", "span", "type", "reserved", "items"],
        "formats": ["<u4", "<u4", "<u4", "<u4", "<u4", "u1", "u1", "<u2"],
    }
)
BED_GRAPH, VARIABLE_STEP, FIXED_STEP = 1, 2, 3
ITEMS = {
    BED_GRAPH: np.dtype([("start", "<u4"), ("end", "<u4"), ("value", "<f4")]),
    VARIABLE_STEP: np.dtype([("start", "<u4"), ("value", "<f4")]),
    FIXED_STEP: np.dtype([("value", "<f4")]),
}
# Sections decoded together: enough that no time goes with each, few enough that their arrays stay in the cache.
SECTIONS_AT_ONCE = 16
DAMAGE: tuple[type[Exception], ...] = (struct.error, ValueError, KeyError, OverflowError, *READ_ERRORS)
LONGEST_NAME = 0xFFFF
BASES_AT_ONCE = 1 << 20
LARGEST_SECTION = SECTION.itemsize + 12 * 0xFFFF


class Intervals(NamedTuple):
    """Sorted, disjoint intervals, (N,) each: [start, end) as places in ``Genome.array`` (int64), and float32 values."""

    starts: np.ndarray
    ends: np.ndarray
    values: np.ndarray


def iterate_bases(path: str | os.PathLike[str], genome: Genome) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the bases of a bigWig whose value is not 0: sorted places in ``Genome.array``, int64, and float32 values.

    Errors as :func:`iterate_intervals`.
    """
    for found in iterate_intervals(path, genome):
        told = (found.values != 0) & ~np.isnan(found.values)
        starts, ends, values = (column[told] for column in found)
        if (ends - starts == 1).all():
            yield starts, values
            continue
        # One interval may be as long as a chromosome: it is taken in parts.
        parts = -(-(ends - starts) // BASES_AT_ONCE)
        starts = np.repeat(starts, parts) + BASES_AT_ONCE * _within(parts)
        ends, values = np.minimum(np.repeat(ends, parts), starts + BASES_AT_ONCE), np.repeat(values, parts)
        group = np.cumsum(ends - starts) // BASES_AT_ONCE
        for rows in np.split(np.arange(len(starts)), np.flatnonzero(np.diff(group)) + 1):
            widths = (ends - starts)[rows]
            yield np.repeat(starts[rows], widths) + _within(widths), np.repeat(values[rows], widths)


def _within(numbers: np.ndarray) -> np.ndarray:
    """0 .. n - 1 for each n of `numbers`, one after the other."""
    return np.arange(numbers.sum()) - np.repeat(np.cumsum(numbers) - numbers, numbers)


def chromosome_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Names and lengths of the chromosomes in a bigWig's header.

    Raises
    ------
    InputError
        Not a bigWig, or a damaged one.
    """
    with open(existing(path, "a bigWig"), "rb") as handle:
        if handle.read(4) != struct.pack("<I", MAGIC):
            raise InputError("not a bigWig", where=str(path), expected="a bigWig file (little-endian)")
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return dict(_chromosomes(content, HEADER.unpack_from(content)[3]).values())
            except DAMAGE as error:
                raise InputError(f"damaged ({error})", where=str(path), mend="Copy or make it again") from None


def iterate_intervals(path: str | os.PathLike[str], genome: Genome) -> Iterator[Intervals]:
    """Yield the intervals of a bigWig on the chromosomes of `genome`, in the genome's order; others are passed over.

    Raises
    ------
    InputError
        Not a bigWig, a damaged one, or chromosomes of another assembly.
    """
    with open(existing(path, "a bigWig"), "rb") as handle:
        if handle.read(4) != struct.pack("<I", MAGIC):
            raise InputError("not a bigWig", where=str(path), expected="a bigWig file (little-endian)")
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                yield from _read(content, path, genome)
            except DAMAGE as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(f"damaged ({error})", where=str(path), mend=DAMAGED) from None


def _read(content: mmap.mmap, path: str | os.PathLike[str], genome: Genome) -> Iterator[Intervals]:
    _, _, zooms, tree, _, index, _, _, _, _, buffer, _ = HEADER.unpack_from(content)
    for number in range(zooms):
        # They are not read here, but they are the end of the file, and browsers draw them.
        _require_index(content, ZOOM_HEADER.unpack_from(content, HEADER.size + number * ZOOM_HEADER.size)[3])
    chromosomes = _chromosomes(content, tree)
    _check_chromosomes(dict(chromosomes.values()), genome, path)
    leaves = _leaves(content, index)
    numbers, inverse = np.unique(leaves["chrom"], return_inverse=True)
    known = {name: place for place, name in enumerate(genome.names)}
    # The genome's order is not always the file's.
    place = np.array([known.get(chromosomes[number][0], -1) for number in numbers.tolist()], dtype=np.int64)[inverse]
    order = np.lexsort((leaves["start"], place))
    order = order[place[order] >= 0]
    offsets = np.array([genome.offsets[name] for name in genome.names], dtype=np.int64)
    sizes = np.array([genome.sizes[name] for name in genome.names], dtype=np.int64)
    reached = 0
    for first in range(0, len(order), SECTIONS_AT_ONCE):
        rows = order[first : first + SECTIONS_AT_ONCE]
        heads, bodies = _sections(content, leaves[rows], buffer)
        # Sections of one kind are decoded together; files mix kinds rarely.
        ends = [*(np.flatnonzero(np.diff(heads["type"])) + 1).tolist(), len(rows)]
        for low, high in zip([0, *ends], ends, strict=False):
            found = _decoded(heads[low:high], bodies[low:high], offsets[place[rows[low:high]]])
            if not len(found.starts):
                continue
            last = np.repeat((offsets + sizes)[place[rows[low:high]]], heads["items"][low:high])
            if (
                found.starts[0] < reached
                or (found.starts[1:] < found.ends[:-1]).any()
                or (found.ends <= found.starts).any()
                or (found.ends > last).any()
            ):
                raise ValueError("intervals that are not sorted, overlap, or pass their chromosome's end")
            reached = int(found.ends[-1])
            yield found


def _sections(content: mmap.mmap, leaves: np.ndarray, buffer: int) -> tuple[np.ndarray, list[memoryview]]:
    """Headers and contents of sections, unpacked unless `buffer`, the size that they unpack to, is 0."""
    sections = [content[at : at + size] for at, size in leaves[["at", "size"]].tolist()]
    if buffer:
        sections = [isal_zlib.decompress(section, bufsize=min(buffer, LARGEST_SECTION)) for section in sections]
    heads = np.frombuffer(b"".join(section[: SECTION.itemsize] for section in sections), dtype=SECTION)
    if len(heads) != len(leaves) or (heads["chrom"] != leaves["chrom"]).any():
        raise ValueError("a section that its index describes otherwise")
    return heads, [memoryview(section)[SECTION.itemsize :] for section in sections]


def _decoded(heads: np.ndarray, bodies: list[memoryview], offsets: np.ndarray) -> Intervals:
    """Intervals of sections of one kind; `offsets` are those of their chromosomes."""
    kind = ITEMS.get(int(heads["type"][0]))
    if kind is None:
        raise ValueError(f"a section of kind {heads['type'][0]}")
    number = heads["items"].astype(np.int64)
    bodies = [body[: n * kind.itemsize] for body, n in zip(bodies, number.tolist(), strict=True)]
    items = np.frombuffer(b"".join(bodies), dtype=kind)
    if len(items) != number.sum():
        raise ValueError("a section that is cut short")
    if kind is ITEMS[FIXED_STEP]:
        step = np.repeat(heads["step"].astype(np.int64), number)
        starts = np.repeat(heads["start"] + offsets, number) + step * _within(number)
    else:
        starts = items["start"] + np.repeat(offsets, number)
    if kind is ITEMS[BED_GRAPH]:
        ends = items["end"] + np.repeat(offsets, number)
    else:
        ends = starts + np.repeat(heads["span"].astype(np.int64), number)
    return Intervals(starts, ends, np.ascontiguousarray(items["value"]))


def _chromosomes(content: mmap.mmap, at: int) -> dict[int, tuple[str, int]]:
    """Name and size under each number, from the B+ tree at `at`."""
    magic, _, key, value, _, _ = TREE_HEADER.unpack_from(content, at)
    if magic != TREE_MAGIC or value != 8 or key > LONGEST_NAME:
        raise ValueError("no tree of chromosomes")
    leaf = np.dtype([("name", f"S{key}"), ("number", "<u4"), ("size", "<u4")])
    branch = np.dtype([("name", f"S{key}"), ("child", "<u8")])
    items = _items(content, at + TREE_HEADER.size, leaf, branch)
    return {number: (name.decode(), size) for name, number, size in items.tolist()}


def _leaves(content: mmap.mmap, at: int) -> np.ndarray:
    """Sections that the R tree at `at` names."""
    _require_index(content, at)
    return _items(content, at + INDEX_HEADER.size, LEAF, BRANCH)


def _require_index(content: mmap.mmap, at: int) -> None:
    if INDEX_HEADER.unpack_from(content, at)[0] != INDEX_MAGIC:
        raise ValueError("no index")


def _items(content: mmap.mmap, root: int, leaf: np.dtype, branch: np.dtype) -> np.ndarray:
    """Items of all leaves of a tree."""
    found, waiting, seen = [np.zeros(0, dtype=leaf)], [root], {root}
    while waiting:
        at = waiting.pop()
        is_leaf, _, items = NODE.unpack_from(content, at)
        kind = leaf if is_leaf else branch
        node = np.frombuffer(content[at + NODE.size : at + NODE.size + items * kind.itemsize], dtype=kind)
        if len(node) != items:
            raise ValueError("a tree that is cut short")
        if is_leaf:
            found.append(node)
            continue
        children = node["child"].tolist()
        if not seen.isdisjoint(children) or len(set(children)) != items:
            raise ValueError("a tree that runs in a circle")
        seen.update(children)
        waiting.extend(children)
    return np.concatenate(found)


def _check_chromosomes(sizes: Mapping[str, int], genome: Genome, path: str | os.PathLike[str]) -> None:
    shared = [name for name in genome.names if name in sizes]
    if not shared:
        raise InputError(
            f"no chromosome in common with the genome (it has {', '.join(list(sizes)[:3])})",
            where=str(path),
            expected=f"names such as {', '.join(genome.names[:3])}",
            mend=explain_mismatch(sizes, genome.names) or "Use the same assembly",
        )
    for name in shared:
        if sizes[name] != genome.sizes[name]:
            raise InputError(
                f"{name} has {sizes[name]} bases",
                where=str(path),
                expected=f"{genome.sizes[name]}, as in the genome",
                mend="Use the same assembly",
            )
