"""Instances of motifs: planted ones at their exact places, none without contributions, none twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.genome import encode, reverse_complement_codes
from bpflow.motif_discovery import Pattern
from bpflow.motif_files import frequencies_of
from bpflow.motif_instances import COLUMNS, SMOOTHED, find_instances, place_instances, strong_bases
from unit.simulated_contributions import WORDS, simulate


def pattern(word: str, *, name: str = "pos_patterns.pattern_0", height: float = 0.1) -> Pattern:
    """A motif whose every letter contributes `height`, with flanks that do not."""
    flank = np.full((4, 4), 0.25)
    frequencies = np.vstack([flank, frequencies_of(word), flank])
    contributions = np.vstack([0 * flank, np.eye(4)[encode(word)] * height, 0 * flank])
    return Pattern(name, 100, frequencies, contributions)


PATTERNS = [pattern(word, name=name) for name, word in WORDS.items()]


def places(found: pd.DataFrame) -> set[tuple]:
    return set(found[["pattern", "row", "start", "strand"]].itertuples(index=False, name=None))


def test_planted_instances_are_found_at_their_places_on_both_strands():
    made = simulate(60)
    found = find_instances(made.one_hot, made.hypothetical, PATTERNS)
    assert found.columns.tolist() == COLUMNS
    assert places(found) == set(made.planted)
    assert set(found["strand"]) == {"+", "-"}
    widths = found["pattern"].map({name: len(word) for name, word in WORDS.items()})
    assert (found["end"] - found["start"] == widths).all()
    assert (found["p"] <= 1e-4).all()
    assert found["row"].is_monotonic_increasing
    present = (made.one_hot * made.hypothetical).sum(axis=1)
    sums = [present[row.row, row.start : row.end].sum() for row in found.itertuples()]
    np.testing.assert_allclose(found["contribution"], sums, rtol=1e-4)


def test_words_without_contributions_are_no_instances():
    made = simulate(60)
    codes = made.codes.copy()
    # A word again where nothing contributes: at the sequences' ends.
    codes[:, :10] = codes[:, -10:] = encode(WORDS["AP1"])
    found = find_instances(made._replace(codes=codes).one_hot, made.hypothetical, PATTERNS)
    assert places(found) == set(made.planted)


@pytest.mark.parametrize(("elsewhere", "number"), [(0.01, 1), (1.0, 0)])
def test_an_instance_is_among_the_bases_that_contribute_most(elsewhere, number):
    codes = np.random.default_rng(0).integers(0, 4, (1, 200)).astype(np.uint8)
    codes[0, 90:104] = encode(WORDS["CTCF"])
    hypothetical = np.full((1, 4, 200), 1e-4)
    hypothetical[0, :, 90:104] = 0.05
    hypothetical[0, :, 20:60] = elsewhere
    one_hot = simulate(1)._replace(codes=codes).one_hot
    assert len(find_instances(one_hot, hypothetical, [pattern(WORDS["CTCF"])])) == number


@pytest.mark.parametrize("unknown", [14, 5])
def test_windows_of_unknown_bases_are_no_instances(unknown):
    # An unknown base scores 0, and so much is above what a sharp motif's threshold is.
    codes = np.random.default_rng(0).integers(0, 4, (1, 200)).astype(np.uint8)
    codes[0, 90:104] = encode(WORDS["CTCF"])
    codes[0, 90 : 90 + unknown] = 4
    hypothetical = np.full((1, 4, 200), 1e-4)
    hypothetical[0, :, 85:110] = 0.2
    one_hot = simulate(1)._replace(codes=codes).one_hot
    assert find_instances(one_hot, hypothetical, [pattern(WORDS["CTCF"])]).empty


def test_strong_bases_beside_another_word_are_no_instance():
    made = simulate(60)
    found = find_instances(made.one_hot, 5 * made.hypothetical, [PATTERNS[0]])
    assert places(found) == {planted for planted in made.planted if planted.name == "CTCF"}


@pytest.mark.parametrize(("share", "number"), [(1.0, 1), (0.4, 1), (0.2, 0), (-1.0, 0)])
def test_an_instance_contributes_a_share_of_what_others_do(share, number):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (1, 200)).astype(np.uint8)
    codes[0, 90:104] = encode(WORDS["CTCF"])
    made = simulate(1)._replace(codes=codes)
    hypothetical = rng.normal(0, 1e-4, (1, 4, 200))
    hypothetical[0, :, 90:104] = 0.1 * share
    assert len(find_instances(made.one_hot, hypothetical, [pattern(WORDS["CTCF"])])) == number


def test_motifs_that_lower_the_prediction_have_instances_that_do():
    made = simulate(30, sign=-1)
    lowering = [pattern(word, name=name, height=-0.1) for name, word in WORDS.items()]
    found = find_instances(made.one_hot, made.hypothetical, lowering)
    assert places(found) == set(made.planted)
    assert (found["contribution"] < 0).all()
    assert find_instances(made.one_hot, -made.hypothetical, lowering).empty


def test_of_overlapping_instances_of_a_pattern_the_best_is_kept():
    # A palindrome matches on both strands, and a repeat at every second base.
    codes = np.random.default_rng(1).integers(0, 4, (1, 200)).astype(np.uint8)
    codes[0, 60:72] = encode("TGACGTCATGAC")
    codes[0, 120:136] = encode("ACACACACACACACAC")
    one_hot = simulate(1)._replace(codes=codes).one_hot
    hypothetical = np.full((1, 4, 200), 1e-6)
    hypothetical[:, :, 60:72] = hypothetical[:, :, 120:136] = 0.1
    patterns = [pattern("TGACGTCA", name="palindrome"), pattern("ACACACAC", name="repeat")]
    found = find_instances(one_hot, hypothetical, patterns)
    by_name = dict(iter(found.groupby("pattern")))
    assert by_name["palindrome"]["start"].tolist() == [60]
    repeats = by_name["repeat"].sort_values("start")
    assert 1 <= len(repeats) <= 2
    assert (repeats["start"].to_numpy()[1:] >= repeats["end"].to_numpy()[:-1]).all()
    # Different patterns may share bases.
    both = find_instances(one_hot, hypothetical, [*patterns, pattern("TGACGTCAT", name="longer")])
    assert set(both["pattern"]) == {"palindrome", "repeat", "longer"}


def test_without_patterns_or_matches_there_is_an_empty_table():
    made = simulate(4)
    for patterns in ([], [pattern("ACGTACGTACGTACGT")]):
        found = find_instances(made.one_hot, made.hypothetical, patterns)
        assert found.empty
        assert found.columns.tolist() == COLUMNS
        placed = place_instances(found, {"chrom": np.array(["c"] * 4), "center": np.arange(4)}, 150, {})
        assert placed.empty
        assert placed.columns.tolist()[:6] == ["chrom", "start", "end", "name", "score", "strand"]


@given(st.integers(0, 2**32 - 1))
def test_a_tenth_of_all_bases_is_strong_where_neighbours_contribute_most(seed):
    contributions = np.random.default_rng(seed).normal(size=(3, 100))
    strong = strong_bases(contributions)
    assert strong.sum() == pytest.approx(30, abs=1)
    sums = np.array([np.convolve(np.abs(row), np.ones(SMOOTHED), mode="same") for row in contributions])
    assert sums[strong].min() >= sums[~strong].max() - 1e-9


def table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def test_instances_are_placed_on_the_genome_and_those_of_overlapping_regions_once():
    found = table(
        [
            (0, "b", 5, 12, "+", 9.0, 1e-5, 0.5),
            (1, "a", 40, 47, "-", 8.0, 1e-30, 0.4),
            (2, "b", 2, 9, "+", 9.0, 1e-5, -0.7),
            (2, "b", 2, 9, "-", 9.0, 1e-5, 0.1),
        ]
    )
    coordinates = {"chrom": np.array(["chr2", "chr1", "chr2"], dtype=object), "center": np.array([1000, 500, 1003])}
    placed = place_instances(found, coordinates, 51, {"a": "CTCF", "b": "AP1"})
    rows = placed[["chrom", "start", "end", "name", "strand", "contribution"]].itertuples(index=False, name=None)
    assert list(rows) == [
        ("chr1", 515, 522, "CTCF", "-", 0.4),
        # Two regions see the first instance of b; the larger contribution is kept.
        ("chr2", 980, 987, "AP1", "+", -0.7),
        ("chr2", 980, 987, "AP1", "-", 0.1),
    ]
    assert placed["score"].tolist() == [1000, 500, 500]
    assert placed["pattern"].tolist() == ["a", "b", "b"]


def test_a_placed_instance_is_the_word_in_the_genome():
    rng = np.random.default_rng(2)
    genome = rng.integers(0, 4, 2000).astype(np.uint8)
    genome[700:714] = encode(WORDS["CTCF"])
    genome[900:914] = reverse_complement_codes(encode(WORDS["CTCF"])[None])[0]
    for width in (120, 121):
        centers = np.array([720, 690, 890])
        codes = np.stack([genome[center - width // 2 :][:width] for center in centers])
        made = simulate(3)._replace(codes=codes)
        signal = np.zeros(2000)
        signal[700:714] = signal[900:914] = 0.1
        hypothetical = np.stack([np.tile(signal[center - width // 2 :][:width], (4, 1)) for center in centers]) + 1e-6
        found = find_instances(made.one_hot, hypothetical, [pattern(WORDS["CTCF"], name="x")])
        assert len(found) == 3
        placed = place_instances(found, {"chrom": np.array(["c"] * 3), "center": centers}, width, {"x": "CTCF"})
        assert placed[["start", "end", "strand"]].to_numpy().tolist() == [[700, 714, "+"], [900, 914, "-"]]
