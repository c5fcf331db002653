"""Records of a BAM read as arrays, against htslib's reader."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow import bam_records, decompression
from bpflow.alignments import EXCLUDABLE_FLAGS, ReadFilter, alignment_ends
from bpflow.bam_records import bam_alignments
from bpflow.errors import InputError
from unit import simulated

CONTIGS = {**simulated.SIZES, "other": 70_000}
QUERY_OPERATIONS = (0, 1, 4, 7, 8)
FLAGS = [0, *EXCLUDABLE_FLAGS.values(), 0x10, 0x1, 0x40]


def random_cigar(rng, operations, *, aligned):
    """Operations in any order, clips outside; with aligned bases, or perhaps without."""
    inner = [(int(rng.choice([0, 1, 2, 3, 6, 7, 8])), int(rng.integers(1, 40))) for _ in range(operations)]
    left = [(5, 3)] * int(rng.integers(2)) + [(4, int(rng.integers(1, 9)))] * int(rng.integers(2))
    right = [(4, int(rng.integers(1, 9)))] * int(rng.integers(2)) + [(5, 2)] * int(rng.integers(2))
    return [*left, *[(0, 7)] * aligned, *inner, *right]


def write_random_bam(path, rng, reads, *, longest=6, mode="wb", complete=False):
    """Reads with every kind of flag, CIGAR and position; `complete` ones have a contig and a CIGAR with bases."""
    names = list(CONTIGS)
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": name, "LN": size} for name, size in CONTIGS.items()]}
    with pysam.AlignmentFile(str(path), mode, header=header) as out:
        for number in range(reads):
            read = pysam.AlignedSegment(out.header)
            read.query_name = "r" * int(rng.integers(1, 60)) + str(number)
            read.flag = int(np.bitwise_or.reduce(rng.choice(FLAGS, rng.integers(0, 3)), initial=0))
            read.mapping_quality = int(rng.integers(0, 61))
            if complete or rng.random() < 0.9:
                read.reference_id = int(rng.integers(len(names)))
                size = CONTIGS[names[read.reference_id]]
                # Some start or end at the edge of their contig, some past it.
                read.reference_start = int(rng.choice([0, rng.integers(size), size - rng.integers(1, 90)]))
            else:
                read.flag |= 0x4
            if complete or rng.random() < 0.9:
                read.cigartuples = random_cigar(rng, int(rng.integers(1, longest)), aligned=complete)
                length = sum(bases for operation, bases in read.cigartuples if operation in QUERY_OPERATIONS)
            else:
                length = int(rng.integers(0, 50))
            read.query_sequence = "".join(rng.choice(list("ACGTN"), length))
            if rng.random() < 0.5:
                # Zeros and small numbers, as lengths and contigs have.
                read.set_tag("XZ", [int(value) for value in rng.choice([0, 1, 40, 300], 30)])
            out.write(read)
    return path


def by_htslib(path, genome, read_filter):
    """Ends and tally, read by read."""
    ends, tally = [], Counter()
    excluded = [name for name in EXCLUDABLE_FLAGS if name == "unmapped" or name in read_filter.exclude_flags]
    with pysam.AlignmentFile(str(path), check_sq=False) as handle:
        for read in handle.fetch(until_eof=True):
            tally["records"] += 1
            cause = next((name for name in excluded if read.flag & EXCLUDABLE_FLAGS[name]), None)
            if cause is None and read.mapping_quality < read_filter.min_mapq:
                cause = "low mapping quality"
            if cause is None and read.reference_name not in genome.sizes:
                dropped = read.reference_name in genome.dropped
                cause = "contig left out of the genome" if dropped else "contig not in the genome"
            if cause is not None:
                tally[f"dropped: {cause}"] += 1
                continue
            tally["kept"] += 1
            end = read.reference_end or read.reference_start + 1
            position = end - 1 if read.is_reverse else read.reference_start
            if position < genome.sizes[read.reference_name]:
                ends.append((genome.offsets[read.reference_name] + position, not read.is_reverse))
            else:
                tally["off chromosome"] += 1
    return sorted(ends), tally


def by_arrays(path, genome, read_filter, threads=1):
    tally = Counter()
    batches = alignment_ends(path, genome, read_filter, tally, threads=threads)
    return sorted((place, batch.plus) for batch in batches for place in batch.positions.tolist()), tally


@pytest.fixture
def small(monkeypatch):
    """Blocks and stretches so small that records cross them and chains start at many places."""
    monkeypatch.setattr(decompression, "BLOCK", 3 << 16)
    monkeypatch.setattr(bam_records, "STRETCH", 1 << 10)
    monkeypatch.setattr(bam_records, "SEARCHED", 1 << 9)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    reads=st.sampled_from([0, 1, 2, 50, 1500]),
    longest=st.sampled_from([2, 6, 60]),
    read_filter=st.sampled_from([ReadFilter(), ReadFilter(0, ()), ReadFilter(10, ("duplicate", "unmapped"))]),
    mode=st.sampled_from(["wb", "wb0"]),
)
def test_ends_and_tally_are_those_of_htslib(tmp_path, genome, small, seed, reads, longest, read_filter, mode):
    path = write_random_bam(tmp_path / "reads.bam", np.random.default_rng(seed), reads, longest=longest, mode=mode)
    expected = by_htslib(path, genome, read_filter)
    for threads in (1, 2):
        ends, tally = by_arrays(path, genome, read_filter, threads)
        assert ends == expected[0]
        assert +tally == +expected[1]


@pytest.mark.parametrize("suffix", ["sam", "cram"])
def test_other_formats_agree_with_bam(tmp_path, genome, suffix):
    bam = write_random_bam(tmp_path / "reads.bam", np.random.default_rng(1), 300, complete=True)
    other = tmp_path / f"reads.{suffix}"
    with pysam.AlignmentFile(str(bam)) as source:
        options = [b"no_ref=1"] if suffix == "cram" else None
        mode = "w" if suffix == "sam" else "wc"
        with pysam.AlignmentFile(str(other), mode, template=source, format_options=options) as out:
            for read in source.fetch(until_eof=True):
                out.write(read)
    assert by_arrays(other, genome, ReadFilter(0, ())) == by_arrays(bam, genome, ReadFilter(0, ()))


def test_a_cigar_too_long_for_its_field(tmp_path, genome):
    header = {"SQ": [{"SN": name, "LN": size} for name, size in simulated.SIZES.items()]}
    path = tmp_path / "long.bam"
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for start in (100, 200):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.flag, read.mapping_quality = "long", 0x10, 60
            read.reference_id, read.reference_start = 0, start
            read.cigartuples = [(0, 1), (1, 1)] * 33_000
            read.query_sequence = "A" * 66_000
            out.write(read)
    ends, _ = by_arrays(path, genome, ReadFilter())
    assert ends == by_htslib(path, genome, ReadFilter())[0] == [(33_099, False), (33_199, False)]


def test_wrong_guesses_of_record_starts_cost_no_read(tmp_path, genome, small, monkeypatch):
    path = write_random_bam(tmp_path / "reads.bam", np.random.default_rng(2), 1500)
    expected = by_htslib(path, genome, ReadFilter(0, ()))[0]
    guess = bam_records._guessed_starts
    wrong = []

    def off_by_some(data, first, contigs):
        right = guess(data, first, contigs)
        shifted = right + np.where(np.arange(len(right)) % 5 == 2, 9, 0)
        wrong.append(int((shifted != right).sum()))
        return shifted

    monkeypatch.setattr(bam_records, "_guessed_starts", off_by_some)
    assert by_arrays(path, genome, ReadFilter(0, ()))[0] == expected
    assert sum(wrong) > 50


def test_records_cut_or_overwritten_within_sound_blocks_are_damage(tmp_path):
    whole = b"".join(
        decompression.decompressed_blocks(write_random_bam(tmp_path / "a.bam", np.random.default_rng(3), 200))
    )
    for name, content in {"cut": whole[:-7], "head": whole[:40], "zeros": whole[:-3000] + b"\0" * 3000}.items():
        path = tmp_path / f"{name}.bam"
        with pysam.BGZFile(str(path), "wb") as out:
            out.write(content)
        with pytest.raises(InputError, match=rf"{name}\.bam: the file is damaged or cut short"):
            list(bam_alignments(path, len(CONTIGS)))
