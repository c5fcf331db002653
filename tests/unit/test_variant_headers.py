"""What a file of variants is, and what each bad kind is told."""

from __future__ import annotations

import re

import pytest

from bpflow.errors import InputError
from bpflow.variant_files import VariantFile
from bpflow.variant_headers import read_header
from unit import small_variants as small

ROW = "chr1\t100\trs1\tA\tC\t.\t.\t.\n"
TABLE = "chrom\tpos\tref\talt\n"
# The content of a file, and what its reader is told.
BAD_HEADERS = {
    "empty": ("", r"an empty file\. Expected a VCF .*table"),
    "blank lines": ("\n\n", "an empty file"),
    "VCF body alone": (ROW, r"line 1: variants without a header\. Expected .*##fileformat and #CHROM.* Add it"),
    "no ##fileformat": (small.COLUMNS + ROW, "does not begin with ##fileformat.*Add that line at the top"),
    "meta lines without ##fileformat": ("##source=x\n" + small.COLUMNS + ROW, "does not begin with ##fileformat"),
    "no #CHROM line": (small.META + ROW, "line 4: a variant before the line that begins with #CHROM"),
    "#CHROM with spaces": (small.META + small.COLUMNS.replace("\t", " "), "line 4: a #CHROM line without tabs"),
    "#CHROM with other columns": (small.META + "#CHROM\tPOS\tREF\tALT\n", "line 4: a #CHROM line with other columns"),
    "header cut short": (small.META, "a header without its last line.*cut short"),
    "prose": ("Dear reader\n", "line 1: neither a VCF nor a table"),
    "bytes": ("\x00\x01\x02\n", "neither text nor a BCF"),
    "comments": ("## a\n## b\n", "nothing but comments"),
    "table without a column": ("chrom\tpos\tref\n", "line 1: no column 'alt' in the table"),
    "table with commas": ("chrom,pos,ref,alt\n", "line 1: no tabs in the line of columns"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz"])
def test_a_bad_header_is_explained(tmp_path, name, suffix):
    text, message = BAD_HEADERS[name]
    path = small.write_text(tmp_path / f"variants{suffix}", text)
    with pytest.raises(InputError) as caught:
        read_header(path)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert str(path) in str(caught.value)


def test_formats_are_told_by_content(tmp_path):
    vcf = small.HEADER + ROW
    assert read_header(small.write_text(tmp_path / "a.txt", vcf)).format == "VCF"
    assert read_header(small.write_text(tmp_path / "b.gz", vcf)).format == "VCF"
    assert read_header(small.write_bgzip(tmp_path / "c", vcf)).format == "VCF"
    assert read_header(small.write_text(tmp_path / "d.vcf", TABLE)).format == "table"
    marked = tmp_path / "e.vcf"
    marked.write_bytes(b"\xef\xbb\xbf" + vcf.encode())
    assert read_header(marked).lines == tuple(small.HEADER.encode().splitlines())


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_header(tmp_path / "none.vcf")


@pytest.mark.parametrize("kind", ["gzip", "bgzip", "bgzip at a block"])
def test_a_truncated_file_is_said(tmp_path, kind):
    text = small.HEADER + ROW * 30_000
    if kind == "gzip":
        path = small.write_text(tmp_path / "v.vcf.gz", text)
        content = path.read_bytes()[:-100]
    else:
        path = small.write_bgzip(tmp_path / "v.vcf.gz", text)
        # The last, empty block has 28 bytes: without it all that is there is whole.
        content = path.read_bytes()[: -28 if kind == "bgzip at a block" else -100]
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged or cut short"):
        list(VariantFile.open(path).records())
