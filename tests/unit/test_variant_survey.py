"""What is said of a file of alleles as a whole."""

from __future__ import annotations

import pytest

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.variant_checks import REASONS, SCORED, Checker
from bpflow.variant_files import Allele
from bpflow.variant_survey import DuplicateNotes, survey
from unit import small_variants as small
from unit.small_variants import bases, other


@pytest.fixture
def genome(tmp_path):
    return small.open_genome(tmp_path)


@pytest.fixture
def checker(genome):
    return Checker(genome, small.INPUT, small.OUTPUT)


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
