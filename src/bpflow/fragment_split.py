"""Fragments of many cells to one file for each cluster of cells, in one pass and with bounded memory."""

from __future__ import annotations

import logging
import os
import re
import resource
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from bpflow.barcodes import read_clusters
from bpflow.bgzf_writer import END, LARGEST, bgzf_block
from bpflow.errors import InputError
from bpflow.files import atomic_path, existing, sha256, stamp
from bpflow.parallel import map_in_order
from bpflow.read_lines import first_lines, line_texts, map_blocks, parse_lines
from bpflow.reads import detect_format

__all__ = ["split_fragments"]

log = logging.getLogger("bpflow")

EXAMPLES = 3
# Files that a process has open beside those of the clusters.
OTHER_FILES = 100
SEQUENCE = re.compile("[ACGTN]{6,}")


def split_fragments(
    fragments: Sequence[str | os.PathLike[str]],
    barcodes: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    detect: bool = True,
    threads: int = 1,
) -> dict[str, Any]:
    """Write the fragments of each cluster to ``NAME.fragments.tsv.gz`` (bgzip): whole lines, in their order.

    Parameters
    ----------
    fragments
        Fragment files with a barcode in column 4, plain, gzip or bgzip, in any order; pooled. Each line is one
        fragment, whatever its fifth column says.
    barcodes
        Files of barcode and cluster, see :func:`bpflow.barcodes.read_clusters`: one for all fragment files, or one
        for each.
    folder
        Where the clusters' files go.
    detect
        Whether to see first that the files are fragment files.
    threads
        For decompressing, parsing and compressing; what is written is the same for any number.

    Returns
    -------
    dict
        The record: fragments and barcodes of each file and cluster.

    Raises
    ------
    InputError
        A file is damaged or holds no fragments, a line has no barcode, a file has none of the listed barcodes, or a
        cluster no fragments. Nothing is written then.
    """
    if len(barcodes) not in (1, len(fragments)):
        raise InputError(
            f"{len(barcodes)} files of barcodes for {len(fragments)} of fragments",
            expected="one for all fragment files, or one for each in their order",
        )
    for path in fragments:
        existing(path, "a fragment file")
        if detect:
            _require_fragments(path)
    clusters = read_clusters([existing(path, "barcodes and their clusters") for path in barcodes])
    names = list(clusters.labels)
    cells = [_Cells(path, of, names) for path, of in zip(barcodes, clusters.files, strict=True)]
    files: list[dict[str, Any]] = []

    def texts() -> Iterator[tuple[int, bytes]]:
        for path, listed in zip(fragments, cells if len(cells) > 1 else cells * len(fragments), strict=True):
            lines = kept = 0
            for block in map_blocks(path, partial(_split_block, listed), "barcode", threads):
                lines += block.lines
                kept += len(block.cells)
                listed.fragments += np.bincount(block.cells, minlength=len(listed.fragments))
                yield from block.texts
            if not lines:
                raise InputError("no fragments", where=str(path), expected="lines of chromosome, start, end, barcode")
            if not kept:
                raise _no_match(path, listed)
            files.append({"path": str(path), "fragments": lines, "in_clusters": kept})

    with ExitStack() as stack:
        _allow_open_files(len(names) + OTHER_FILES)
        paths = [stack.enter_context(atomic_path(Path(folder) / f"{name}.fragments.tsv.gz")) for name in names]
        handles = [stack.enter_context(open(path, "wb")) for path in paths]
        for cluster, block in map_in_order(_packed, _pieces(texts(), len(names)), threads):
            handles[cluster].write(block)
        record = _record(files, cells, clusters.labels)
        _require_all(record["clusters"])
        for handle in handles:
            handle.write(END)
    return record


class _Cells:
    """The barcodes of one file, the number of each one's cluster, and how many fragments each was seen in, (N,)."""

    def __init__(self, path: str | os.PathLike[str], clusters: dict[str, str], names: Sequence[str]) -> None:
        number = {name: i for i, name in enumerate(names)}
        self.path = path
        self.codes = pl.Enum(list(clusters))
        self.cluster = np.array([number[name] for name in clusters.values()], np.int64)
        self.fragments = np.zeros(len(clusters), np.int64)

    @property
    def barcodes(self) -> pl.Series:
        return self.codes.categories


class _Block(NamedTuple):
    """Number of lines; cells (numbers of listed barcodes) of those that have one; the text of each cluster in it."""

    lines: int
    cells: np.ndarray
    texts: list[tuple[int, bytes]]


def _split_block(listed: _Cells, block: bytes) -> _Block:
    barcode = parse_lines(block, "barcode")["barcode"]
    cell = barcode.cast(listed.codes, strict=False).to_physical()
    known = cell.is_not_null()
    cells = cell.filter(known).to_numpy()
    lines = pl.DataFrame({"cluster": listed.cluster[cells], "line": line_texts(block).filter(known)})
    texts = lines.group_by("cluster").agg(pl.col("line").str.join("\n"))
    return _Block(len(barcode), cells, [(cluster, f"{text}\n".encode()) for cluster, text in texts.iter_rows()])


def _pieces(texts: Iterable[tuple[int, bytes]], clusters: int) -> Iterator[tuple[int, bytes]]:
    """Each cluster's text cut where a compressed block is full."""
    waiting = [bytearray() for _ in range(clusters)]
    for cluster, text in texts:
        buffer = waiting[cluster]
        buffer += text
        full = len(buffer) - len(buffer) % LARGEST
        for start in range(0, full, LARGEST):
            yield cluster, bytes(buffer[start : start + LARGEST])
        del buffer[:full]
    for cluster, rest in enumerate(waiting):
        if rest:
            yield cluster, bytes(rest)


def _packed(piece: tuple[int, bytes]) -> tuple[int, bytes]:
    cluster, text = piece
    return cluster, bgzf_block(text)


def _allow_open_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard)
        )


def _require_fragments(path: str | os.PathLike[str]) -> None:
    found = detect_format(path)
    if found != "fragments":
        raise InputError(
            "alignments" if found == "bam" else "a tagAlign",
            where=str(path),
            expected="a fragment file (chromosome, start, end, barcode), which is what can be split by barcode",
            mend="Make one of the alignments' CB tags first, for instance with sinto fragments"
            if found == "bam"
            else None,
        )


def _no_match(path: str | os.PathLike[str], listed: _Cells) -> InputError:
    seen = first_lines(path, "barcode")["barcode"].unique(maintain_order=True).to_list()
    here, there = _alike(seen, listed.barcodes) or (seen[0], listed.barcodes[0])
    return InputError(
        f"none of its barcodes is in {listed.path}: {here!r} is one of this file, {there!r} of that",
        where=str(path),
        expected="barcodes that are written alike in both",
        mend=f"Write the barcodes of {listed.path} as the fragments have them, with the same prefix and suffix",
    )


def _alike(seen: Collection[str], listed: Collection[str]) -> tuple[str, str] | None:
    """A barcode of each side that differ only in what stands around the sequence."""
    sequences = {found[0]: barcode for barcode in listed if (found := SEQUENCE.search(barcode))}
    for barcode in seen:
        found = SEQUENCE.search(barcode)
        if found and found[0] in sequences:
            return barcode, sequences[found[0]]
    return None


def _record(files: list[dict[str, Any]], cells: Sequence[_Cells], labels: dict[str, str]) -> dict[str, Any]:
    of_barcode = pl.concat(pl.DataFrame({"cluster": listed.cluster, "fragments": listed.fragments}) for listed in cells)
    totals = of_barcode.group_by("cluster").agg(
        barcodes=pl.len(), barcodes_seen=(pl.col("fragments") > 0).sum(), fragments=pl.col("fragments").sum()
    )
    clusters = [
        {"name": name, "label": label, **row}
        for (name, label), row in zip(labels.items(), totals.sort("cluster").drop("cluster").to_dicts(), strict=True)
    ]
    lists = [_list_record(listed) for listed in cells]
    messages = [
        f"{entry['barcodes'] - entry['seen']:,} of the {entry['barcodes']:,} barcodes in {entry['path']} are in no "
        f"fragment, such as {entry['unseen'][0]}. Are they of the same cells as the fragments?"
        for entry in lists
        if entry["seen"] < entry["barcodes"] / 2
    ]
    for message in messages:
        log.warning("%s", message)
    total, kept = (sum(file[key] for file in files) for key in ("fragments", "in_clusters"))
    log.info("%d of %d fragments in %d clusters", kept, total, len(clusters))
    return stamp(
        "split",
        fragments=total,
        in_clusters=kept,
        files=files,
        barcode_files=lists,
        clusters=clusters,
        messages=messages,
    )


def _list_record(listed: _Cells) -> dict[str, Any]:
    unseen = listed.barcodes.filter(pl.Series(listed.fragments == 0))
    return {
        "path": str(listed.path),
        "sha256": sha256(listed.path),
        "barcodes": len(listed.barcodes),
        "seen": len(listed.barcodes) - len(unseen),
        "unseen": unseen.head(EXAMPLES).to_list(),
    }


def _require_all(clusters: Sequence[dict[str, Any]]) -> None:
    empty = [cluster["label"] for cluster in clusters if not cluster["fragments"]]
    if empty:
        raise InputError(
            f"no fragments of {', '.join(map(repr, empty))}",
            where="clusters",
            expected="fragments of a listed barcode for each cluster",
            mend="Leave their lines out of the barcodes; a first line that is a header begins with 'barcode'",
        )
