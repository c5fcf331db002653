"""bigWigs as pyBigWig reads them: values, header, summaries of any stretch."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow import bigwig_writer
from bpflow.bigwig_writer import BigWigWriter, write_bigwig

SIZES = {"chrB": 5000, "chrA": 900, "empty": 40, "chrC": 1}


def split(positions, values, cuts):
    """Pieces of one chromosome's values."""
    return zip(np.split(positions, cuts), np.split(values, cuts), strict=True)


def read(path, sizes):
    """Values of all chromosomes, NaN where there is none."""
    with pyBigWig.open(str(path)) as handle:
        assert handle.chroms() == dict(sizes)
        assert list(handle.chroms()) == list(sizes)
        return {name: handle.values(name, 0, size, numpy=True) for name, size in sizes.items()}


def sections(path):
    """What was compressed, section by section."""
    content = path.read_bytes()
    data_offset, index_offset = struct.unpack_from("<QQ", content, 16)
    rest, found = content[data_offset + 8 : index_offset], []
    while rest:
        decompressor = zlib.decompressobj()
        found.append(decompressor.decompress(rest))
        rest = decompressor.unused_data
    return found


def dense(sizes, content):
    whole = {name: np.full(size, np.nan, np.float32) for name, size in sizes.items()}
    for name, positions, values in content:
        whole[name][positions] = values
    return whole


@st.composite
def contents(draw):
    """Values of some chromosomes: runs of adjacent bases of any length between gaps of any length."""
    content = []
    for name, size in SIZES.items():
        pattern = draw(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), max_size=20))
        covered = np.concatenate([np.repeat([True, False], pair) for pair in pattern] or [np.zeros(0, bool)])
        positions = np.flatnonzero(covered[:size])
        seed = draw(st.integers(0, 2**32 - 1))
        content.append((name, positions, np.random.default_rng(seed).normal(size=len(positions))))
    return content


@settings(max_examples=30)
@given(contents(), st.data())
def test_what_was_written_is_read_however_it_was_split(tmp_path_factory, content, data):
    folder = tmp_path_factory.mktemp("bw")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bigwig_writer, "BLOCK", data.draw(st.sampled_from([211, 1 << 18])))
        write_bigwig(folder / "whole.bw", SIZES, content)
        with BigWigWriter(folder / "pieces.bw", SIZES, threads=2) as writer:
            for name, positions, values in content:
                cuts = sorted(data.draw(st.lists(st.integers(0, len(positions)), max_size=5)))
                for piece in split(positions, values, cuts):
                    writer.add(name, *piece)
    expected = dense(SIZES, content)
    for path in (folder / "whole.bw", folder / "pieces.bw"):
        found = read(path, SIZES)
        for name in SIZES:
            np.testing.assert_array_equal(found[name].astype(np.float32), expected[name])
    # The compressor may leave other bytes, so what it was given is compared.
    whole, pieces = (sections(folder / name) for name in ("whole.bw", "pieces.bw"))
    assert whole == pieces


def test_the_header_sums_up_all_values(tmp_path):
    values = np.float32([0.1, -3.5, 2.25, 7])
    write_bigwig(tmp_path / "x.bw", SIZES, [("chrB", np.array([0, 7, 4999]), values[:3]), ("chrC", [0], values[3:])])
    with pyBigWig.open(str(tmp_path / "x.bw")) as handle:
        assert handle.intervals("chrB", 7, 5000) == ((7, 8, -3.5), (4999, 5000, 2.25))
        assert handle.intervals("chrA") is handle.intervals("empty") is None
    data = (tmp_path / "x.bw").read_bytes()
    (offset,) = struct.unpack_from("<Q", data, 44)
    exact = values.astype(np.float64)
    assert struct.unpack_from("<Qdddd", data, offset) == (4, -3.5, 7, exact.sum(), np.square(exact).sum())
    assert data[:4] == data[-4:] == struct.pack("<I", 0x888FFC26)


@pytest.mark.parametrize("content", [[], [("chrA", np.zeros(0, int), np.zeros(0))]])
def test_a_file_without_values_is_read(tmp_path, content):
    write_bigwig(tmp_path / "x.bw", SIZES, content)
    assert all(np.isnan(values).all() for values in read(tmp_path / "x.bw", SIZES).values())
    with pyBigWig.open(str(tmp_path / "x.bw")) as handle:
        assert handle.intervals("chrA") is None
        assert handle.stats("chrA") == [None]
        assert handle.header()["nBasesCovered"] == 0


@pytest.mark.parametrize("kind", ["runs", "sparse", "mixed"])
def test_summaries_of_any_stretch_agree_with_the_values(tmp_path, kind):
    rng = np.random.default_rng(5)
    sizes = {"a": 700_000, "b": 400_000, "c": 90_000}
    content = []
    for name, size in sizes.items():
        covered = {
            "runs": lambda size=size: np.repeat(rng.random(size // 1000) < 0.5, 1000),
            "sparse": lambda size=size: rng.random(size) < 0.3,
            "mixed": lambda size=size: np.repeat(rng.random(size // 10) < 0.5, 10) | (np.arange(size) < size // 3),
        }[kind]()
        positions = np.flatnonzero(covered)
        content.append((name, positions, rng.gamma(1, 2, len(positions)).astype(np.float32)))
    write_bigwig(tmp_path / "x.bw", sizes, content)
    truth = dense(sizes, content)
    with pyBigWig.open(str(tmp_path / "x.bw")) as handle:
        header = handle.header()
        assert header["nLevels"] >= 3
        for name, size in sizes.items():
            for start, end in ((0, size), (size // 7, size // 2)):
                values = truth[name][start:end].astype(np.float64)
                # Not type="sum": from zoom levels libBigWig gives something else, whoever wrote the file.
                mean, covered = (handle.stats(name, start, end, type=what)[0] for what in ("mean", "coverage"))
                # Only bins that cross the stretch's ends are shared out by their width.
                assert mean == pytest.approx(np.nanmean(values), rel=5e-3)
                assert covered == pytest.approx(np.mean(~np.isnan(values)), rel=5e-3)
                assert mean * covered * (end - start) == pytest.approx(np.nansum(values), rel=5e-3)
            assert handle.stats(name, type="max") == [truth[name][~np.isnan(truth[name])].max()]
            assert handle.stats(name, type="min") == [truth[name][~np.isnan(truth[name])].min()]
            assert handle.stats(name, type="std")[0] == pytest.approx(np.nanstd(truth[name].astype(float)), rel=1e-3)


def test_zoom_levels_stay_below_half_of_the_data(tmp_path):
    rng = np.random.default_rng(6)
    positions = np.flatnonzero(rng.random(3_000_000) < 0.02)
    write_bigwig(tmp_path / "x.bw", {"a": 3_000_000}, [("a", positions, rng.integers(1, 4, len(positions)))])
    data = (tmp_path / "x.bw").read_bytes()
    n_levels, full, index = struct.unpack_from("<6xH8xQQ", data)
    assert n_levels
    reductions = [struct.unpack_from("<I", data, 64 + 24 * level)[0] for level in range(n_levels)]
    assert reductions == [reductions[0] * 4**level for level in range(n_levels)]
    places = [struct.unpack_from("<QQ", data, 64 + 24 * level + 8) for level in range(n_levels)]
    assert sum(end - start - 4 for start, end in places) <= (index - full) / 2


def test_short_runs_share_sections(tmp_path):
    positions = np.concatenate([np.arange(start, start + 3) for start in range(0, 90_000, 10)])
    write_bigwig(tmp_path / "x.bw", {"a": 100_000}, [("a", positions, np.ones(len(positions)))])
    data = (tmp_path / "x.bw").read_bytes()
    (full,) = struct.unpack_from("<Q", data, 16)
    assert struct.unpack_from("<Q", data, full) == (-(-len(positions) // 4096),)


def test_many_chromosomes_are_found_by_name(tmp_path):
    rng = np.random.default_rng(7)
    sizes = {f"contig_{i:x}": int(size) for i, size in enumerate(rng.integers(1, 500, 70_000))}
    chosen = sorted(rng.choice(len(sizes), 3000, replace=False))
    names = list(sizes)
    content = [(names[i], np.array([sizes[names[i]] - 1]), np.array([float(i)])) for i in chosen]
    write_bigwig(tmp_path / "x.bw", sizes, content)
    with pyBigWig.open(str(tmp_path / "x.bw")) as handle:
        assert list(handle.chroms().items()) == list(sizes.items())
        for name, positions, values in content[::50]:
            assert handle.intervals(name) == ((positions[0], positions[0] + 1, values[0]),)
        assert handle.intervals(names[next(i for i in range(len(names)) if i not in set(chosen))]) is None


def test_values_near_the_end_of_the_longest_chromosome_that_pybigwig_reads(tmp_path):
    sizes = {"a": 2**31 - 1}
    positions = np.array([0, 2**30, 2**31 - 2])
    write_bigwig(tmp_path / "x.bw", sizes, [("a", positions, np.array([1.0, 2.0, 3.0]))])
    with pyBigWig.open(str(tmp_path / "x.bw")) as handle:
        assert handle.intervals("a", 2**30, 2**31 - 1) == ((2**30, 2**30 + 1, 2.0), (2**31 - 2, 2**31 - 1, 3.0))


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([("chrB", [3, 3], [1, 1])], "rise by 1 or more"),
        ([("chrB", [3], [1]), ("chrB", [3], [1])], "rise by 1 or more"),
        ([("chrA", [3], [1]), ("chrB", [3], [1])], "after a later chromosome"),
        ([("chrC", [1], [1])], "within chrC, 0 to 0"),
        ([("chrB", [-1, 2], [1, 1])], "within chrB"),
        ([("chrB", [0.5], [1])], "integers"),
        ([("chrB", [1], [np.nan])], "finite"),
        ([("chrB", [1], [1e300])], "finite"),
        ([("chrB", [1, 2], [1])], "shape"),
        ([("other", [1], [1])], "'other' is not in the header"),
    ],
)
def test_wrong_values_are_refused_and_leave_no_file(tmp_path, calls, message):
    blocks = [(chrom, np.array(positions), np.array(values)) for chrom, positions, values in calls]
    with pytest.raises(ValueError, match=message):
        write_bigwig(tmp_path / "x.bw", SIZES, blocks, threads=2)
    assert not list(tmp_path.iterdir())


def test_the_caller_may_reuse_its_arrays(tmp_path):
    positions, values = np.arange(10), np.arange(10.0)
    with BigWigWriter(tmp_path / "x.bw", SIZES) as writer:
        for _ in range(3):
            writer.add("chrB", positions, values)
            positions += 10
            values += 10
    assert read(tmp_path / "x.bw", SIZES)["chrB"][:30].tolist() == list(range(30))


@pytest.mark.parametrize("span", [32, 128, 512])
def test_bins_are_values_that_cover_several_bases(tmp_path, span):
    sizes = {"chr1": 700 * span + 5, "chr2": 90 * span}
    random = np.random.default_rng(span)
    # A long run for fixed steps, single bins for variable ones, and a run to the chromosome's end.
    bins = {"chr1": np.r_[3:603, 605, 610:612, 690:700], "chr2": np.r_[0:5, 89]}
    content = {name: random.gamma(1, 3, len(places)).astype(np.float32) for name, places in bins.items()}
    with BigWigWriter(tmp_path / "b.bw", sizes, span=span) as writer:
        for name, values in content.items():
            for positions, part in split(bins[name] * span, values, [4, 5]):
                writer.add(name, positions, part)
    whole = {name: np.full(size, np.nan, np.float32) for name, size in sizes.items()}
    for name, places in bins.items():
        for place, value in zip(places, content[name], strict=True):
            whole[name][place * span : (place + 1) * span] = value
    found = read(tmp_path / "b.bw", sizes)
    for name in sizes:
        np.testing.assert_array_equal(found[name], whole[name])
    with pyBigWig.open(str(tmp_path / "b.bw")) as handle:
        known = np.concatenate([row[~np.isnan(row)] for row in whole.values()]).astype(np.float64)
        assert handle.header()["nBasesCovered"] == len(known)
        assert handle.header()["sumData"] == pytest.approx(known.sum(), abs=1)
        for start, end in ((0, 640 * span), (600 * span, 700 * span)):
            expected = np.nanmean(whole["chr1"][start:end])
            assert handle.stats("chr1", start, end, exact=True)[0] == pytest.approx(expected, rel=1e-5)
            assert handle.stats("chr1", start, end, type="max")[0] == np.nanmax(whole["chr1"][start:end])
    assert (tmp_path / "b.bw").stat().st_size < 40_000


def test_bins_that_overlap_or_pass_the_end_are_refused(tmp_path):
    for positions, message in (([0, 31], "rise by 32"), ([870], "within chrA, 0 to 868")):
        with pytest.raises(ValueError, match=message), BigWigWriter(tmp_path / "b.bw", SIZES, span=32) as writer:
            writer.add("chrA", np.array(positions), np.ones(len(positions)))
