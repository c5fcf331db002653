"""Windows and sums of a track, compared with arrays of every base."""

from __future__ import annotations

import numpy as np
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow import signal as signal_module
from bpflow.bigwig_writer import write_bigwig
from bpflow.errors import InputError
from bpflow.signal import SignalTrack


@pytest.fixture(scope="module")
def counts(genome):
    rng = np.random.default_rng(5)
    values = rng.poisson(0.1, genome.array.size) * rng.integers(1, 100, genome.array.size)
    # The ends of chromosomes hold insertions; a count above 16 bits is kept.
    for name in genome.names:
        values[[genome.offsets[name], genome.offsets[name] + genome.sizes[name] - 1]] = 3
    values[777] = 100_000
    return values


@pytest.fixture(scope="module")
def bigwig(counts, genome, tmp_path_factory):
    path = tmp_path_factory.mktemp("signal") / "x.bw"
    blocks = []
    for name in genome.names:
        here = counts[genome.offsets[name] :][: genome.sizes[name]]
        blocks.append((name, np.flatnonzero(here), here[here > 0]))
    write_bigwig(path, genome.sizes, blocks)
    return path


@pytest.fixture(scope="module")
def track(bigwig, genome):
    return SignalTrack.open(bigwig, genome)


def test_sites_are_those_with_insertions(track, counts, bigwig):
    np.testing.assert_array_equal(track.positions, np.flatnonzero(counts))
    np.testing.assert_array_equal(track.counts, counts[counts > 0])
    assert track.total == counts.sum()
    assert track.path == str(bigwig)
    assert track.positions.dtype == np.uint32


@settings(max_examples=100)
@given(
    regions=st.lists(st.tuples(st.integers(0, 135_000 - 500), st.booleans()), max_size=9),
    width=st.sampled_from([1, 2, 60, 500]),
)
def test_windows_and_sums_equal_slicing(track, counts, regions, width):
    regions = [(0, True), (135_000 - 500, False), *regions]
    starts, reverse = np.array([start for start, _ in regions]), np.array([flip for _, flip in regions])
    windows = np.stack([counts[start : start + width] for start in starts])
    np.testing.assert_array_equal(track.windows(starts, width), windows)
    turned = np.where(reverse[:, None], windows[:, ::-1], windows)
    np.testing.assert_array_equal(track.windows(starts, width, reverse), turned)
    np.testing.assert_array_equal(track.sums(starts, width), windows.sum(axis=1))


def test_sums_take_widths_and_do_not_depend_on_the_block(track, counts, monkeypatch):
    starts, widths = np.array([0, 100, 0, 134_999]), np.array([135_000, 0, 5000, 1])
    expected = [counts[start : start + width].sum() for start, width in zip(starts, widths, strict=True)]
    assert track.sums(starts, widths).tolist() == expected
    monkeypatch.setattr(signal_module, "SITES_AT_ONCE", 10)
    assert track.sums(starts, widths).tolist() == expected


def test_no_window_gives_no_row(track):
    none = np.zeros(0, dtype=np.int64)
    assert track.windows(none, 10).shape == (0, 10)
    assert track.sums(none, 10).shape == (0,)


@settings(max_examples=30)
@given(start=st.integers(0, 59_000), width=st.integers(1, 1000))
def test_windows_agree_with_an_independent_reader(track, bigwig, start, width):
    with pyBigWig.open(str(bigwig)) as handle:
        expected = np.nan_to_num(handle.values("chr1", start, start + width, numpy=True))
    np.testing.assert_array_equal(track.windows(np.array([start]), width)[0], expected)


def test_a_track_without_insertions_is_read(tmp_path, genome):
    write_bigwig(tmp_path / "x.bw", genome.sizes, [("chr1", np.array([5]), np.array([0.0]))])
    track = SignalTrack.open(tmp_path / "x.bw", genome)
    assert track.total == 0
    assert not track.windows(np.array([0]), 20).any()


@pytest.mark.parametrize(("value", "text"), [(2.5, "2.5"), (-2.0, "-2"), (3e9, "3e\\+09")])
def test_values_that_are_no_counts_are_named_with_their_place(tmp_path, genome, value, text):
    blocks = [("chr1", np.array([7]), np.array([1.0])), ("chr2", np.array([9, 1005]), np.array([1.0, value]))]
    write_bigwig(tmp_path / "x.bw", genome.sizes, blocks)
    with pytest.raises(InputError, match=f"the value {text} at chr2:1005"):
        SignalTrack.open(tmp_path / "x.bw", genome)


@pytest.mark.parametrize("sites", [0, 1, 127, 128, 129, 1000])
def test_a_few_places_are_found_as_many_are(sites):
    random = np.random.default_rng(sites)
    positions = np.sort(random.choice(4 * sites + 5, sites, replace=False)).astype(np.uint32)
    track = SignalTrack(positions, np.ones(sites, dtype=np.int32), "made up")
    places = np.arange(4 * sites + 9)
    for few in np.array_split(places, 20):
        first, last = track.between(few, few + 3)
        assert np.array_equal(first, np.searchsorted(positions, few))
        assert np.array_equal(last, np.searchsorted(positions, few + 3))
