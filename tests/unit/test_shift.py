from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.reads import ReadFilter, read_ends
from bpflow.shift import Shift, estimate_shift, load_references, parse_shift
from bpflow.site_counts import SiteCounts
from unit import simulated

EVEN = ["chrII", "chrIV", "chrVI", "chrVIII", "chrX", "chrXIV", "chrXVI"]


def sites(path, genome):
    found = {True: [], False: []}
    for batch in read_ends(path, genome, file_format="fragments", read_filter=ReadFilter(), tally=Counter()):
        found[batch.plus].append(batch.positions.astype(np.int64))
    return tuple(SiteCounts(*np.unique(np.concatenate(found[plus]), return_counts=True)) for plus in (True, False))


def moved(plus, minus, shift):
    return SiteCounts(plus.positions + shift.plus, plus.counts), SiteCounts(minus.positions + shift.minus, minus.counts)


@pytest.mark.parametrize(("text", "shift"), [("0/0", (0, 0)), ("+4/-5", (4, -5)), ("4/-4", (4, -4)), ("auto", None)])
def test_shift_is_read_and_written(text, shift):
    parsed = parse_shift(text, where="x")
    assert parsed == shift
    assert parsed is None or parse_shift(str(parsed), where="x") == parsed


@pytest.mark.parametrize("text", ["4", "4/", "a/b", "1/2/3", ""])
def test_malformed_shifts_are_errors(text):
    with pytest.raises(InputError, match="PLUS/MINUS"):
        parse_shift(text, where="--input-shift")


@pytest.mark.parametrize("shift", [Shift(0, 0), Shift(4, -5), Shift(4, -4), Shift(5, -4)])
def test_simulated_tn5_reads_give_back_their_shift(genome, fragment_file, shift):
    plus, minus = moved(*sites(fragment_file, genome), shift)
    estimate = estimate_shift(genome, plus, minus, "ATAC", np.random.default_rng(0))
    assert (estimate.best, estimate.verdict) == (shift, "clear")
    assert len(estimate.votes) == 2 * len(load_references("ATAC"))


@pytest.mark.parametrize("gc", [0.2, 0.8])
def test_composition_does_not_sway_the_vote(tmp_path, gc):
    rng = np.random.default_rng(5)
    sequences = {"chr1": simulated.random_sequence(80_000, rng, gc)}
    genome = Genome.open(simulated.write_fasta(tmp_path / "g.fa", sequences))
    path = simulated.write_fragments(tmp_path / "f.tsv.gz", simulated.draw_fragments(sequences, 20_000))
    estimate = estimate_shift(genome, *sites(path, genome), "ATAC", np.random.default_rng(0))
    assert (estimate.best, estimate.verdict) == (Shift(0, 0), "clear")


def test_a_clear_shift_that_nobody_uses_is_called_so(genome, fragment_file):
    plus, minus = moved(*sites(fragment_file, genome), Shift(4, 4))
    estimate = estimate_shift(genome, plus, minus, "ATAC", np.random.default_rng(0))
    assert (estimate.best, estimate.verdict) == (Shift(4, 4), "nonstandard")


def test_no_preference_is_no_clear_vote(genome):
    random = np.unique(np.random.default_rng(1).integers(200, genome.array.size - 200, 20_000))
    uniform = SiteCounts(random, np.ones_like(random))
    assert estimate_shift(genome, uniform, uniform, "ATAC", np.random.default_rng(0)).verdict in ("split", "thin")


def test_too_few_sites_are_said(genome, fragment_file):
    plus, minus = (SiteCounts(s.positions[:500], s.counts[:500]) for s in sites(fragment_file, genome))
    assert estimate_shift(genome, plus, minus, "ATAC", np.random.default_rng(0)).verdict == "too few"


@pytest.mark.system
def test_yeast_chromosomes_that_no_reference_was_made_from(shared_data):
    folder = shared_data / "data" / "yeast"
    genome = Genome.open(folder / "sacCer3.fa.gz", chromosomes=EVEN)
    plus, minus = sites(folder / "fragments.tsv.gz", genome)
    for shift in (Shift(0, 0), Shift(4, -5), Shift(4, -4)):
        estimate = estimate_shift(genome, *moved(plus, minus, shift), "ATAC", np.random.default_rng(0))
        assert (estimate.best, estimate.verdict, estimate.agreement) == (shift, "clear", 1.0)
