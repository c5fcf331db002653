from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from bpflow.errors import InputError
from bpflow.folds import Fold
from bpflow.genome import Genome
from bpflow.nonpeaks import _verdicts, candidates, gc_content, make_nonpeaks, match_histogram
from bpflow.regions import centers, from_centers, inside, on, read_regions, write_regions
from unit import simulated

FOLD = Fold(("chr1",), ("chr2",), ("chr3",))
WIDTH = 500


@pytest.fixture
def peak_file(tmp_path):
    frame = pd.concat(
        [
            from_centers(["chr1"] * 6, np.arange(5_000, 59_000, 10_000), 300),
            from_centers(["chr2"] * 4, np.arange(5_000, 45_000, 10_000), 300),
            from_centers(["chr3"] * 3, np.arange(5_000, 30_000, 10_000), 300),
        ]
    )
    write_regions(frame, tmp_path / "peaks.narrowPeak")
    return tmp_path / "peaks.narrowPeak"


def starts_of(frame, genome):
    return genome.global_positions(frame["chrom"].to_numpy(), centers(frame) - WIDTH // 2)


def nonpeaks(tmp_path, genome, peak_file, **options):
    output, qc = tmp_path / "n.narrowPeak", tmp_path / "n.json"
    options = {"input_length": WIDTH, "stride": 100, "ratio": 2, **options}
    make_nonpeaks(peak_file, FOLD, genome, output=output, qc=qc, fold_name="fold_0.json", **options)
    return read_regions(output, genome), json.loads(qc.read_text())


def test_partners_are_counted_by_split_and_touch_no_peak(tmp_path, genome, peak_file):
    frame, record = nonpeaks(tmp_path, genome, peak_file)
    assert [len(on(frame, FOLD.split(s))) for s in ("train", "valid", "test")] == [12, 8, 3]
    assert record["unmatched"] == 0
    assert inside(frame, genome.sizes, WIDTH).all()
    peaks = read_regions(peak_file)
    for name, start, end in zip(frame["chrom"], frame["start"], frame["end"], strict=True):
        same = peaks[peaks["chrom"] == name]
        assert not ((same["start"] - WIDTH // 2 < end) & (start < same["end"] + WIDTH // 2)).any()


def test_gc_is_matched_within_each_split(tmp_path, genome, peak_file):
    frame, _ = nonpeaks(tmp_path, genome, peak_file)
    peaks = read_regions(peak_file)
    for split in ("train", "valid"):
        wanted = np.repeat(np.sort(gc_content(genome, starts_of(on(peaks, FOLD.split(split)), genome), WIDTH)), 2)
        chosen = np.sort(gc_content(genome, starts_of(on(frame, FOLD.split(split)), genome), WIDTH))
        assert np.abs(wanted - chosen).max() <= 2


def test_same_seed_same_choice(tmp_path, genome, peak_file):
    first, _ = nonpeaks(tmp_path, genome, peak_file, seed=5)
    again, _ = nonpeaks(tmp_path, genome, peak_file, seed=5)
    other, _ = nonpeaks(tmp_path, genome, peak_file, seed=6)
    assert centers(first).tolist() == centers(again).tolist()
    assert centers(first).tolist() != centers(other).tolist()


def test_matched_gc_is_good(tmp_path, genome, peak_file):
    frame, record = nonpeaks(tmp_path, genome, peak_file, stride=10)
    found, distance = record["verdicts"]
    assert (found["key"], found["verdict"], found["value"]) == ("nonpeaks", "good", 1.0)
    assert (distance["key"], distance["verdict"]) == ("nonpeaks", "good")
    peaks = read_regions(peak_file)
    for split, part in record["splits"].items():
        gc = [gc_content(genome, starts_of(on(of, FOLD.split(split)), genome), WIDTH) for of in (peaks, frame)]
        assert part["gc_distance"] == pytest.approx(ks_2samp(*gc).statistic)
    assert distance["value"] == pytest.approx(max(part["gc_distance"] for part in record["splits"].values()), rel=1e-5)


def test_peaks_whose_gc_no_background_has_fail(tmp_path, sequences):
    """Every second peak lies in an island of G and C alone."""
    islands, rows = {}, []
    for name in ("chr1", "chr2", "chr3"):
        letters = list(sequences[name])
        for number, middle in enumerate(range(5_000, 29_000, 3_000)):
            if number % 2:
                letters[middle - 250 : middle + 250] = "GC" * 250
            rows.append(from_centers([name], np.array([middle]), 20))
        islands[name] = "".join(letters)
    genome = Genome.open(simulated.write_fasta(tmp_path / "g.fa", islands))
    write_regions(pd.concat(rows), tmp_path / "islands.narrowPeak")
    _, record = nonpeaks(tmp_path, genome, tmp_path / "islands.narrowPeak")
    found, distance = record["verdicts"]
    assert (found["value"], distance["value"]) == (0.5, 0.5)
    assert (found["verdict"], distance["verdict"]) == ("fail", "fail")


@pytest.mark.parametrize(
    ("matched", "distance", "expected"),
    [(19, 0.02, ["good", "good"]), (12, 0.07, ["check", "check"]), (9, 0.3, ["fail", "fail"])],
)
def test_verdicts_of_the_share_matched_and_the_distance(matched, distance, expected):
    splits = {
        "train": {"wanted": 10, "matched": matched - 5, "gc_distance": 0.01},
        "test": {"wanted": 10, "matched": 5, "gc_distance": distance},
    }
    verdicts = _verdicts(splits)
    assert [item["verdict"] for item in verdicts] == expected
    assert ("of test differ" in verdicts[1]["advice"]) == (verdicts[1]["verdict"] != "good")
    assert all(("nonpeaks.stride" in item["advice"]) == (item["verdict"] != "good") for item in verdicts)


def test_exhaustion_ends_and_is_said(tmp_path, genome, peak_file):
    frame, record = nonpeaks(tmp_path, genome, peak_file, ratio=2000)
    assert record["verdicts"][0]["verdict"] == "fail"
    assert record["unmatched"] > 0
    assert record["matched"] == len(frame) == len(frame.drop_duplicates(["chrom", "start"]))
    assert "smaller nonpeaks.stride" in record["messages"][0]


def test_a_split_without_candidates_or_peaks_is_an_error(tmp_path, genome, peak_file):
    with pytest.raises(InputError, match="no background window is left on the train chromosomes"):
        nonpeaks(tmp_path, genome, peak_file, input_length=20_000)
    only = tmp_path / "only.narrowPeak"
    write_regions(from_centers(["chr1"], np.array([5_000]), 300), only)
    with pytest.raises(InputError, match="no peaks on the valid chromosomes"):
        nonpeaks(tmp_path, genome, only)


@settings(max_examples=60)
@given(
    starts=st.lists(st.integers(0, 44_000), min_size=1, max_size=20),
    name=st.sampled_from(["chr1", "chr2"]),
    width=st.sampled_from([2, 100, 998]),
)
def test_gc_agrees_with_counting_letters(genome, sequences, starts, name, width):
    letters = [sequences[name][start : start + width].upper() for start in starts]
    found = gc_content(genome, np.array(starts) + genome.offsets[name], width)
    assert found.tolist() == [round((text.count("G") + text.count("C")) / width * 100) for text in letters]


def test_gc_does_not_depend_on_the_block(monkeypatch, genome):
    starts = np.random.default_rng(0).integers(0, genome.array.size - 500, 3000)
    whole = gc_content(genome, starts, 500)
    monkeypatch.setattr("bpflow.nonpeaks.GC_BLOCK", 777)
    np.testing.assert_array_equal(gc_content(genome, starts, 500), whole)


def test_candidates_are_strictly_inside(genome):
    starts, windows = candidates(genome, pd.DataFrame({"chrom": [], "start": [], "end": []}), 1000, 1000)
    assert windows == len(starts) == 59 + 44 + 29
    for name, size in genome.sizes.items():
        ends = starts[(starts >= genome.offsets[name]) & (starts < genome.offsets[name] + size)] + 1000
        assert ends.max() < genome.offsets[name] + size


@settings(max_examples=200)
@given(
    peaks=st.lists(st.integers(0, 100), min_size=1, max_size=60),
    pool=st.lists(st.integers(0, 100), max_size=120),
    ratio=st.integers(1, 3),
    seed=st.integers(0, 5),
)
def test_matching_never_repeats_and_accounts_for_every_partner(peaks, pool, ratio, seed):
    pool_gc = np.array(pool, dtype=np.int64)
    match = match_histogram(np.array(peaks), pool_gc, ratio, np.random.default_rng(seed))
    assert len(set(match.chosen.tolist())) == len(match.chosen)
    assert len(match.chosen) + match.unmatched == match.wanted == len(peaks) * ratio
    # Nothing unmatched while a candidate in reach is free.
    if match.unmatched:
        free = np.setdiff1d(np.arange(len(pool_gc)), match.chosen)
        own = np.bincount(peaks, minlength=101) * ratio - np.bincount(pool_gc, minlength=101)
        short = np.flatnonzero(own > 0)
        assert not len(free) or not set(pool_gc[free]) & set(short.tolist())
