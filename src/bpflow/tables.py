"""Tables of one row a region, as tab-separated text."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from typing import IO, Any

import pandas as pd
from isal import igzip

from bpflow.files import atomic_path

__all__ = ["write_table"]

ROWS = 1 << 16


def write_table(table: pd.DataFrame, path: str | os.PathLike[str], *, header: bool = True) -> None:
    """Write a header, if wanted, and rows; gzipped, without a time stamp, where the name ends in ``.gz``.

    Floats have six significant digits, and a missing value is an empty cell.
    """
    line = "\t".join("%.6g" if dtype.kind == "f" else "%s" for dtype in table.dtypes) + "\n"
    packed = str(path).endswith(".gz")
    with (
        atomic_path(path) as temporary,
        open(temporary, "wb") as raw,
        _gzipped(raw) if packed else nullcontext(raw) as handle,
    ):
        if header:
            handle.write(("\t".join(table.columns) + "\n").encode())
        for first in range(0, len(table), ROWS):
            columns = [column.tolist() for _, column in table.iloc[first : first + ROWS].items()]
            lines = "".join([line % row for row in zip(*columns, strict=True)])
            handle.write(re.sub(r"(?<=\t)nan(?=[\t\n])", "", lines).encode())


def _gzipped(raw: IO[bytes]) -> Any:
    return igzip.IGzipFile(filename="", mode="wb", compresslevel=3, fileobj=raw, mtime=0)
