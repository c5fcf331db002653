"""Tables as text: the same bytes every time, as pandas writes them."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from bpflow import tables
from bpflow.tables import write_table


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    values = rng.normal(size=20) * 10.0 ** rng.integers(-8, 8, 20)
    values[[3, 4, 19]] = np.nan
    names = [f"nan_{i}" if i % 2 else f"Nanog nan{i}" for i in range(20)]
    return pd.DataFrame({"name": names, "count": np.arange(20) * 10**7, "a": values, "b": values[::-1]})


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
def test_as_pandas_writes_it_whatever_the_block(tmp_path, table, name, monkeypatch):
    expected = table.to_csv(sep="\t", index=False, float_format="%.6g", na_rep="")
    for rows in (1 << 16, 7, 1):
        monkeypatch.setattr(tables, "ROWS", rows)
        write_table(table, tmp_path / name)
        content = (tmp_path / name).read_bytes()
        text = gzip.decompress(content) if name.endswith(".gz") else content
        assert text.decode() == expected


def test_gzip_has_no_time_stamp(tmp_path, table):
    write_table(table, tmp_path / "t.tsv.gz")
    assert (tmp_path / "t.tsv.gz").read_bytes()[4:8] == b"\0\0\0\0"


def test_no_rows_leave_a_header(tmp_path, table):
    write_table(table.iloc[:0], tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == "name\tcount\ta\tb\n"
