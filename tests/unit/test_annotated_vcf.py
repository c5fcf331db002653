"""Annotated VCFs, read back by pysam."""

from __future__ import annotations

from dataclasses import replace

import pysam
import pytest

from bpflow.annotated_vcf import Field, write_annotated
from bpflow.variant_files import Allele, VariantFile
from unit import small_variants as small

FIELDS = [Field("X_SCORE", "Float", "a number, log base 2"), Field("X_WORD", "String", "a word")]
SNV, MULTI = Allele("chr1", 99, "rs1", "A", "C"), Allele("chr1", 199, "rs2", "A", "G,T")


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return small.open_genome(tmp_path_factory.mktemp("genome"))


def annotate(source, values, genome, *, index: bool = True):
    output = source.with_name("out.vcf.gz")
    opened = VariantFile.open(source)
    contigs = tuple(dict.fromkeys(allele.chrom for allele in opened.alleles()))
    left_out = write_annotated(opened, FIELDS, iter(values), output, genome, contigs=contigs, index=index)
    assert not [path for path in source.parent.iterdir() if path.name.startswith(".")]
    return output, left_out


def test_one_value_for_each_alternative_and_none_where_there_is_none(tmp_path, genome):
    source = small.write_vcf(tmp_path / "v.vcf", [SNV, MULTI, Allele("chr2", 9, ".", "T", ".")])
    values = [("0.5", "scored"), (".", "edge"), ("-1.25", "scored"), (".", "no_alternative")]
    output, left_out = annotate(source, values, genome)
    assert left_out == 0
    with pysam.VariantFile(str(output)) as handle:
        assert [handle.header.info[field.key].number for field in FIELDS] == ["A", "A"]
        assert handle.header.info["X_SCORE"].description == "a number, log base 2"
        records = list(handle)
        assert [record.pos for record in handle.fetch("chr1", 150, 300)] == [200]
    assert records[0].info["X_SCORE"] == (0.5,)
    assert records[1].info["X_SCORE"] == (None, -1.25)
    assert records[1].info["X_WORD"] == ("edge", "scored")
    assert dict(records[2].info) == {}


def test_lines_are_kept_byte_for_byte_but_for_info(tmp_path, genome):
    line = "chr1\t100\t.\tA\tC\t1e-3\tq10;s50\tAC=1;NOTE=caf\u00e9;X_WORD=old\tGT:PL\t0|1:0,1,2\t.\n"
    header = small.META + "##odd line\n" + small.COLUMNS.replace("\n", "\tFORMAT\tb\ta\n")
    source = small.write_text(tmp_path / "v.vcf", header + line)
    output, _ = annotate(source, [("1", "new")], genome)
    with pysam.BGZFile(str(output), "rb", None) as handle:
        written = handle.read().decode().splitlines(keepends=True)
    assert [each for each in written if each in header.splitlines(keepends=True)] == header.splitlines(keepends=True)
    expected = line.replace("X_WORD=old", "X_SCORE=1;X_WORD=new")
    assert written[-1] == expected


def test_contigs_that_the_header_lacks_are_declared(tmp_path, genome):
    source = small.write_vcf(tmp_path / "v.vcf", [SNV, SNV._replace(chrom="chr2"), SNV._replace(chrom="odd")])
    output, _ = annotate(source, [("1", "a")] * 3, genome)
    with pysam.VariantFile(str(output)) as handle:
        contigs = {name: contig.length for name, contig in handle.header.contigs.items()}
    assert contigs == {"chr1": 1200, "chr2": 700, "odd": None}


def test_tables_become_vcfs_but_for_what_a_vcf_cannot_hold(tmp_path, genome):
    rows = "chr1\t100\tA\tC,<DEL>\tmy name\nchr1\t150\tA\t-\tx\nchr1\t160\tA\tC;D\tx\n"
    rows += "chr2\t170\t-\tC\tx\nchr2\t180\tN\t*\t\n"
    source = small.write_text(tmp_path / "v.tsv", "chrom\tpos\tref\talt\tid\n" + rows)
    output, left_out = annotate(source, [(str(number), "w") for number in range(6)], genome)
    assert left_out == 3
    with pysam.VariantFile(str(output)) as handle:
        found = [(record.pos, record.id, record.ref, record.alts, record.info["X_SCORE"]) for record in handle]
    assert found == [(100, "my_name", "A", ("C", "<DEL>"), (0, 1)), (180, None, "N", ("*",), (5,))]


def test_without_an_index_none_of_an_earlier_run_is_left(tmp_path, genome):
    source = small.write_vcf(tmp_path / "v.vcf", [SNV])
    output, _ = annotate(source, [("1", "a")], genome)
    assert (tmp_path / "out.vcf.gz.tbi").exists()
    annotate(source, [("1", "a")], genome, index=False)
    assert not (tmp_path / "out.vcf.gz.tbi").exists()
    assert output.exists()


def test_chromosomes_too_long_for_tabix_get_the_other_index(tmp_path, genome):
    source = small.write_vcf(tmp_path / "v.vcf", [SNV, Allele("chr1", 600_000_000, ".", "A", "C")])
    output, _ = annotate(source, [("1", "a")] * 2, replace(genome, sizes={"chr1": 700_000_000}))
    assert (tmp_path / "out.vcf.gz.csi").exists()
    with pysam.VariantFile(str(output)) as handle:
        assert len(list(handle.fetch("chr1", 599_999_999, 600_000_001))) == 1


def test_the_same_input_gives_the_same_bytes(tmp_path, genome):
    source = small.write_vcf(tmp_path / "v.vcf", [SNV])
    first = annotate(source, [("1", "a")], genome)[0].read_bytes()
    assert annotate(source, [("1", "a")], genome)[0].read_bytes() == first
