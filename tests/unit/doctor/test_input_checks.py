from __future__ import annotations

import builtins
import gzip
from pathlib import Path

import pytest

from bpflow.doctor.inputs import check_inputs, fault


def failed(small):
    return {finding.name: finding for finding in check_inputs(small.load()) if finding.grade == "fail"}


def test_all_is_well(small, bam):
    found = {finding.name: finding for finding in check_inputs(small.load())}
    assert {finding.grade for finding in found.values()} == {"good"}
    assert found["files"].found == "6 can be read and look whole"
    assert "none is needed" in found["indexes"].found


def test_a_bam_that_is_cut_short(small, bam):
    bam.write_bytes(bam.read_bytes()[:-28])
    finding = failed(small)["reads of A"]
    assert "reads.bam: it is cut short" in finding.found
    assert finding.advice == "Copy, download or make it again."


def test_an_empty_file(small):
    Path("peaks.bed").write_text("")
    assert failed(small)["peaks of A"].found == "peaks.bed: it is empty"


def test_a_damaged_gzip_file(small):
    Path("reads.tsv.gz").write_bytes(gzip.compress(bytes(range(256)) * 4000)[:200])
    assert "it is damaged" in failed(small)["reads of A"].found


def test_a_file_that_may_not_be_read(small, monkeypatch):
    run, real = small.load(), builtins.open

    def forbidden(path, *arguments, **options):
        if str(path) == "black.bed":
            raise PermissionError(13, "Permission denied", "black.bed")
        return real(path, *arguments, **options)

    monkeypatch.setattr(builtins, "open", forbidden)
    (finding,) = (finding for finding in check_inputs(run) if finding.grade == "fail")
    assert (finding.name, finding.found) == ("genome.blacklist", "black.bed: it cannot be read (Permission denied)")
    assert finding.advice == "Ask for the right to read it."


def test_a_format_that_the_sheet_has_wrong(small, bam):
    small.rows = ["sample\tassay\treads\tformat", "A\tATAC\treads.bam\tfragments"]
    assert "looks like bam, and the sheet says fragments" in failed(small)["reads of A"].found


def test_a_file_that_is_no_reads(small):
    Path("reads.tsv.gz").write_text("hello\n")
    assert "1 tab-separated column(s)" in failed(small)["reads of A"].found


def test_what_the_workflow_makes_is_no_fault(small):
    found = list(check_inputs(small.load(genome="hg38", folds={"n": 5})))
    assert {finding.grade for finding in found} == {"good"}
    (to_come,) = (finding for finding in found if finding.name == "files to come")
    assert "genome.fasta, genome.blacklist, folds.files and 4 more" in to_come.found


@pytest.mark.parametrize("name", ["genome.fa", "reads.tsv.gz"])
def test_whole_files_have_no_fault(small, name):
    assert fault(name) is None
