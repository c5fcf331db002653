"""Peaks that samples share, and how well observations, predictions and their differences agree there."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.sample_comparison import SHARED_WITHIN, compare, read_peaks, shared_peaks
from bpflow.tables import write_table


def peaks(centers, chrom="chr1", observed=None, predicted=None):
    zeros = np.zeros(len(centers))
    return pd.DataFrame(
        {
            "chrom": chrom,
            "center": np.asarray(centers, dtype=np.int64),
            "observed_log_counts": zeros if observed is None else observed,
            "predicted_log_counts": zeros if predicted is None else predicted,
        }
    )


def pairs_one_by_one(first, second):
    """Mutually nearest centres of the same chromosome; of two as near, the lower."""

    def nearest(row, table):
        same = table[table["chrom"] == row["chrom"]]
        if same.empty:
            return None
        return (same["center"] - row["center"]).abs().sort_values(kind="stable").index[0]

    found = []
    for here, row in first.iterrows():
        there = nearest(row, second)
        if there is None or abs(second.loc[there, "center"] - row["center"]) > SHARED_WITHIN:
            continue
        if nearest(second.loc[there], first) == here:
            found.append((here, there))
    return found


centers = st.lists(st.integers(1000, 5000), max_size=25, unique=True)


@given(centers, centers, centers, centers)
def test_shared_peaks_are_each_others_nearest(one, other, one_more, other_more):
    first = pd.concat([peaks(sorted(one)), peaks(sorted(one_more), "chr2")], ignore_index=True)
    second = pd.concat([peaks(sorted(other_more), "chr2"), peaks(sorted(other))], ignore_index=True)
    rows, partners = shared_peaks(first, second)
    assert list(zip(rows.tolist(), partners.tolist(), strict=True)) == pairs_one_by_one(first, second)


def test_order_of_rows_does_not_matter_where_no_two_are_as_near():
    rows, partners = shared_peaks(peaks([900, 100, 5000]), peaks([4950, 130, 9000]))
    assert rows.tolist() == [1, 2]
    assert partners.tolist() == [1, 0]


def test_peaks_of_other_chromosomes_are_not_shared():
    rows, _ = shared_peaks(peaks([100], "chr1"), peaks([100], "chr2"))
    assert rows.size == 0


def test_models_that_know_how_samples_differ_are_told_from_those_that_do_not():
    rng = np.random.default_rng(0)
    common, own = rng.normal(5, 1, (2, 500)), rng.normal(0, 1, 500)
    places = np.arange(500) * 2000
    base = peaks(places, observed=common[0], predicted=common[0])
    knows = peaks(places, observed=common[0] + own, predicted=common[0] + 0.5 * own)
    copies = peaks(places, observed=common[0] + own, predicted=common[0] + 0.01 * rng.normal(0, 1, 500))
    record = compare({"base": base, "knows": knows, "copies": copies})
    found = {(pair["first"], pair["second"]): pair for pair in record["pairs"]}
    assert found["base", "knows"]["shared"] == 500
    assert found["base", "knows"]["difference_r"] == pytest.approx(1, abs=1e-5)
    assert abs(found["base", "copies"]["difference_r"]) < 0.15
    assert found["base", "copies"]["predicted_r"] > 0.99
    assert found["base", "copies"]["observed_r"] == pytest.approx(
        np.corrcoef(common[0], common[0] + own)[0, 1], abs=1e-5
    )


def test_too_few_shared_peaks_have_no_correlation():
    (pair,) = compare({"a": peaks([100]), "b": peaks([100])})["pairs"]
    assert (pair["shared"], pair["observed_r"]) == (1, None)


def write(path, table, peak=1):
    write_table(table.assign(peak=peak), path)
    return str(path)


def test_command_reads_the_tables_of_all_folds(tmp_path):
    values = np.linspace(1, 2, 20)
    tables = [
        write(tmp_path / f"{chrom}.tsv.gz", peaks(np.arange(20) * 3000 + 500, chrom, values, values))
        for chrom in ("chr1", "chr2")
    ]
    main(["compare", "--sample", "a", *tables, "--sample", "b c", *tables, "--output", str(tmp_path / "out.json")])
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["samples"] == [{"name": "a", "peaks": 40}, {"name": "b c", "peaks": 40}]
    assert record["pairs"][0]["shared"] == 40


def test_non_peaks_are_left_out_and_a_chromosome_in_two_folds_is_refused(tmp_path):
    table = write(tmp_path / "a.tsv", peaks([500, 5000]))
    assert len(read_peaks([table])) == 2
    assert read_peaks([write(tmp_path / "b.tsv", peaks([500]), peak=0)]).empty
    with pytest.raises(InputError, match="chr1 is in"):
        read_peaks([table, write(tmp_path / "c.tsv", peaks([900]))])


@pytest.mark.parametrize(
    ("samples", "said"),
    [([["a", "T"]], "one sample"), ([["a", "T"], ["a", "T"]], "a given twice"), ([["a"], ["b", "T"]], "no table of a")],
)
def test_bad_lists_of_samples_are_refused(tmp_path, capsys, samples, said):
    table = write(tmp_path / "t.tsv", peaks([500, 5000]))
    options = [
        word for sample in samples for word in ("--sample", *[table if item == "T" else item for item in sample])
    ]
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *options, "--output", str(tmp_path / "out.json")])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
