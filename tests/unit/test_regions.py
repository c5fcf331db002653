from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.regions import centers, from_centers, inside, on, overlaps, read_regions, write_regions

NARROW = "chr1\t{start}\t{end}\tp\t0\t.\t1.5\t2.5\t3.5\t{summit}\n"


def test_narrowpeak_centre_is_start_plus_summit(tmp_path, genome):
    path = tmp_path / "peaks.narrowPeak"
    path.write_text(NARROW.format(start=100, end=300, summit=30) + NARROW.format(start=100, end=300, summit=-1))
    frame = read_regions(path, genome)
    assert frame.attrs["format"] == "narrowPeak"
    assert centers(frame).tolist() == [130, 200]
    assert frame["pvalue"].tolist() == [2.5, 2.5]


def test_bed3_centre_is_the_middle_and_crlf_and_headers_are_read(tmp_path, genome):
    path = tmp_path / "peaks.bed"
    path.write_bytes(b"# comment\r\ntrack name=x\r\nchr1\t100\t301\r\n")
    frame = read_regions(path, genome)
    assert frame.attrs["format"] == "BED3"
    assert centers(frame).tolist() == [200]


def test_round_trip(tmp_path):
    frame = from_centers(["chr1", "chr2"], np.array([500, 700]), 200)
    write_regions(frame, tmp_path / "out.narrowPeak")
    again = read_regions(tmp_path / "out.narrowPeak")
    assert again.drop(columns="name").equals(frame.drop(columns="name").astype(again.drop(columns="name").dtypes))
    assert centers(again).tolist() == [500, 700]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no regions"),
        ("chr1\t5\n", r"line 1: 2 column\(s\)"),
        ("chr1\t5\t10\nchr1\t5\t10\tx\n", "line 2: 4 columns where the first region has 3"),
        ("chr1\t5.5\t10\n", "line 1: the start '5.5' is not a whole number"),
        ("chr1\t-0\t10\n", "line 1: the start '-0' is not a whole number"),
        ("chr1\t10\t10\n", "line 1: start 10 and end 10"),
        ("chr1\t-5\t10\n", "line 1: start -5 and end 10"),
        ("1\t5\t10\n", "differ in style"),
        ("chr9\t5\t10\n", "chromosome 'chr9' is not in the genome"),
        ("chr1\t59000\t62000\n", "lies past its chromosome's end"),
        (NARROW.format(start=5, end=10, summit=5), "the summit 5 lies outside its region"),
        (NARROW.format(start=5, end=10, summit="x"), "the summit 'x' is not a whole number"),
        (NARROW.format(start=5, end=10, summit=3).replace("1.5", "high"), "line 1: the signal 'high' is not a number"),
        *(
            (f"chr1\t5\t10\nchr1\t5\t{number}\n", f"line 2: the end '{number[:50]}' is not a whole number")
            for number in ("9" * 30, "9" * 5000, "1_000", "٣", "²", "--5", "1e3")
        ),
    ],
)
def test_bad_regions_name_the_line(tmp_path, genome, text, message):
    path = tmp_path / "bad.bed"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_regions(path, genome)


def test_an_end_past_the_chromosome_is_clipped_if_the_summit_is_inside(tmp_path, genome):
    path = tmp_path / "peaks.narrowPeak"
    path.write_text(NARROW.format(start=59_900, end=60_100, summit=50))
    assert read_regions(path, genome)["end"].tolist() == [60_000]


def test_inside_is_the_official_rule():
    frame = from_centers(["c", "c", "c", "c", "unknown"], np.array([4, 5, 95, 96, 50]), 2)
    assert inside(frame, {"c": 100}, 10).tolist() == [False, True, True, False, False]


intervals = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), max_size=8)


@settings(max_examples=200)
@given(queries=intervals.filter(bool), excluded=intervals, margin=st.integers(0, 30))
def test_overlaps_agrees_with_comparing_each_pair(queries, excluded, margin):
    query = pd.DataFrame({"chrom": "c", "start": [s for s, _ in queries], "end": [s + w for s, w in queries]})
    table = pd.DataFrame({"chrom": "c", "start": [s for s, _ in excluded], "end": [s + w for s, w in excluded]})
    expected = [any(s < xs + xw + margin and xs - margin < s + w for xs, xw in excluded) for s, w in queries]
    found = overlaps(query["chrom"], query["start"].to_numpy(), query["end"].to_numpy(), table, margin)
    assert found.tolist() == expected


def test_on_keeps_order():
    frame = from_centers(["b", "a", "b"], np.array([1, 2, 3]), 2)
    assert centers(on(frame, ["b"])).tolist() == [1, 3]
