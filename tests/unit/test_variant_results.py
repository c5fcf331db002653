"""Effects, and which variants lead."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from bpflow.variant_results import Top, effects, write_tables
from bpflow.variants import Scores


def test_effects_from_scores():
    reference, alternative = np.log([[10.0, 8.0]]), np.log([[40.0, 2.0]])
    found = effects(Scores(reference, alternative, np.array([[0.5, 0.25]])))
    np.testing.assert_allclose(found["log2_fold_counts"], [[2, -2]])
    np.testing.assert_allclose(found["jsd"], [[0.5, 0.25]])
    np.testing.assert_allclose(found["integrative_effect"], [[1.0, 0.5]])


def table(q: list[float], effect: list[float], **changes: list) -> pd.DataFrame:
    n = len(q)
    columns = {
        "chrom": ["chr1"] * n, "pos": range(1, n + 1), "id": ["."] * n, "ref": ["A"] * n, "alt": ["C"] * n,
        "status": ["scored"] * n, "note": [""] * n, "q_integrative_effect": q, "integrative_effect": effect,
    }  # fmt: skip
    return pd.DataFrame({**columns, **changes})


def test_the_smallest_q_leads_and_then_the_largest_effect():
    tables = [
        table([0.5, 0.1, 0.1], [9.0, 1.0, 2.0]),
        table([0.1, 0.01], [2.0, 0.1]),
        table([0.001, 0.002], [9.0, 9.0], status=["edge", "scored"], note=["", "duplicate"]),
    ]
    top = Top(4)
    assert [len(each) for each in top.watch(tables)] == [3, 2, 2]
    # Of equal ones the first in the file.
    assert [(each.q, -each.minus_effect, each.row) for each in top.leading] == [
        (0.01, 0.1, 4), (0.1, 2.0, 2), (0.1, 2.0, 3), (0.1, 1.0, 1),
    ]  # fmt: skip
    assert str(top.leading[0].allele) == "chr1:2 A>C"


def test_without_q_the_effect_decides():
    top = Top(2)
    list(top.watch([table([np.nan] * 3, [1.0, 3.0, 2.0])]))
    assert [each.row for each in top.leading] == [1, 2]


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
def test_tables_are_written_under_one_header(tmp_path, name):
    parts = [pd.DataFrame({"a": [1, 2], "b": [0.123456789, np.nan]}), pd.DataFrame({"a": [3], "b": [1e-12]})]
    write_tables(iter(parts), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    text = gzip.decompress(content) if name.endswith(".gz") else content
    assert text == b"a\tb\n1\t0.123457\n2\t\n3\t1e-12\n"
    write_tables(iter(parts), tmp_path / name)
    assert (tmp_path / name).read_bytes() == content
