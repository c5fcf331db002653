from __future__ import annotations

import gzip
import json

import numpy as np
import pysam
import pytest

from bpflow import decompression, site_counts
from bpflow.cut_sites import ReadFile, make_signal
from bpflow.errors import InputError
from bpflow.shift import Shift
from bpflow.signal import SignalTrack
from unit import simulated


@pytest.fixture
def make(tmp_path, genome):
    def run(*files, assay="ATAC", **options):
        paths = tmp_path / "out.bw", tmp_path / "out.json"
        make_signal(list(files), assay, genome, output=paths[0], qc=paths[1], **options)
        return paths[0].read_bytes(), json.loads(paths[1].read_text())

    return run


def shifted(fragments, plus, minus):
    return [(name, start + plus, end + minus) for name, start, end in fragments if end - start >= 10]


def observed(tmp_path, genome):
    return simulated.every_base(SignalTrack.open(tmp_path / "out.bw", genome), genome.array.size)


def naive_counts(fragments, genome, plus, minus):
    array = np.zeros(genome.array.size, int)
    for name, start, end in fragments:
        for position in (start + plus, end - 1 + minus):
            if name in genome.sizes and 0 <= position < genome.sizes[name]:
                array[genome.offsets[name] + position] += 1
    return array


def test_fragments_bam_and_shifted_fragments_give_the_same_bytes(tmp_path, make, fragments):
    plain = [fragment for fragment in fragments if fragment[2] - fragment[1] >= 10]
    files = {
        "fragments": simulated.write_fragments(tmp_path / "a.tsv.gz", plain),
        "shifted": simulated.write_fragments(tmp_path / "b.tsv.gz", shifted(plain, 4, -5)),
        "bam": simulated.write_bam(tmp_path / "c.bam", plain, simulated.SIZES),
        "cram": simulated.write_bam(tmp_path / "d.cram", plain, simulated.SIZES),
    }
    made = {name: make(ReadFile(str(path))) for name, path in files.items()}
    assert {record["files"][0]["shift"]["input"] for _, record in made.values()} == {"0/0", "+4/-5"}
    assert len({bytes_ for bytes_, _ in made.values()}) == 1


@pytest.mark.parametrize("kind", ["gzip", "bgzip", "bam"])
def test_threads_blocks_and_buffers_change_no_byte(tmp_path, make, fragments, kind, monkeypatch):
    path = tmp_path / "reads"
    if kind == "bam":
        simulated.write_bam(path.with_suffix(".bam"), fragments, simulated.SIZES)
        path = path.with_suffix(".bam")
    else:
        simulated.write_fragments(path, fragments)
        if kind == "bgzip":
            content = gzip.decompress(path.read_bytes())
            with pysam.BGZFile(str(path), "wb") as out:
                out.write(content)
    expected = make(ReadFile(str(path)))
    monkeypatch.setattr(decompression, "BLOCK", 1 << 16)
    monkeypatch.setattr(site_counts, "BUFFERED", 5_000)
    monkeypatch.setattr(site_counts, "SMALL_RUN", 1_000)
    monkeypatch.setattr(site_counts, "SLICE", 3_000)
    for threads in (1, 2, 5):
        assert make(ReadFile(str(path)), threads=threads) == expected


def test_lengths_of_fragments_and_of_pairs_are_counted_alike(tmp_path, make, fragments):
    kept = [fragment for fragment in fragments if fragment[0] != "chrM"]
    lengths = np.minimum([end - start for _, start, end in kept], 1000)
    expected = np.bincount(lengths, minlength=1001)
    assert expected[1000] > 0
    files = {"fragments": simulated.write_fragments(tmp_path / "a.tsv.gz", fragments)}
    for suffix in ("bam", "cram"):
        files[suffix] = simulated.write_bam(tmp_path / f"b.{suffix}", fragments, simulated.SIZES, extra=[{}])
    for path in files.values():
        _, record = make(ReadFile(str(path)))
        found = record["files"][0]["fragment_lengths"]
        assert found["counts"] == expected.tolist()
        assert found["fragments"] == len(kept)
        assert found["median"] == int(np.sort(lengths)[(len(kept) - 1) // 2])
        assert found["nucleosome_free"] == pytest.approx(np.mean(lengths < 100))
        assert found["mononucleosomal"] == pytest.approx(np.mean((lengths >= 150) & (lengths < 300)))


def test_reads_without_mates_have_no_fragment_lengths(tmp_path, make, fragments):
    path = tmp_path / "reads.tagAlign"
    rows = [(name, start, start + 30, ".", 0, "+") for name, start, _ in fragments]
    rows += [(name, end - 30, end, ".", 0, "-") for name, _, end in fragments]
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    assert make(ReadFile(str(path)))[1]["files"][0]["fragment_lengths"] is None
    single = [
        {"reference_id": list(simulated.SIZES).index(name), "reference_start": start, "flag": flag}
        for name, left, end in fragments
        for flag, start in ((0, left), (0x10, end - 30))
    ]
    bam = simulated.write_bam(tmp_path / "single.bam", [], simulated.SIZES, extra=single)
    assert make(ReadFile(str(bam)))[1]["files"][0]["fragment_lengths"] is None


def test_counts_are_where_the_convention_says(tmp_path, make, genome, fragments, fragment_file):
    _, record = make(ReadFile(str(fragment_file)))
    expected = naive_counts(fragments, genome, 4, -4)
    assert np.array_equal(observed(tmp_path, genome), expected)
    assert record["insertions"] == expected.sum()
    assert record["positions"] == np.count_nonzero(expected)
    assert record["files"][0]["insertions"] == expected.sum()


def test_dnase_sites_are_the_base_at_start_and_the_base_after_the_end(tmp_path, make, genome):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", [("chr1", 1000, 1050)])
    make(ReadFile(str(path), shift=Shift(0, 0)), assay="DNASE")
    assert np.flatnonzero(observed(tmp_path, genome)).tolist() == [1000, 1050]


def test_files_of_different_shift_are_put_right_before_pooling(tmp_path, make, fragments, genome):
    plain = [fragment for fragment in fragments if fragment[2] - fragment[1] >= 10]
    first = simulated.write_fragments(tmp_path / "a.tsv.gz", plain)
    second = simulated.write_fragments(tmp_path / "b.tsv.gz", shifted(plain, 4, -5))
    _, record = make(ReadFile(str(first)), ReadFile(str(second)))
    assert np.array_equal(observed(tmp_path, genome), 2 * naive_counts(plain, genome, 4, -4))
    assert any("different shifts (+4/-5, 0/0)" in message for message in record["messages"])


def test_a_fragment_shorter_than_the_shift_keeps_both_insertions(tmp_path, make, genome):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", [("chr1", 1000, 1003)])
    _, record = make(ReadFile(str(path), shift=Shift(0, 0)))
    assert record["insertions"] == 2
    assert np.flatnonzero(observed(tmp_path, genome)).tolist() == [998, 1004]


def test_sites_moved_off_the_chromosome_are_counted(tmp_path, make):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", [("chr2", 0, 4), ("chr2", 44_990, 45_000)])
    _, record = make(ReadFile(str(path), shift=Shift(0, 0)))
    assert record["insertions"] == 3
    assert record["files"][0]["off_chromosome"] == 1


def test_too_few_reads_ask_for_the_shift_or_warn(tmp_path, make):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", [("chr1", 1000 + i, 1100 + i) for i in range(50)])
    with pytest.raises(InputError, match=r"Only 50 distinct sites.*State it: --input-shift"):
        make(ReadFile(str(path)))
    _, record = make(ReadFile(str(path)), shift_check="warn")
    assert record["verdicts"][0]["verdict"] == "check"
    assert record["files"][0]["shift"]["how"] == "assumed"
    assert record["files"][0]["shift"]["input"] == "+4/-5"
    _, record = make(ReadFile(str(path), shift=Shift(0, 0)))
    assert record["files"][0]["shift"]["how"] == "stated"


def test_a_nonstandard_shift_stops_unless_told_to_warn(tmp_path, make, fragments):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", shifted(fragments, 4, 4))
    with pytest.raises(InputError, match=r"not certain\. The vote is nonstandard"):
        make(ReadFile(str(path)))
    _, record = make(ReadFile(str(path)), shift_check="warn")
    assert record["files"][0]["shift"]["input"] == "+4/+4"
    assert record["verdicts"][0]["verdict"] == "check"
    _, record = make(ReadFile(str(path), shift=Shift(4, 4)))
    assert record["verdicts"][0]["verdict"] == "good"


def test_a_stated_shift_that_the_vote_contradicts_is_used_with_a_warning(fragment_file, make):
    _, record = make(ReadFile(str(fragment_file), shift=Shift(4, -5)))
    assert record["files"][0]["shift"]["input"] == "+4/-5"
    assert any("100% of the votes for 0/0" in message for message in record["messages"])


@pytest.mark.parametrize("wrong", [Shift(4, -5), Shift(4, -4), Shift(0, -1), Shift(75, -75)])
def test_a_wrong_shift_fails_and_the_right_one_is_good(fragment_file, make, wrong):
    (item,) = make(ReadFile(str(fragment_file), shift=wrong))[1]["verdicts"]
    assert (item["key"], item["verdict"]) == ("shift", "fail")
    assert item["name"] == f"Enzyme shift of {fragment_file.name}"
    assert item["value"] < -0.05
    assert "show 0/0 and not" in item["advice"]
    assert "reads_already_shifted" in item["advice"]
    for right in (Shift(0, 0), None):
        (item,) = make(ReadFile(str(fragment_file), shift=right))[1]["verdicts"]
        assert item["verdict"] == "good"


def test_each_file_has_a_verdict(tmp_path, make, fragments):
    plain = [fragment for fragment in fragments if fragment[2] - fragment[1] >= 10]
    first = simulated.write_fragments(tmp_path / "a.tsv.gz", plain)
    second = simulated.write_fragments(tmp_path / "b.tsv.gz", shifted(plain, 4, -5))
    _, record = make(ReadFile(str(first)), ReadFile(str(second), shift=Shift(0, 0)))
    assert [(item["name"], item["verdict"]) for item in record["verdicts"]] == [
        ("Enzyme shift of a.tsv.gz", "good"),
        ("Enzyme shift of b.tsv.gz", "fail"),
    ]


@pytest.fixture
def faint_reads(fragments):
    """Random cuts with few that follow the enzyme: best at 0/0, but by little."""
    rng = np.random.default_rng(2)
    noise = [("chr1", int(start), int(start) + 80) for start in rng.integers(1000, 50_000, 6_000)]
    return noise + [fragments[i] for i in rng.permutation(len(fragments))[:200]]


def test_a_thin_vote_is_settled_by_the_habit_of_the_format(tmp_path, make, faint_reads):
    path = simulated.write_bam(tmp_path / "f.bam", faint_reads, simulated.SIZES)
    _, record = make(ReadFile(str(path)))
    shift = record["files"][0]["shift"]
    assert (shift["verdict"], shift["input"], shift["how"]) == ("thin", "0/0", "assumed")
    assert "That is what bam files usually carry" in record["messages"][0]
    assert record["verdicts"][0]["verdict"] == "check"
    assert "write it under reads_already_shifted" in record["verdicts"][0]["advice"]


def test_a_thin_vote_against_the_habit_of_the_format_stops(tmp_path, make, faint_reads):
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", faint_reads)
    with pytest.raises(InputError, match=r"not certain. The vote is thin.*0/0 0\.3"):
        make(ReadFile(str(path)))
