from __future__ import annotations

import numpy as np
import pytest

from bpflow.bin_targets import BinTarget, binned, read_targets, strand_partners
from bpflow.errors import InputError
from unit.small_bins import write_table

BASES = np.array([1, 2, 3, 0, 8, 0, 0, 40], dtype=np.float32)


def of(values=BASES, blacklisted=None, **changes):
    return binned(np.array(values, np.float32), 4, BinTarget("t", "t.bw", **changes), blacklisted).tolist()


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("sum", [6, 48]),
        ("mean", [1.5, 12]),
        ("sum_sqrt", [7**0.5 - 1, 6]),
        ("mean_sqrt", [2.5**0.5 - 1, 13**0.5 - 1]),
        ("median", [1.5, 4]),
        ("max", [3, 40]),
        ("peak", [1, 1]),
    ],
)
def test_statistics_of_a_bin(statistic, expected):
    assert of(sum_stat=statistic) == pytest.approx(expected)


def test_a_peak_is_the_root_of_four_means_up_to_one():
    assert of([0.1, 0, 0, 0, 0, 0, 0, 0], sum_stat="peak") == pytest.approx([0.1**0.5, 0])


def test_scale_comes_first_then_the_soft_clip_then_the_hard_one():
    assert of(scale=2, clip_soft=20) == pytest.approx([12, 19 + (76 + 1) ** 0.5])
    assert of(scale=2, clip_soft=20, clip=25) == pytest.approx([12, 25])
    # At the soft clip itself nothing changes.
    assert of(clip_soft=48) == pytest.approx([6, 48])


def test_unknown_and_blacklisted_bases_get_the_median():
    values = [5, 5, 5, np.nan, 6, 7, 100, 7]
    # The unknown base counts as 0 for the median, which is 5.5.
    assert of(values) == pytest.approx([20.5, 120])
    black = np.zeros(8, dtype=bool)
    black[[0, 6]] = True
    assert of(values, black) == pytest.approx([20.5, 25.5])


def test_a_sparse_track_has_a_median_of_0():
    assert of([np.nan, 3, np.nan, np.nan, np.nan, np.nan, 2, np.nan]) == [3, 2]
    assert of([np.nan, 3, np.nan, np.nan, np.nan, np.nan, 2, np.nan], np.arange(8) == 1) == [0, 2]


def test_a_table_is_read_with_its_defaults(tmp_path):
    rows = [
        {"identifier": "a", "file": "a.bw", "clip": 32, "scale": 2, "sum_stat": "mean", "strand_pair": "b"},
        {"identifier": "b", "file": "b.bw", "strand_pair": 0, "description": "the other strand"},
        {"identifier": "c", "file": "c.bw", "clip_soft": 10},
    ]
    one, other, third = read_targets(write_table(tmp_path / "t.tsv", rows))
    assert one == BinTarget("a", "a.bw", 32, 2, "mean", strand_pair="b")
    assert (other.strand_pair, other.description, other.clip, other.sum_stat) == ("a", "the other strand", 65504, "sum")
    assert (third.strand_pair, third.clip_soft) == ("c", 10)
    assert strand_partners([one, other, third], where="").tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"identifier": "a"}], "no column file"),
        ([{"identifier": "a", "file": "a.bw", "sum_stat": "total"}], "row 1: sum_stat 'total'"),
        ([{"identifier": "a", "file": "a.bw", "scale": 0}], "scale is 0"),
        ([{"identifier": "a", "file": "a.bw", "clip": -1}], "clip is -1"),
        ([{"identifier": "a", "file": "a.bw", "clip": "much"}], "cannot be read"),
        ([{"identifier": "a", "file": "a.bw"}] * 2, "comes twice"),
        ([{"identifier": "a", "file": "a.bw", "strand_pair": "z"}], "strand_pair of a is 'z'"),
        (
            [{"identifier": n, "file": "x.bw", "strand_pair": p} for n, p in (("a", "b"), ("b", "c"), ("c", "a"))],
            "strand_pair",
        ),
        ([{"identifier": "", "file": "a.bw"}], "identifier"),
    ],
)
def test_tables_that_make_no_sense_are_refused(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        read_targets(write_table(tmp_path / "t.tsv", rows))
