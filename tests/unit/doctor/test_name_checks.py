from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pyBigWig
import pytest

from bpflow.doctor import names
from bpflow.doctor.names import check_names, genome_names


def findings(run):
    return {finding.name: finding for finding in check_names(run)}


def failed(run):
    return {finding.name: finding for finding in check_names(run) if finding.grade == "fail"}


def test_all_names_agree(small):
    found = findings(small.load())
    assert {finding.grade for finding in found.values()} == {"good"}
    assert set(found) == {"genome", "genome.blacklist", "folds.files", "reads of A", "peaks of A"}
    assert found["genome"].found == "3 chromosomes, chr1, chr2, chr3; left out: chrM"


def unprefixed(path):
    path = Path(path)
    unpacked = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    changed = unpacked.replace(b"chr", b"")
    path.write_bytes(gzip.compress(changed) if path.suffix == ".gz" else changed)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("reads of A", "reads.tsv.gz"),
        ("peaks of A", "peaks.bed"),
        ("genome.blacklist", "black.bed"),
        ("folds.files", "fold_1.json"),
    ],
)
def test_chr1_against_1(small, name, path):
    unprefixed(path)
    found = failed(small.load())
    assert list(found) == [name]
    assert re.match(rf"{path} has [123]", found[name].found)
    assert "the genome has chr1, chr2, chr3" in found[name].found
    assert "The names differ in style" in found[name].advice


def test_the_genome_is_the_one_without_chr(small, bam):
    unprefixed("genome.fa")
    assert set(failed(small.load())) == {"genome.blacklist", "folds.files", "reads of A", "peaks of A"}


def test_a_bam_has_its_names_in_its_header(small, bam):
    assert findings(small.load())["reads of A"].found.startswith("reads.bam: chr1, chr2, chr3")


def test_a_given_signal(small):
    with pyBigWig.open("x.bw", "w") as track:
        track.addHeader([("1", 1000)])
        track.addEntries("1", [3], values=[1.0], span=1)
    small.rows = ["sample\tassay\tsignal", "A\tATAC\tx.bw"]
    assert list(failed(small.load())) == ["signal of A"]


def test_further_contigs_of_reads_are_no_fault_and_those_of_peaks_are(small):
    with gzip.open("reads.tsv.gz", "at") as handle:
        handle.write("chrEBV\t3\t90\n")
    Path("peaks.bed").write_text(Path("peaks.bed").read_text() + "chr9\t20000\t20400\n")
    found = findings(small.load())
    assert found["reads of A"].grade == "good"
    assert "not in the genome: chrEBV" in found["reads of A"].found
    assert found["peaks of A"].grade == "fail"
    assert "has chr9" in found["peaks of A"].found


def test_peaks_on_what_is_left_out(small):
    Path("peaks.bed").write_text("chrM\t10\t20\n")
    finding = failed(small.load())["peaks of A"]
    assert "chrM, which genome.chromosomes leaves out" in finding.found


def test_folds_that_are_none(small):
    Path("fold_0.json").write_text(json.dumps({"train": ["chr1"], "valid": ["chr1"], "test": ["chr2"]}))
    assert "'chr1' is in more than one place" in failed(small.load())["folds.files"].found


def test_a_genome_that_is_none(small):
    Path("genome.fa").write_text("hello\n")
    assert list(findings(small.load())) == ["genome"]
    assert "whose first letter is '>'" in failed(small.load())["genome"].found


def test_a_genome_that_is_yet_to_come(small):
    (finding,) = check_names(small.load(genome="hg38", folds={"n": 5}))
    assert finding.grade == "check"


def test_an_index_spares_reading_the_genome(small, monkeypatch):
    Path("genome.fa.fai").write_text("chr1\t60000\t6\t60\t61\n")
    with monkeypatch.context() as patched:
        patched.setattr(names, "sequence_names", None)
        assert genome_names("genome.fa") == ["chr1"]
    old = Path("genome.fa").stat().st_mtime - 100
    os.utime("genome.fa.fai", (old, old))
    assert genome_names(str(small.folder / "genome.fa")) == ["chr1", "chr2", "chr3", "chrM"]
