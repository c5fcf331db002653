from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bpflow import decompression
from bpflow.errors import InputError
from bpflow.reads import ReadFilter, detect_format, read_ends
from unit import simulated

DEFAULTS = ReadFilter()
EVERY_READ = ReadFilter(0, ())


def all_ends(path, genome, tally=None, read_filter=DEFAULTS, file_format=None):
    tally = Counter() if tally is None else tally
    batches = read_ends(
        path, genome, file_format=file_format or detect_format(path), read_filter=read_filter, tally=tally
    )
    return sorted((place, batch.plus) for batch in batches for place in batch.positions.tolist())


def test_each_fragment_line_gives_one_end_a_strand(tmp_path, genome):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", [("chr2", 10, 60, "BC", 7)], "# header\n")
    assert all_ends(path, genome) == [(60_010, True), (60_059, False)]


@pytest.mark.parametrize("end_of_line", ["\n", "\r\n"])
def test_plain_text_and_crlf(tmp_path, genome, end_of_line):
    path = tmp_path / "f.tsv"
    path.write_bytes(f"chr1\t10\t60{end_of_line}chr1\t20\t30".encode())
    assert all_ends(path, genome) == [(10, True), (20, True), (29, False), (59, False)]


def test_a_foreign_contig_is_told_though_only_the_last_line_is_no_comment(tmp_path, genome):
    path = tmp_path / "f.tsv"
    path.write_text("# header\nother\t10\t60")
    with pytest.raises(InputError, match="'other' is not in the genome"):
        all_ends(path, genome)


def test_tagalign_gives_one_end_a_line_by_its_strand(tmp_path, genome):
    path = tmp_path / "reads.tagAlign"
    path.write_text("chr1\t10\t60\tN\t1000\t+\nchr1\t10\t60\tN\t1000\t-\n")
    assert detect_format(path) == "tagalign"
    assert all_ends(path, genome) == [(10, True), (59, False)]


@pytest.mark.parametrize("suffix", ["bam", "cram"])
def test_bam_and_cram_in_any_order_agree_with_fragments(tmp_path, genome, fragments, fragment_file, suffix):
    shuffled = [fragments[i] for i in np.random.default_rng(3).permutation(len(fragments))]
    path = simulated.write_bam(tmp_path / f"reads.{suffix}", shuffled, simulated.SIZES)
    assert detect_format(path) == "bam"
    assert all_ends(path, genome) == all_ends(fragment_file, genome)


def test_every_dropped_read_is_counted_by_its_cause(tmp_path, genome):
    extra = [
        {"flag": 0x4},
        {"flag": 0x100},
        {"flag": 0x800},
        {"flag": 0x200},
        {"flag": 0x400},
        {"mapping_quality": 29},
        {"reference_id": 3},
        {},
    ]
    path = simulated.write_bam(tmp_path / "reads.bam", [], simulated.SIZES, extra=extra)
    tally = Counter()
    assert all_ends(path, genome, tally) == [(5000, True)]
    assert tally["records"] == 8
    assert tally["kept"] == 1
    dropped = {key.removeprefix("dropped: "): n for key, n in tally.items() if key.startswith("dropped")}
    assert dropped == {
        "unmapped": 1,
        "secondary": 1,
        "supplementary": 1,
        "qc_fail": 1,
        "duplicate": 1,
        "low mapping quality": 1,
        "contig left out of the genome": 1,
    }
    assert len(all_ends(path, genome, read_filter=EVERY_READ)) == 6


def test_ends_off_the_chromosome_are_counted_never_fatal(tmp_path, genome):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", [("chr3", 29_990, 30_010), ("chrM", 5, 50), ("zzz", 1, 9)])
    tally = Counter()
    assert all_ends(path, genome, tally) == [(105_000 + 29_990, True)]
    assert tally["off chromosome"] == 1
    assert tally["dropped: contig left out of the genome"] == 1
    assert tally["dropped: contig not in the genome"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t10\t60\nchr1\t10\n", r"line 2: 2 column\(s\)"),
        ("# a\nchr1\t10\t60\nchr1\t1.5\t60\n", "line 3: the start '1.5'"),
        ("chr1\t10\t60\nchr1\t60\t60\n", "line 2: start 60 and end 60"),
        ("chr1\t10\t60\n\nchr1\t10\t60\n", "line 2: an empty line"),
        ("chr1\t-10\t60\n", "line 1: start -10 and end 60"),
        ("chr1\t10\t60\tN\t0\t+\nchr1\t10\t60\tN\t0\t*\n", r"line 2: the strand '\*'"),
        ("chr1\t10\t60\nchr1\t²\t60\n", "line 2: the start '²'"),
        ("chr1\t10\t60\nchr1\t10\t" + "9" * 5000 + "\n", "line 2: the end '9{50}'"),
        ("chr1\t10\t60\n\t10\t60\n", "line 2: no chromosome"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, genome, text, message):
    path = tmp_path / "reads.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        all_ends(path, genome)


def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path, genome):
    path = tmp_path / "reads.txt"
    path.write_bytes(b"chr1\t10\t60\tcell\nchr1\t10\t60\t\xff\n")
    with pytest.raises(InputError, match="line 2: bytes that are no text"):
        all_ends(path, genome)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_wrong_line_is_numbered_over_blocks(tmp_path, genome, monkeypatch, threads):
    monkeypatch.setattr(decompression, "BLOCK", 100)
    lines = [f"chr1\t{i}\t{i + 50}" for i in range(500)]
    lines[321] = "chr1\t5\tx"
    path = tmp_path / "reads.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="line 322: the end 'x'"):
        list(read_ends(path, genome, file_format="fragments", read_filter=DEFAULTS, tally=Counter(), threads=threads))


def test_damaged_files_are_named(tmp_path, genome, fragment_file, fragments):
    cut = tmp_path / "cut.tsv.gz"
    cut.write_bytes(fragment_file.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"cut\.tsv\.gz: the file is damaged or cut short"):
        all_ends(cut, genome)
    bam = simulated.write_bam(tmp_path / "reads.bam", fragments, simulated.SIZES)
    short = tmp_path / "short.bam"
    short.write_bytes(bam.read_bytes()[: bam.stat().st_size // 2])
    with pytest.raises(InputError, match=r"short\.bam: the file is damaged or cut short"):
        all_ends(short, genome)


def test_contig_names_of_another_style_and_another_assembly(tmp_path, genome):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", [("1", 10, 60)])
    with pytest.raises(InputError, match="this file says '1' where the genome says 'chr1'"):
        all_ends(path, genome)
    bam = simulated.write_bam(tmp_path / "a.bam", [], {"1": 60_000, "2": 45_000}, extra=[{}])
    with pytest.raises(InputError, match="this file says '1' where the genome says 'chr1'"):
        all_ends(bam, genome)
    other = simulated.write_bam(tmp_path / "b.bam", [], {"chr1": 61_000}, extra=[{}])
    with pytest.raises(InputError, match=r"gives chr1 61000 bases\. Expected 60000"):
        all_ends(other, genome)
