"""Loci that are named, and peaks that their rank chooses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bpflow.bigwig_writer import write_bigwig
from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.locus_selection import LONGEST, quantile_peaks, read_loci
from bpflow.regions import from_centers
from bpflow.signal import SignalTrack

SIZES = {"chr1": 30_000, "chr2": 4_000}


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Genome:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text("".join(f">{name}\n{'ACGT' * (size // 4)}\n" for name, size in SIZES.items()))
    return Genome.open(path)


def bed(folder, text: str):
    path = folder / "loci.bed"
    path.write_text(text)
    return path


def test_loci_are_named_by_the_fourth_column_or_their_place(tmp_path, genome):
    loci = read_loci(bed(tmp_path, "chr2\t10\t500\tGAL1 & co\t0\t+\n#\nchr1\t0\t20\n"), genome)
    assert [tuple(locus) for locus in loci] == [
        ("GAL1 & co", "chr2", 10, 500, None),
        ("chr1:1-20", "chr1", 0, 20, None),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"chr1\t0\t{LONGEST + 1}\tlong\n", [f"{LONGEST + 1} bases", "loci.bed, long", f"at most {LONGEST}"]),
        ("chr2\t0\t4001\tpast\n", ["4001", "chr2", "loci.bed, past", "at most 4000"]),
        ("2\t0\t400\tname\n", ["'2'", "chr1"]),
        ("chr2\t0\n", ["2 column(s)", "line 1"]),
        ("# nothing\n", ["no loci"]),
    ],
    ids=["too long", "past the end", "other names", "columns", "empty"],
)
def test_what_users_get_wrong_is_told(tmp_path, genome, text, words):
    with pytest.raises(InputError) as caught:
        read_loci(bed(tmp_path, text), genome)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture(scope="module")
def ranked(genome, tmp_path_factory) -> tuple[pd.DataFrame, SignalTrack]:
    """Peaks 100 bases apart, of which the k-th has (7 k mod 31) insertions, and one on chr2 with far more."""
    middles = 1000 + 100 * np.arange(31)
    depths = 7 * np.arange(31) % 31
    path = tmp_path_factory.mktemp("signal") / "signal.bw"
    seen = depths > 0
    write_bigwig(path, SIZES, [("chr1", middles[seen], depths[seen]), ("chr2", np.array([2000]), np.array([99]))])
    # The last one's window reaches past the end of its chromosome.
    frame = from_centers(["chr1"] * 31 + ["chr2", "chr1"], np.append(middles, [2000, 10]), 20)
    return frame, SignalTrack.open(path, genome)


def test_peaks_stand_at_the_middles_of_equal_shares(genome, ranked):
    frame, signal = ranked
    lengths = {"input_length": 60, "output_length": 40}
    loci, of = quantile_peaks(frame, genome, signal, 4, **lengths)
    assert of == 32
    assert [locus.quantile for locus in loci] == [0.875, 0.625, 0.375, 0.125]
    # Ranks 28, 20, 12 and 4 of 32, whose insertions are 0, 1, ... 30, 99.
    places = [locus.start + 20 for locus in loci]
    assert [7 * (place - 1000) // 100 % 31 for place in places] == [28, 20, 12, 4]
    assert all(locus.end - locus.start == 40 and locus.chrom == "chr1" for locus in loci)
    assert loci[0].name == f"chr1:{loci[0].start + 1}-{loci[0].end}"


def test_only_chromosomes_asked_for_and_no_more_peaks_than_there_are(genome, ranked):
    frame, signal = ranked
    lengths = {"input_length": 60, "output_length": 40}
    loci, of = quantile_peaks(frame, genome, signal, 5, chromosomes=["chr2"], **lengths)
    assert (of, [locus.chrom for locus in loci]) == (1, ["chr2"])
    assert quantile_peaks(frame, genome, signal, 5, chromosomes=["chr9"], **lengths) == ([], 0)
