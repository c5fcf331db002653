"""Clusters of single cells: the barcodes of each, from text files of two columns.

Read while a run is planned, too, so only the standard library is imported here.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bpflow.errors import InputError

__all__ = ["MOST_CLUSTERS", "Clusters", "read_clusters"]

MOST_CLUSTERS = 1000
#: What programs call the column of barcodes, in lower case and without signs; some tables call it nothing.
HEADINGS = {"", "barcode", "barcodes", "bc", "cb", "cell", "cells", "cellbarcode", "cellid", "cellname", "index"}
NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Clusters:
    """Clusters and their cells.

    Attributes
    ----------
    labels
        What the files call each cluster, by its name; names in order, numbers in them by value.
    files
        The name of each barcode's cluster, one mapping a file.
    """

    labels: dict[str, str]
    files: tuple[dict[str, str], ...]


def read_clusters(paths: Sequence[str | os.PathLike[str]]) -> Clusters:
    """Read files of barcode and cluster, tab-separated, plain or gzip, with a header or without.

    A cluster is named by its label, in which whatever is no letter, digit or ``. _ -`` becomes ``_``.

    Parameters
    ----------
    paths
        Files of barcodes that may mean other cells in each; clusters of one label are one.

    Raises
    ------
    InputError
        Names the line: other than two columns, a barcode in two clusters, a label that gives no name or another's.
    """
    labels: dict[str, str] = {}
    files = tuple(_read(path, labels) for path in paths)
    if len(labels) > MOST_CLUSTERS:
        raise InputError(
            f"{len(labels):,} clusters",
            where=", ".join(map(str, paths)),
            expected=f"a barcode and its cluster in each line, and {MOST_CLUSTERS:,} clusters at most",
            mend="Perhaps the two columns have changed places",
        )
    return Clusters({name: labels[name] for name in sorted(labels, key=_by_number)}, files)


def _read(path: str | os.PathLike[str], labels: dict[str, str]) -> dict[str, str]:
    clusters: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, barcode, label in _rows(path):
        where = f"{path}, line {line}"
        name = _name(label, where)
        if labels.setdefault(name, label) != label:
            raise InputError(
                f"the clusters {label!r} and {labels[name]!r} would both be named {name!r}",
                where=where,
                expected="labels that differ in letters, digits or . _ -",
                mend="Rename one of the two",
            )
        if clusters.setdefault(barcode, name) != name:
            raise InputError(
                f"the barcode {barcode!r} is of cluster {label!r} here, and of {labels[clusters[barcode]]!r} in line "
                f"{lines[barcode]}",
                where=where,
                expected="each barcode in one cluster",
                mend="Leave out one of the lines; files whose barcodes mean other cells have a file of barcodes each",
            )
        lines.setdefault(barcode, line)
    if not clusters:
        raise InputError("no barcodes", where=str(path), expected="lines of barcode and cluster, separated by a tab")
    return clusters


def _rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, str, str]]:
    """Line number, barcode and label of each line that holds a cell."""
    first = True
    for line, text in enumerate(_text(path).split("\n"), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        columns = [column.strip().strip('"') for column in text.split("\t")]
        if first and _is_header(columns):
            first = False
            continue
        first = False
        if len(columns) != 2 or not columns[0]:
            raise InputError(
                f"{len(columns)} column(s)" if len(columns) != 2 else "no barcode",
                where=f"{path}, line {line}",
                expected="a barcode and its cluster, separated by a tab",
                mend="Keep these two columns, for instance with cut -f" if len(columns) > 2 else None,
            )
        yield line, columns[0], columns[1]


def _is_header(columns: list[str]) -> bool:
    """Tell a header by the name of its first column, or, as R writes one, by having a column less."""
    if len(columns) == 1:
        return re.search("[,; ]", columns[0]) is None
    return re.sub(r"[\W_]", "", columns[0].lower()) in HEADINGS


def _text(path: str | os.PathLike[str]) -> str:
    data = Path(path).read_bytes()
    try:
        return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("not text", where=str(path), expected="barcodes and clusters in UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"the file is damaged or cut short ({error})", where=str(path), mend="Copy, download or make it again"
        ) from None


def _name(label: str, where: str) -> str:
    name = NO_NAME.sub("_", label).strip("_")
    if not name:
        raise InputError(
            f"the cluster {label!r}" if label else "no cluster",
            where=where,
            expected="a label with a letter or digit in it",
            mend="Leave out the lines of cells that are in no cluster",
        )
    return name


def _by_number(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
