"""The status of each allele on a genome, and what is said of a file."""

from __future__ import annotations

import pytest

from bpflow.errors import InputError
from bpflow.variant_checks import REASONS, SCORED, Checker, DuplicateNotes, scorable, survey
from bpflow.variant_files import Allele
from unit import small_variants as small

HALF = small.INPUT // 2


@pytest.fixture
def genome(tmp_path):
    return small.open_genome(tmp_path)


@pytest.fixture
def checker(genome):
    return Checker(genome, small.INPUT, small.OUTPUT)


def bases(chrom: str, start: int, length: int) -> str:
    return small.sequences()[chrom][start : start + length]


def other(base: str) -> str:
    return small.OTHERS[base][0]


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


def bad_alleles() -> list[Allele]:
    good = small.snv("chr1", 100)
    changed = other(good.ref)
    return [
        good,
        Allele("chrX", 100, ".", "A", "C"),
        good._replace(alt="."),
        good._replace(alt="*"),
        good._replace(alt="<DEL>"),
        good._replace(alt="N"),
        good._replace(alt=good.ref),
        Allele("chr1", 100, ".", changed, good.ref),
        Allele("chr1", 300, ".", bases("chr1", 300, 30), "A"),
        small.snv("chr1", 3),
    ]


def test_a_survey_counts_every_allele_and_gives_an_example_of_each_reason(genome, checker):
    found = survey(bad_alleles(), checker, genome)
    assert found.counts == {SCORED: 1, **dict.fromkeys(REASONS, 1)}
    messages = "\n".join(found.messages())
    assert (
        "Not scored: 1 because their chromosome is not in the genome (unknown_contig; first: chrX:101 A>C)" in messages
    )
    there = bases("chr1", 100, 1)
    assert f"first: chr1:101 {other(there)}>{there}, where the genome has {there})" in messages
    assert all(f"({status}; first: " in messages for status in REASONS)
    assert [str(allele) for allele in scorable(bad_alleles(), checker)] == [str(bad_alleles()[0])]


def test_names_that_differ_in_style_are_explained(genome, checker):
    found = survey([Allele("1", 100, ".", "A", "C"), Allele("2", 100, ".", "A", "C")], checker, genome)
    with pytest.raises(InputError) as caught:
        found.require_scored("v.vcf")
    text = str(caught.value)
    assert text.startswith("v.vcf: none of 2 alleles can be scored: 2 because their chromosome is not in the genome")
    assert "this file says '1' where the genome says 'chr1'" in text


def test_a_file_of_another_assembly_is_refused_with_the_numbers_of_each_reason(genome, checker):
    alleles = [allele for allele in bad_alleles()[1:] for _ in range(2)]
    with pytest.raises(
        InputError, match=r"none of 18 alleles.*2 because the genome has another reference allele there"
    ):
        survey(alleles, checker, genome).require_scored("v.vcf")


def test_positions_counted_from_0_are_suspected(genome, checker):
    right = small.snvs(40)
    shifted = [allele._replace(start=allele.start - 1) for allele in right]
    assert "positions may be counted from 0" in " ".join(survey(shifted, checker, genome).messages())
    assert survey(right, checker, genome).messages() == []
    # Of another assembly, a quarter agrees there by chance.
    wrong = [allele._replace(ref=other(allele.ref), alt=allele.ref) for allele in right]
    assert "counted from 0" not in " ".join(survey(wrong, checker, genome).messages())


def test_chromosomes_left_out_of_the_genome_are_said_to_be(tmp_path):
    from bpflow.genome import Genome

    small.open_genome(tmp_path)
    part = Genome.open(tmp_path / "genome.fa", ["chr1"])
    found = survey([small.snv("chr2", 100)], Checker(part, small.INPUT, small.OUTPUT), part)
    assert "left out of the genome: not in the given list" in found.messages()[0]


@pytest.mark.parametrize(
    ("places", "is_sorted"),
    [
        ([("chr2", 100), ("chr1", 100), ("chr1", 100), ("chr1", 200)], True),
        ([("chr1", 200), ("chr1", 100)], False),
        ([("chr1", 100), ("chr2", 100), ("chr1", 200)], False),
    ],
)
def test_order_is_noticed_and_said(genome, checker, places, is_sorted):
    found = survey([small.snv(*place) for place in places], checker, genome)
    assert found.is_sorted == is_sorted
    assert any("not sorted" in message for message in found.messages()) != is_sorted
    assert found.contigs == tuple(dict.fromkeys(chrom for chrom, _ in places))


def test_duplicates_are_counted_and_noted_after_the_first(genome, checker):
    one, two = small.snv("chr1", 100), small.snv("chr1", 200)
    again = one._replace(name="rs5", ref=one.ref.lower(), alt=one.alt.lower())
    alleles = [one, two, again, one, small.snv("chr1", 100, 1)]
    found = survey(alleles, checker, genome)
    assert (found.scored, found.duplicates) == (5, 2)
    assert any(message.startswith("2 alleles come again") for message in found.messages())
    notes = DuplicateNotes(found.repeated)
    assert [notes.note(allele) for allele in alleles] == ["", "", "duplicate", "duplicate", ""]
