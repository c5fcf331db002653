"""Reading bigWigs, compared base by base with pyBigWig."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow import bigwig
from bpflow.bigwig import iterate_bases, iterate_intervals
from bpflow.errors import InputError
from bpflow.genome import Genome
from unit import simulated


def write(path: Path, sizes: dict[str, int], sections: list[tuple[str, str, dict]]) -> Path:
    """One call of pyBigWig's writer for each (chromosome, start or starts, options), so one section or more."""
    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader(list(sizes.items()))
        for name, starts, options in sections:
            handle.addEntries(*(([name] * len(starts), starts) if "ends" in options else (name, starts)), **options)
    return path


def dense(path: Path, genome: Genome) -> np.ndarray:
    values = np.zeros(genome.array.size, dtype=np.float32)
    for places, found in iterate_bases(path, genome):
        assert (np.diff(places) > 0).all()
        assert (values[places] == 0).all()
        values[places] = found
    return values


def by_pybigwig(path: Path, genome: Genome) -> np.ndarray:
    with pyBigWig.open(str(path)) as handle:
        parts = [
            handle.values(name, 0, genome.sizes[name], numpy=True)
            if name in handle.chroms()
            else np.zeros(genome.sizes[name])
            for name in genome.names
        ]
    return np.nan_to_num(np.concatenate(parts)).astype(np.float32)


# Kind, gap before it, span, bases between its items, values: some zero or no counts.
section = st.tuples(
    st.sampled_from(["bedGraph", "variableStep", "fixedStep"]),
    st.integers(0, 50),
    st.integers(1, 9),
    st.integers(0, 9),
    st.lists(st.sampled_from([0.0, 1.0, 2.5, -3.0, 7.0, float("nan")]), min_size=1, max_size=40),
)


@settings(max_examples=80)
@given(
    chosen=st.lists(st.tuples(st.sampled_from(["chr1", "chr2", "chrM"]), section), min_size=1, max_size=8),
    at_once=st.sampled_from([1, 3, 64]),
)
def test_every_kind_of_section_reads_as_pybigwig_does(tmp_path, genome, monkeypatch, chosen, at_once):
    monkeypatch.setattr(bigwig, "SECTIONS_AT_ONCE", at_once)
    monkeypatch.setattr(bigwig, "BASES_AT_ONCE", 7 * at_once)
    sections = []
    reached = dict.fromkeys(simulated.SIZES, 0)
    for name, (kind, gap, span, apart, values) in sorted(chosen, key=lambda entry: entry[0]):
        starts = reached[name] + gap + (span + apart) * np.arange(len(values))
        # pyBigWig wants the whole last step of a fixedStep section to itself.
        reached[name] = int(starts[-1]) + span + apart
        if kind == "bedGraph":
            sections.append((name, starts.tolist(), {"ends": (starts + span).tolist(), "values": values}))
        elif kind == "variableStep":
            sections.append((name, starts.tolist(), {"values": values, "span": span}))
        else:
            sections.append((name, int(starts[0]), {"values": values, "span": span, "step": span + apart}))
    path = write(tmp_path / "x.bw", simulated.SIZES, sections)
    np.testing.assert_array_equal(dense(path, genome), by_pybigwig(path, genome))


def test_the_order_is_the_genomes_and_other_chromosomes_are_passed_over(tmp_path, genome):
    sizes = {"zzz": 500, "chr3": 30_000, "chr1": 60_000}
    sections = [(name, [10, 20], {"values": [1.0, 2.0], "span": 1}) for name in sizes]
    path = write(tmp_path / "x.bw", sizes, sections)
    starts = np.concatenate([found.starts for found in iterate_intervals(path, genome)])
    assert starts.tolist() == [10, 20, 105_010, 105_020]


def test_many_sections_and_levels_of_the_index(tmp_path, genome):
    rng = np.random.default_rng(0)
    sections = [("chr1", [place], {"values": [float(rng.integers(1, 9))], "span": 1}) for place in range(0, 60_000, 7)]
    path = write(tmp_path / "x.bw", simulated.SIZES, sections)
    np.testing.assert_array_equal(dense(path, genome), by_pybigwig(path, genome))


def test_a_track_of_nothing_has_no_intervals(tmp_path, genome):
    path = write(tmp_path / "x.bw", simulated.SIZES, [("chrM", [10], {"values": [1.0], "span": 1})])
    assert list(iterate_intervals(path, genome)) == []


def test_an_interval_as_long_as_a_chromosome_comes_in_parts(tmp_path, genome, monkeypatch):
    monkeypatch.setattr(bigwig, "BASES_AT_ONCE", 1000)
    path = write(tmp_path / "x.bw", simulated.SIZES, [("chr1", [0], {"ends": [60_000], "values": [2.0]})])
    parts = [places for places, _ in iterate_bases(path, genome)]
    assert max(map(len, parts)) <= 2000
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(60_000))


@pytest.fixture(scope="module")
def sound(tmp_path_factory, genome) -> bytes:
    sections = [
        ("chr1", np.arange(100, 40_000, 5).tolist(), {"values": [1.0] * 7980, "span": 1}),
        ("chr2", [5], {"ends": [500], "values": [2.0]}),
    ]
    return write(tmp_path_factory.mktemp("bigwig") / "x.bw", simulated.SIZES, sections).read_bytes()


@settings(max_examples=300)
@given(data=st.data())
def test_damage_is_an_input_error_or_harmless(tmp_path, genome, sound, data):
    content = bytearray(sound)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        # Most of what can go wrong stands in the header and in the trees.
        at = data.draw(st.one_of(st.integers(0, 800), st.integers(0, len(content) - 1)))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "y.bw"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        for found in iterate_intervals(path, genome):
            assert (found.starts < found.ends).all()
            assert found.ends.max() <= genome.array.size


def test_what_is_no_bigwig_is_said(tmp_path, genome, sound):
    index = struct.unpack_from("<Q", sound, 24)[0]
    for content, message in (
        (b"", "not a bigWig"),
        (b"no bigWig", "not a bigWig"),
        (struct.pack(">I", bigwig.MAGIC) + sound[4:], "not a bigWig"),
        (struct.pack("<I", 0x8789F2EB) + sound[4:], "not a bigWig"),
        (sound[:1000], "damaged"),
        (sound[:index] + bytes(64) + sound[index + 64 :], r"damaged \(no index\)"),
    ):
        (tmp_path / "y.bw").write_bytes(content)
        with pytest.raises(InputError, match=message):
            list(iterate_intervals(tmp_path / "y.bw", genome))
    with pytest.raises(InputError, match="no such file"):
        list(iterate_intervals(tmp_path / "none.bw", genome))
