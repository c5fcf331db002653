"""5' ends of each strand, from pairs whose second read begins where they were simulated."""

from __future__ import annotations

import json

import pyBigWig
import pysam
import pytest

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.reads import ReadFilter
from bpflow.stranded_ends import make_strands

# Name, first base, whether it is the second read, whether it is on the minus strand.
READS = [("a", 100, True, False), ("a", 180, False, True), ("b", 300, True, True), ("b", 220, False, False)]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGT" * 250 + "\n")
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "chr1", "LN": 1000}]}
    with pysam.AlignmentFile(str(tmp_path / "r.bam"), "wb", header=header) as handle:
        for name, start, second, minus in READS:
            read = pysam.AlignedSegment()
            read.query_name, read.reference_id, read.reference_start = name, 0, start
            read.flag = 0x1 | (0x80 if second else 0x40) | (0x10 if minus else 0)
            read.mapping_quality, read.cigartuples = 60, [(0, 50)]
            handle.write(read)
    return tmp_path, Genome.open(tmp_path / "genome.fa")


def sites(path):
    with pyBigWig.open(str(path)) as track:
        return [(start, value) for start, _, value in track.intervals("chr1") or ()]


@pytest.mark.parametrize(
    ("mate", "plus", "minus"),
    [
        (0, [(100, 1), (220, 1)], [(229, 1), (349, 1)]),
        (1, [(220, 1)], [(229, 1)]),
        (2, [(100, 1)], [(349, 1)]),
    ],
)
def test_ends_of_the_chosen_reads_lie_where_they_begin(project, mate, plus, minus):
    folder, genome = project
    outputs = {name: folder / f"{name}.bw" for name in ("plus", "minus")}
    make_strands([str(folder / "r.bam")], genome, **outputs, qc=folder / "qc.json", read_filter=ReadFilter(mate=mate))
    assert sites(outputs["plus"]) == plus
    assert sites(outputs["minus"]) == minus
    record = json.loads((folder / "qc.json").read_text())
    assert (record["plus"], record["minus"]) == (len(plus), len(minus))
    assert record["files"][0]["dropped"].get("other read of its pair", 0) == (2 if mate else 0)


def test_fragments_have_no_strands(project):
    folder, genome = project
    (folder / "f.tsv").write_text("chr1\t10\t60\tx\t1\n")
    with pytest.raises(InputError, match="whose two ends are of no strand"):
        make_strands(
            [str(folder / "f.tsv")],
            genome,
            plus=folder / "p.bw",
            minus=folder / "m.bw",
            qc=folder / "qc.json",
            read_filter=ReadFilter(),
        )
