from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.tracks_layout import owned_intervals, tile_centers

SIZES = (120, 90)


@st.composite
def layouts(draw):
    regions = sorted(draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 119)), min_size=1, max_size=25)))
    regions = [(chromosome, min(center, SIZES[chromosome])) for chromosome, center in regions]
    return sorted(regions), draw(st.sampled_from([2, 10, 40, 200]))


@given(layouts())
def test_each_covered_base_is_owned_once_by_a_nearest_centre(layout):
    regions, length = layout
    index, centers = (np.array(column) for column in zip(*regions, strict=True))
    starts, ends = owned_intervals(index, centers, length, np.array(SIZES))
    assert (starts <= ends).all()
    for chromosome, size in enumerate(SIZES):
        rows = np.flatnonzero(index == chromosome)
        for base in range(size):
            owners = rows[(starts[rows] <= base) & (base < ends[rows])]
            # A centre lies between two bases, so that distances are measured from the middle of a base.
            distance = np.abs(centers[rows] - (base + 0.5))
            covered = distance < length // 2
            assert len(owners) == covered.any()
            if len(owners):
                assert abs(centers[owners[0]] - (base + 0.5)) == distance.min()


def test_the_border_is_the_integer_mean_of_centres():
    starts, ends = owned_intervals(np.zeros(2, int), np.array([50, 61]), 40, np.array([1000]))
    assert starts.tolist() == [30, 55]
    assert ends.tolist() == [55, 81]


def test_of_equal_centres_the_first_owns_all():
    starts, ends = owned_intervals(np.zeros(4, int), np.array([50, 50, 50, 80]), 40, np.array([1000]))
    assert (ends - starts).tolist() == [35, 0, 0, 35]


def test_chromosome_ends_cut_windows_and_neighbours_on_others_do_not():
    starts, ends = owned_intervals(np.array([0, 1]), np.array([95, 5]), 40, np.array([100, 100]))
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == [(75, 100), (0, 25)]


def test_no_region_is_no_interval():
    starts, ends = owned_intervals(np.zeros(0, int), np.zeros(0, int), 40, np.array([100]))
    assert len(starts) == len(ends) == 0


@pytest.mark.parametrize(("index", "centers"), [([0, 0], [9, 8]), ([1, 0], [1, 2])])
def test_unsorted_regions_are_refused(index, centers):
    with pytest.raises(ValueError, match="sorted"):
        owned_intervals(np.array(index), np.array(centers), 4, np.array([100, 100]))


@pytest.mark.parametrize(
    ("start", "end", "centers"),
    [
        (100, 120, [110]),
        (100, 121, [100, 110, 120]),
        (285, 335, [290, 300, 310, 320, 330]),
        (0, 20, [32]),
        (0, 60, [32, 40, 50, 60]),
        (590, 600, [568]),
    ],
    ids=["one window", "a base more", "several", "at the start", "past the start", "at the end"],
)
def test_tiles_stand_half_a_window_apart_within_the_chromosome(start, end, centers):
    assert tile_centers(start, end, 600, input_length=64, output_length=20).tolist() == centers


def test_no_tile_fits_a_short_chromosome():
    assert not len(tile_centers(0, 60, 63, input_length=64, output_length=20))
    assert tile_centers(0, 60, 64, input_length=64, output_length=20).tolist() == [32]


@pytest.mark.parametrize("width", [1, 20, 21, 77, 400])
def test_tiles_reach_each_base_and_own_what_is_near(width):
    start, end = 200, 200 + width
    centers = tile_centers(start, end, 1000, input_length=64, output_length=20)
    firsts, lasts = owned_intervals(np.zeros(len(centers), int), centers, 20, np.array([1000]))
    assert firsts[0] <= start
    assert lasts[-1] >= end
    np.testing.assert_array_equal(firsts[1:], lasts[:-1])
