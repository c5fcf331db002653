"""Reading variants: every format gives the same alleles as htslib does, and wrong lines are named."""

from __future__ import annotations

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.variant_files import Allele, VariantFile
from unit import small_variants as small

LINES = [
    ("chr1", "100", "rs1", "A", "C"),
    ("chr1", "100", "rs1;rs2", "a", "G,T,<DEL>"),
    ("chr2", "7", ".", "ACG", "A,*"),
    ("chr2", "0", ".", "N", "N[chr1:3["),
    ("chr2", "9", ".", "G", "."),
]
BODY = "".join("\t".join([*line, ".", ".", "."]) + "\n" for line in LINES)
ALLELES = [
    Allele(chrom, int(pos) - 1, name, ref, alt) for chrom, pos, name, ref, alts in LINES for alt in alts.split(",")
]


def read(path) -> list[Allele]:
    return list(VariantFile.open(path).alleles())


def test_one_entry_for_each_alternative_in_every_format(tmp_path):
    text = small.HEADER + BODY
    assert read(small.write_text(tmp_path / "a.vcf", text)) == ALLELES
    assert read(small.write_text(tmp_path / "a.vcf.gz", text)) == ALLELES
    assert read(small.write_bgzip(tmp_path / "b.vcf.gz", text)) == ALLELES
    assert read(small.write_text(tmp_path / "crlf.vcf", text.replace("\n", "\r\n"))) == ALLELES
    assert read(small.write_text(tmp_path / "no_end.vcf", text.rstrip("\n"))) == ALLELES
    assert read(small.write_text(tmp_path / "blank.vcf", text + "\n\n")) == ALLELES
    table = "id\tbeta\talt\tref\tPOS\tChrom\n" + "".join(
        f"{name}\t0.1\t{alt}\t{ref}\t{pos}\t{chrom}\n" for chrom, pos, name, ref, alt in LINES
    )
    assert read(small.write_text(tmp_path / "t.tsv", table)) == ALLELES
    assert read(small.write_text(tmp_path / "t.tsv.gz", "## made up\n#" + table)) == ALLELES


def test_bcf(tmp_path):
    declared = "##contig=<ID=chr2,length=700>\n"
    # pysam writes an END for <DEL>.
    declared += '##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n'
    header = small.META + declared + small.COLUMNS
    text = small.write_text(tmp_path / "a.vcf", header + BODY)
    with (
        pysam.VariantFile(str(text)) as source,
        pysam.VariantFile(str(tmp_path / "a.bcf"), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)
    assert read(tmp_path / "a.bcf") == ALLELES
    content = (tmp_path / "a.bcf").read_bytes()
    (tmp_path / "a.bcf").write_bytes(content[:-28])
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path / "a.bcf")


@given(st.data())
def test_what_htslib_reads_is_what_is_read(tmp_path, data):
    letters = st.text("ACGT", min_size=1, max_size=4)
    records = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["chr1", "chrUn_x"]), st.integers(1, 10**6), letters, st.lists(letters, min_size=1)
            ),
            min_size=1,
        )
    )
    body = "".join(f"{chrom}\t{pos}\t.\t{ref}\t{','.join(alts)}\t.\t.\t.\n" for chrom, pos, ref, alts in records)
    path = small.write_text(tmp_path / "a.vcf", small.HEADER + body)
    before = pysam.set_verbosity(0)
    with pysam.VariantFile(str(path)) as handle:
        expected = [Allele(r.chrom, r.start, ".", r.ref, alt) for r in handle for alt in r.alts]
    pysam.set_verbosity(before)
    assert read(path) == expected


def test_samples_stay_in_the_lines(tmp_path):
    columns = small.COLUMNS.replace("\n", "\tFORMAT\tone\ttwo\n")
    line = "chr1\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\t1/1"
    path = small.write_text(tmp_path / "a.vcf", small.META + columns + line + "\n")
    (record,) = VariantFile.open(path).records()
    assert record.line == line.encode()
    assert record.number == 5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\tx\t.\tA\tC\t.\t.\t.", r"line 6: the position 'x'\. Expected a whole number"),
        ("chr1\t-3\t.\tA\tC\t.\t.\t.", "line 6: the position '-3'"),
        ("chr1\t" + "9" * 5000 + "\t.\tA\tC\t.\t.\t.", "line 6: the position '9{50}'"),
        ("chr1\t5\t.\tA", r"line 6: 4 column\(s\)\. Expected 8 .*#CHROM.*cut short"),
        ("chr1\t5\t.\tA\tC\t.\t.\t.\tGT", r"line 6: 9 column\(s\)"),
        ("chr1 5 . A C . . .", r"line 6: 1 column\(s\)"),
        ("chr1\t5\t.\t\tC\t.\t.\t.", "line 6: no reference allele"),
        ("chr1\t5\t.\tA\t\t.\t.\t.", "line 6: no alternative allele"),
        ("\t5\t.\tA\tC\t.\t.\t.", "line 6: no chromosome"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    good = small.row(Allele("chr1", 3, ".", "A", "C"))
    path = small.write_text(tmp_path / "a.vcf", small.HEADER + good + line + "\n")
    with pytest.raises(InputError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\tx\tA\tC", "line 2: the position 'x'"),
        ("chr1\t5\tA", r"line 2: 3 column\(s\)\. Expected 4, as in the header"),
        ("chr1\t5\tA\t", "line 2: no alternative allele"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, line, message):
    path = small.write_text(tmp_path / "a.tsv", f"chrom\tpos\tref\talt\n{line}\n")
    with pytest.raises(InputError, match=message):
        read(path)


@pytest.mark.parametrize("text", [small.HEADER, "chrom\tpos\tref\talt\n"])
def test_a_header_without_variants_is_said(tmp_path, text):
    path = small.write_text(tmp_path / "a.vcf", text)
    with pytest.raises(InputError, match=r"a header and no variants.*Expected at least one variant"):
        read(path)


def test_files_are_read_as_a_stream(tmp_path):
    """The first record comes before the last, which is wrong, is looked at."""
    path = small.write_text(tmp_path / "a.vcf", small.HEADER + BODY + "chr1\tx\n")
    assert next(VariantFile.open(path).alleles()) == ALLELES[0]
