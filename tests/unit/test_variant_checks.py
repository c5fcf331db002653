"""The status of each allele on a genome, and what is said of a file."""

from __future__ import annotations

import pytest

from bpflow.variant_checks import SCORED, Checker, scorable
from bpflow.variant_files import Allele
from unit import small_variants as small
from unit.small_variants import bases, other

HALF = small.INPUT // 2


@pytest.fixture
def genome(tmp_path):
    return small.open_genome(tmp_path)


@pytest.fixture
def checker(genome):
    return Checker(genome, small.INPUT, small.OUTPUT)


def test_each_status(checker):
    ref = bases("chr1", 100, 1)

    def status(alt: str, chrom: str = "chr1", start: int = 100, ref: str = ref) -> str:
        return checker.status(Allele(chrom, start, ".", ref, alt))

    alt = other(ref)
    assert status(alt) == SCORED
    assert status(alt.lower(), ref=ref.lower()) == SCORED
    assert status(alt, chrom="1") == "unknown_contig"
    assert status(".") == "no_alternative"
    assert status("*") == "overlapping_deletion"
    assert {status(text) for text in ("<DEL>", "<*>", "N[chr1:3[", "]chr1:3]A", ".A", "A.")} == {"symbolic_allele"}
    assert {status(text) for text in ("N", "R", "-", "A A", "AN")} == {"ambiguous_allele"}
    assert status(alt, ref="N") == "ambiguous_allele"
    assert status(ref.lower()) == "no_change"
    assert status(ref, ref=alt) == "reference_mismatch"
    assert status("A", start=small.SIZES["chr1"] + 5, ref="C") == "reference_mismatch"
    assert status("A", start=-1, ref="C") == "edge"


def test_edges_are_where_the_window_ends(checker):
    """Of a deletion the window reaches further right, by what it takes away."""
    size = small.SIZES["chr1"]

    def status(start: int, length: int = 1) -> str:
        ref = bases("chr1", start, length)
        return checker.status(Allele("chr1", start, ".", ref, other(ref[0]) if length == 1 else ref[0]))

    assert (status(HALF - 1), status(HALF)) == ("edge", SCORED)
    assert (status(size - HALF), status(size - HALF + 1)) == (SCORED, "edge")
    assert (status(size - HALF - 3, 4), status(size - HALF - 2, 4)) == (SCORED, "edge")


def test_alleles_that_leave_the_output_window_are_too_long(checker):
    longest = small.OUTPUT // 2
    ref = bases("chr1", 300, longest + 1)
    assert checker.status(Allele("chr1", 300, ".", ref[:-1], ref[0])) == SCORED
    assert checker.status(Allele("chr1", 300, ".", ref, ref[0])) == "allele_too_long"
    assert checker.status(Allele("chr1", 300, ".", ref[0], ref[0] + "A" * (longest - 1))) == SCORED
    assert checker.status(Allele("chr1", 300, ".", ref[0], ref[0] + "A" * longest)) == "allele_too_long"


def test_those_that_can_be_scored_are_picked_in_order(checker):
    one, two = small.snv("chr1", 100), small.snv("chr2", 100)
    assert list(scorable([one, one._replace(alt="*"), two, two._replace(alt=two.ref)], checker)) == [one, two]
