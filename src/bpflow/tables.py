"""Tables of one row a region or epoch, as tab-separated text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import nullcontext
from typing import IO, Any

import pandas as pd
from isal import igzip

from bpflow.errors import InputError
from bpflow.files import DAMAGED, READ_ERRORS, atomic_path, existing, open_binary

__all__ = ["read_table", "write_table"]

ROWS = 1 << 16
UNREADABLE: tuple[type[Exception], ...] = (*READ_ERRORS, ValueError, OSError)


def read_table(
    path: str | os.PathLike[str], columns: Mapping[str, str], what: str, *, empty: bool = False
) -> pd.DataFrame:
    """Read the named columns of a table, plain or gzipped.

    Parameters
    ----------
    path
        The file; "nan", "-" and nothing in a cell of numbers are missing values.
    columns
        Columns and their types; others are not read.
    what
        What the table is, for errors.
    empty
        Whether one without rows will do.

    Raises
    ------
    InputError
        There is no such file, it is damaged, or a column or every row is missing.
    """
    try:
        with open_binary(existing(path, what)) as handle:
            table = pd.read_csv(
                handle, sep="\t", usecols=lambda name: name in columns, dtype=dict(columns), na_values=["nan", "-"]
            )
    except UNREADABLE as error:
        raise InputError(f"cannot be read ({error})", where=str(path), expected=what, mend=DAMAGED) from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"no column {', '.join(missing)}", where=str(path), expected=what)
    if table.empty and not empty:
        raise InputError("no rows", where=str(path), expected=what, mend=DAMAGED)
    return table


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
