from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.bin_windows import BinLayout, Coverage, bin_windows, contigs, read_unmappable
from bpflow.errors import InputError
from unit.small_bins import SIZES, make_genome, write_track

LAYOUT = BinLayout(1024, 16, 8)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return make_genome(tmp_path_factory.mktemp("bins"))


def intervals(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def test_gaps_end_a_stretch_and_short_runs_do_not(small):
    # The genome of the tests begins with 200 N.
    assert list(contigs(small)) == [
        ("chr1", 200, 5000), ("chr1", 5150, 12_000), ("chr2", 0, 9000), ("chr3", 0, 7000)
    ]  # fmt: skip


def test_windows_lie_side_by_side_on_multiples_of_the_bin_width(small):
    assert (LAYOUT.bins, LAYOUT.target_length, LAYOUT.margin) == (48, 768, 128)
    found = bin_windows(small, LAYOUT)
    on_first = found.frame[found.frame["chrom"] == "chr1"]
    assert on_first["start"].tolist() == [208 + 768 * i for i in range(6)] + [5152 + 768 * i for i in range(8)]
    assert (found.frame["end"] - found.frame["start"] == 768).all()
    assert (found.contigs, found.short_contigs, found.out) == (4, 0, 0)
    assert not (found.frame["start"] % 16).any()


def test_a_stride_makes_windows_overlap(small):
    found = bin_windows(small, LAYOUT, stride=256).frame
    on_last = found[found["chrom"] == "chr3"]["start"].tolist()
    assert on_last == list(range(0, 7000 - 768 + 1, 256))
    with pytest.raises(InputError, match="multiple of the bin width"):
        bin_windows(small, LAYOUT, stride=100)


def test_windows_that_are_mostly_out_are_left_out(small):
    # 24 of 48 bins of the second window, of which the last is covered by a tenth only.
    excluded = intervals(("chr3", 768, 768 + 23 * 16 + 2), ("chr3", 1536, 1536 + 23 * 16 + 1))
    found = bin_windows(small, LAYOUT, excluded=Coverage(excluded))
    assert found.out == 1
    on_last = found.frame[found.frame["chrom"] == "chr3"]["start"].tolist()
    assert 768 not in on_last
    assert 1536 in on_last
    assert bin_windows(small, LAYOUT, excluded=Coverage(excluded), max_out=0.9).out == 0


def test_nothing_left_is_said(small):
    with pytest.raises(InputError, match="no window"):
        bin_windows(small, BinLayout(1 << 20, 16, 8))
    everything = Coverage(intervals(*((name, 0, size) for name, size in SIZES.items())))
    with pytest.raises(InputError, match="no window"):
        bin_windows(small, LAYOUT, excluded=everything)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), max_size=8), st.integers(0, 5))
def test_coverage_equals_that_of_every_base(rows, margin):
    covered = np.zeros(160, dtype=bool)
    for start, length in rows:
        covered[max(start - margin, 0) : start + length + margin] = True
    found = Coverage(intervals(*(("chr1", start, start + length) for start, length in rows)), margin)
    positions = np.arange(150)
    np.testing.assert_array_equal(found.before("chr1", positions), np.append(0, np.cumsum(covered))[:150])
    mask = found.mask("chr1", 20, 100)
    np.testing.assert_array_equal(covered[20:100], np.zeros(80, bool) if mask is None else mask)
    assert found.mask("chr9", 0, 10) is None
    assert not found.before("chr9", positions).any()


def test_unmappable_stretches_of_a_bigwig(tmp_path, small):
    values = {name: np.ones(size, np.float32) for name, size in SIZES.items()}
    values["chr1"][1000:1499] = 0.1
    values["chr1"][2000:2500] = 0.2
    values["chr1"][11_700:] = np.nan
    values["chr2"][:400] = 0
    values["chr2"][8000:] = np.nan
    values["chr3"][:] = np.nan
    found = read_unmappable(write_track(tmp_path / "m.bw", small, values), small)
    assert found.to_numpy().tolist() == [["chr1", 2000, 2500], ["chr2", 8000, 9000], ["chr3", 0, 7000]]


def test_unmappable_stretches_of_a_bed(tmp_path, small):
    (tmp_path / "m.bed").write_text("chr2\t10\t600\tlow\n")
    assert read_unmappable(tmp_path / "m.bed", small).to_numpy().tolist() == [["chr2", 10, 600]]
    (tmp_path / "m.bed").write_text("chrX\t10\t600\n")
    with pytest.raises(InputError, match="chrX"):
        read_unmappable(tmp_path / "m.bed", small)


@pytest.mark.parametrize("sizes", [(1000, 16, 8), (256, 16, 8)])
def test_layouts_that_do_not_fit_are_refused(sizes):
    with pytest.raises(InputError, match="multiple of 16"):
        BinLayout(*sizes)
