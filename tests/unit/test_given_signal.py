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


def test_given_bigwigs_are_checked(tmp_path, genome, fragment_file):
    reads = [ReadFile(str(fragment_file))]
    make_signal(reads, "ATAC", genome, output=tmp_path / "out.bw", qc=tmp_path / "made.json")
    check_bigwig(tmp_path / "out.bw", "ATAC", genome, qc=tmp_path / "qc.json")
    record = json.loads((tmp_path / "qc.json").read_text())
    assert record["given"] is True
    assert record["messages"] == []
    assert record["reference_r"] > 0.7


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
