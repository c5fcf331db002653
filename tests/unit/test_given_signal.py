"""Checking a bigWig that was made elsewhere."""

from __future__ import annotations

import json

import numpy as np
import pyBigWig
import pytest

from bpflow.bigwig_writer import write_bigwig
from bpflow.cut_sites import ReadFile, make_signal
from bpflow.errors import InputError
from bpflow.given_signal import check_bigwig
from bpflow.shift import Shift

# A preferred hexamer ACT|TRY, cut in the middle, and its reverse complement.
HEXAMER = ("A", "C", "T", "T", "AG", "CT")
TURNED = ("AG", "CT", "A", "A", "G", "T")


def test_given_bigwigs_are_checked(tmp_path, genome, fragment_file):
    reads = [ReadFile(str(fragment_file))]
    make_signal(reads, "ATAC", genome, output=tmp_path / "out.bw", qc=tmp_path / "made.json")
    check_bigwig(tmp_path / "out.bw", "ATAC", genome, qc=tmp_path / "qc.json")
    record = json.loads((tmp_path / "qc.json").read_text())
    assert record["given"] is True
    assert record["messages"] == []
    assert record["reference_r"] > 0.7
    assert [item["verdict"] for item in record["verdicts"]] == ["good", "good"]


@pytest.mark.parametrize("carried", [Shift(0, 0), Shift(4, -5), Shift(5, -4), Shift(3, -3), Shift(8, -9)])
def test_a_bigwig_made_with_another_shift_fails(tmp_path, genome, fragment_file, carried):
    wrong = Shift(4 - carried.plus, -4 - carried.minus)
    reads = [ReadFile(str(fragment_file), shift=wrong)]
    make_signal(reads, "ATAC", genome, output=tmp_path / "out.bw", qc=tmp_path / "made.json")
    check_bigwig(tmp_path / "out.bw", "ATAC", genome, qc=tmp_path / "qc.json")
    verdicts = json.loads((tmp_path / "qc.json").read_text())["verdicts"]
    assert {item["key"] for item in verdicts} == {"shift"}
    assert "fail" in [item["verdict"] for item in verdicts]


def test_a_dnase_bigwig_at_the_aligned_ends_fails(tmp_path, genome, sequences):
    """The + and the - end of a cut are two bases, of which the output convention makes one."""
    rng = np.random.default_rng(3)
    places = {name: cuts(sequences[name], rng) for name in genome.names}
    for minus, expected in ((0, "good"), (-1, "fail")):
        blocks = []
        for name, sites in places.items():
            moved = np.where(np.arange(len(sites)) % 2, sites, sites + minus)
            blocks.append((name, *np.unique(moved, return_counts=True)))
        write_bigwig(tmp_path / "x.bw", genome.sizes, blocks)
        check_bigwig(tmp_path / "x.bw", "DNASE", genome, qc=tmp_path / "qc.json")
        symmetry = json.loads((tmp_path / "qc.json").read_text())["verdicts"][1]
        assert symmetry["verdict"] == expected


def cuts(sequence, rng):
    """Bases right of 20,000 cuts that prefer the hexamer on either strand."""
    letters = np.frombuffer(sequence.upper().encode(), dtype="S1")
    weight = np.zeros(len(letters))
    for hexamer in (HEXAMER, TURNED):
        agreeing = [
            np.isin(np.roll(letters, -offset), [letter.encode() for letter in allowed])
            for offset, allowed in zip(range(-3, 3), hexamer, strict=True)
        ]
        weight += np.exp(np.sum(agreeing, axis=0))
    weight[:100] = weight[-100:] = 0
    return rng.choice(len(letters), 20_000, p=weight / weight.sum())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.5, 3.0], "the value 2.5 at chr1:1005"),
        ([1.0, -2.0, 3.0], "the value -2 at chr1:1005"),
    ],
)
def test_fractions_and_negative_values_are_refused(tmp_path, genome, values, message):
    write_bigwig(tmp_path / "x.bw", genome.sizes, [("chr1", np.array([1000, 1005, 1010]), np.array(values))])
    with pytest.raises(InputError, match=message):
        check_bigwig(tmp_path / "x.bw", "ATAC", genome, qc=tmp_path / "qc.json")


def test_coverage_of_whole_reads_is_refused(tmp_path, genome):
    coverage = np.zeros(60_000)
    for start in np.random.default_rng(0).integers(0, 59_000, 3000):
        coverage[start : start + 75] += 1
    positions = np.flatnonzero(coverage)
    write_bigwig(tmp_path / "x.bw", genome.sizes, [("chr1", positions, coverage[positions])])
    with pytest.raises(InputError, match="not the coverage of whole reads"):
        check_bigwig(tmp_path / "x.bw", "ATAC", genome, qc=tmp_path / "qc.json")


def test_other_assemblies_and_other_files_are_refused(tmp_path, genome):
    for header, message in (([("chr1", 61_000)], "chr1 has 61000 bases"), ([("1", 60_000)], "differ in style")):
        with pyBigWig.open(str(tmp_path / "x.bw"), "w") as handle:
            handle.addHeader(header)
            handle.addEntries(header[0][0], [5], values=[1.0], span=1)
        with pytest.raises(InputError, match=message):
            check_bigwig(tmp_path / "x.bw", "ATAC", genome, qc=tmp_path / "qc.json")
    (tmp_path / "y.bw").write_text("no bigWig")
    with pytest.raises(InputError, match="not a bigWig"):
        check_bigwig(tmp_path / "y.bw", "ATAC", genome, qc=tmp_path / "qc.json")
