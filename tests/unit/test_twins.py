"""Peaks whose sequence comes again elsewhere, in made-up genomes with known copies."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bpflow.cli import main
from bpflow.genome import Genome, encode_fasta
from bpflow.regions import from_centers, write_regions
from bpflow.twins import find_twins
from unit import simulated

LENGTH = 60_000
PLACES = np.arange(2_000, LENGTH, 2_000)
TURNED = str.maketrans("ACGT", "TGCA")


def mutated(sequence, share, rng):
    letters = np.array(list(sequence))
    changed = rng.random(len(letters)) < share
    letters[changed] = rng.choice(list("ACGT"), changed.sum())
    return "".join(letters)


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(1)
    one, two, three = (simulated.random_sequence(LENGTH, rng) for _ in range(3))
    return {
        "one": one,
        "copy": mutated(one, 0.01, rng),
        "turned": one[::-1].translate(TURNED),
        "relative": mutated(one, 0.2, rng),
        "two": two,
        "three": three,
    }


def genome_of(folder, sequences):
    encode_fasta(
        simulated.write_fasta(folder / "genome.fa", sequences), folder / "genome.json", chromosomes=list(sequences)
    )
    return Genome.open(folder / "genome.json")


def peaks_on(names, places=PLACES):
    return pd.concat([from_centers([name] * len(places), places, 200) for name in names])


def found(genome, peaks):
    """Peaks with a twin, by their chromosome and the twin's."""
    twins = find_twins(genome, peaks)
    return {
        (test, train): twins.between([test], [train])["with_twin"]
        for test in genome.names
        for train in genome.names
        if twins.between([test], [train])["with_twin"]
    }


def test_copies_on_either_strand_are_found_and_nothing_else(tmp_path, sequences):
    genome = genome_of(tmp_path, sequences)
    # A summit is a base, so it lies one base off in the copy that is turned.
    pairs = found(genome, peaks_on(sequences))
    same = {"one", "copy", "turned"}
    assert set(pairs) == {(a, b) for a in same for b in same if a != b}
    assert pairs["one", "turned"] == pairs["turned", "one"] == len(PLACES)
    assert min(pairs.values()) > 0.9 * len(PLACES)


def test_only_where_both_have_a_peak(tmp_path, sequences):
    genome = genome_of(tmp_path, sequences)
    assert found(genome, peaks_on(["one", "two"])) == {}
    some = pd.concat([peaks_on(["one"]), peaks_on(["turned"], PLACES[:7])])
    assert found(genome, some) == {("one", "turned"): 7, ("turned", "one"): 7}


@pytest.mark.parametrize(("offset", "known"), [(0, True), (-200, True), (200, True), (600, False), (-600, False)])
def test_a_twin_is_what_a_model_was_taught(tmp_path, sequences, offset, known):
    """The middle of one peak stands in the window of another, which may be centred elsewhere."""
    place, start = 10_000, 30_000 + offset - 250
    three = sequences["three"]
    three = three[:start] + sequences["two"][place - 250 : place + 250] + three[start + 500 :]
    genome = genome_of(tmp_path, {"two": sequences["two"], "three": three})
    peaks = pd.concat([peaks_on(["two"], np.array([place])), peaks_on(["three"], np.array([30_000]))])
    assert (("two", "three") in found(genome, peaks)) == known


def test_unknown_bases_and_ends_are_no_sequence(tmp_path, sequences):
    blank = "N" * 20_000
    genome = genome_of(tmp_path, {"two": blank + sequences["two"], "three": blank + sequences["three"]})
    assert found(genome, peaks_on(["two", "three"], np.array([100, 5_000, 20_300, 20_499]))) == {}


def test_samples_and_summits_close_by_are_one_peak(tmp_path, sequences):
    genome = genome_of(tmp_path, sequences)
    peaks = pd.concat([peaks_on(["one"]), peaks_on(["one"], PLACES + 20)])
    assert find_twins(genome, peaks).between(["one"], ["two"])["peaks"] == len(PLACES)


def test_no_peaks_at_all(tmp_path, sequences):
    genome = genome_of(tmp_path, sequences)
    assert find_twins(genome, peaks_on(["one"], np.array([10]))).between(["one"], ["two"]) == {
        "peaks": 0,
        "with_twin": 0,
        "share": None,
        "pairs": [],
    }


def test_blocks_change_nothing(tmp_path, sequences, monkeypatch):
    genome = genome_of(tmp_path, sequences)
    whole = find_twins(genome, peaks_on(sequences))
    monkeypatch.setattr("bpflow.twins.WINDOWS_AT_ONCE", 7)
    monkeypatch.setattr("bpflow.twins.PEAKS_AT_ONCE", 5)
    parts = find_twins(genome, peaks_on(sequences))
    assert np.array_equal(whole.peak, parts.peak)
    assert np.array_equal(whole.other, parts.other)


def test_a_users_fold_that_tests_a_copy_of_what_it_trains_on_fails(tmp_path, sequences):
    genome_of(tmp_path, sequences)
    write_regions(peaks_on(sequences, np.arange(1_500, LENGTH - 1_500, 500)), tmp_path / "peaks.narrowPeak")
    leaking = {"train": ["one", "two"], "valid": ["three"], "test": ["copy"]}
    honest = {"train": ["one", "copy", "turned"], "valid": ["three"], "test": ["two"]}
    for fold, expected in ((leaking, "fail"), (honest, "good")):
        (tmp_path / "given.json").write_text(json.dumps(fold))
        options = [
            "--genome",
            "genome.json",
            "--peaks",
            "peaks.narrowPeak",
            "--given",
            "given.json",
            "--output-dir",
            "o",
        ]
        main(["folds", *(str(tmp_path / text) if "." in text or text == "o" else text for text in options)])
        twins, size = json.loads((tmp_path / "o/folds.json").read_text())["verdicts"]
        assert (twins["key"], twins["verdict"]) == ("folds", expected)
        assert size["verdict"] == "good"
        assert ("copy tested and one trained" in twins["advice"]) == (expected == "fail")
