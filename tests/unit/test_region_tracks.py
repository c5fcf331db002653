"""Tracks over regions against a base-by-base layout."""

from __future__ import annotations

import numpy as np
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow import region_tracks
from bpflow.region_tracks import RegionTrackWriter, write_region_track

SIZES = {"a": 150, "b": 100, "none": 50}


def base_by_base(regions, values, width):
    """Each base has the value of the region with the nearest centre; of equal centres the first, of a tie the right."""
    expected = {name: np.full(size, np.nan) for name, size in SIZES.items()}
    for index, name in enumerate(SIZES):
        for base in range(SIZES[name]):
            rows = [row for row, (chrom, center) in enumerate(regions) if chrom == index]
            rows = [row for row in rows if -(width // 2) <= base - regions[row][1] < width // 2]
            if rows:
                # A border lies at the integer mean of neighbouring centres, and belongs to the right one.
                row = min(rows, key=lambda row: (abs(regions[row][1] - base - 0.5), -regions[row][1], row))
                expected[name][base] = values[row, base - regions[row][1] + width // 2]
    return expected


@st.composite
def layouts(draw):
    regions = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 99)), min_size=1, max_size=30))
    return draw(st.sampled_from([regions, sorted(regions)])), draw(st.sampled_from([2, 11, 40]))


@settings(max_examples=40)
@given(layouts(), st.integers(1, 31), st.sampled_from([3, 256]))
def test_every_base_comes_from_the_nearest_region(tmp_path_factory, layout, block, rows):
    (regions, width), folder = layout, tmp_path_factory.mktemp("tracks")
    index, centers = (np.array(column) for column in zip(*regions, strict=True))
    values = np.random.default_rng(0).normal(size=(len(regions), width)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_tracks, "ROWS", rows)
        blocks = (values[first : first + block] for first in range(0, len(values), block))
        write_region_track(folder / "blocks.bw", SIZES, index, centers, width, blocks, threads=2)
        write_region_track(folder / "whole.bw", SIZES, index, centers, width, values)
    with pyBigWig.open(str(folder / "blocks.bw")) as one, pyBigWig.open(str(folder / "whole.bw")) as other:
        assert all(one.intervals(name) == other.intervals(name) for name in SIZES)
    with pyBigWig.open(str(folder / "whole.bw")) as handle:
        for name, expected in base_by_base(regions, values, width).items():
            np.testing.assert_array_equal(handle.values(name, 0, SIZES[name], numpy=True), expected.astype(np.float32))


def test_regions_in_genome_order_are_kept_nowhere(tmp_path):
    index, centers = np.array([0, 0, 1]), np.array([50, 60, 20])
    assert RegionTrackWriter(tmp_path / "x.bw", SIZES, index, centers, 10)._kept is None
    assert RegionTrackWriter(tmp_path / "x.bw", SIZES, index[::-1], centers, 10)._kept is not None


@pytest.mark.parametrize(
    ("blocks", "message"),
    [([(2, 10)], "2 of 3 regions"), ([(2, 10), (2, 10)], r"shape \(2, 10\)"), ([(3, 9)], r"shape \(3, 9\)")],
)
@pytest.mark.parametrize("centers", [[10, 30, 50], [50, 30, 10]])
def test_windows_that_do_not_fit_the_regions_are_refused_and_leave_no_file(tmp_path, blocks, message, centers):
    values = [np.zeros(shape, np.float32) for shape in blocks]
    with pytest.raises(ValueError, match=message):
        write_region_track(tmp_path / "x.bw", SIZES, np.zeros(3, int), np.array(centers), 10, iter(values))
    assert not list(tmp_path.iterdir())


def test_no_region_is_an_empty_track(tmp_path):
    write_region_track(tmp_path / "x.bw", SIZES, np.zeros(0, int), np.zeros(0, int), 10, iter([]))
    with pyBigWig.open(str(tmp_path / "x.bw")) as handle:
        assert handle.chroms() == SIZES
        assert handle.intervals("a") is None
