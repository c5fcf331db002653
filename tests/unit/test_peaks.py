from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bpflow.bigwig_writer import write_bigwig
from bpflow.errors import InputError
from bpflow.peaks import PeakRules, found_again, make_peaks
from bpflow.regions import centers, read_regions
from bpflow.signal import SignalTrack
from unit import simulated

DEFAULTS = PeakRules(input_length=2114)
SUMMITS = {"chr1": [10_000, 25_000, 45_000], "chr2": [12_000, 30_000], "chr3": [15_000]}


@pytest.fixture(scope="module")
def piled_signal(tmp_path_factory, genome):
    """Background insertions everywhere, and a pile around each planted summit."""
    rng = np.random.default_rng(7)
    path = tmp_path_factory.mktemp("peaks") / "signal.bw"
    blocks = []
    for name in genome.names:
        counts = rng.poisson(0.02, genome.sizes[name])
        for summit in SUMMITS[name]:
            np.add.at(counts, rng.normal(summit, 40, 800).astype(int), 1)
        positions = np.flatnonzero(counts)
        blocks.append((name, positions, counts[positions]))
    write_bigwig(path, genome.sizes, blocks)
    return path


def peaks(tmp_path, signal, genome, rules=DEFAULTS, **options):
    output, qc = tmp_path / "p.narrowPeak", tmp_path / "p.json"
    make_peaks(signal, genome, output=output, qc=qc, rules=rules, **options)
    return read_regions(output, genome), json.loads(qc.read_text())


def found(frame, name, summit):
    return bool((np.abs(centers(frame[frame["chrom"] == name]) - summit) < 100).any())


def test_macs3_finds_the_planted_summits(tmp_path, piled_signal, genome):
    frame, record = peaks(tmp_path, piled_signal, genome)
    assert all(found(frame, name, summit) for name, summits in SUMMITS.items() for summit in summits)
    assert record["called"] == record["kept"] + sum(record["removed"].values())
    assert "--shift -75 --extsize 150" in record["macs3"]["options"]
    assert record["insertions_in_peaks"] / record["insertions"] == pytest.approx(record["frip"])
    assert record["frip"] > 0.3


def test_a_peak_is_found_again_if_half_of_the_shorter_is_shared():
    again = pd.DataFrame({"chrom": "chr1", "start": [100, 1000], "end": [200, 1400]})
    called = pd.DataFrame(
        {"chrom": ["chr1"] * 4 + ["chr2"], "start": [100, 150, 160, 900, 100], "end": [200, 250, 400, 1100, 200]}
    )
    assert found_again(called, again).tolist() == [True, True, False, True, False]


def test_replicates_must_both_show_a_peak(tmp_path, piled_signal, genome):
    rules = PeakRules(reproducible="replicates")
    empty_chr3 = tmp_path / "second.bw"
    array = simulated.every_base(SignalTrack.open(piled_signal, genome), genome.array.size)
    first = array[: genome.offsets["chr3"]]
    positions = np.flatnonzero(first[:60_000])
    rest = np.flatnonzero(first[60_000:])
    write_bigwig(
        empty_chr3,
        genome.sizes,
        [("chr1", positions, first[positions]), ("chr2", rest, first[60_000 + rest])],
    )
    frame, _ = peaks(tmp_path, piled_signal, genome, rules, replicates=[piled_signal, empty_chr3])
    assert found(frame, "chr1", 25_000)
    assert not (frame["chrom"] == "chr3").any()
    with pytest.raises(InputError, match="two or more"):
        peaks(tmp_path, piled_signal, genome, rules, replicates=[piled_signal])


def test_given_peaks_are_filtered_and_counted(tmp_path, piled_signal, genome):
    given = tmp_path / "given.bed"
    given.write_text("chr1\t500\t700\nchr1\t9900\t10100\nchr2\t11900\t12100\nchr2\t29900\t30100\nchrM\t100\t300\n")
    blacklist = tmp_path / "black.bed"
    blacklist.write_text("chr2\t13050\t13060\n")
    frame, record = peaks(tmp_path, piled_signal, genome, PeakRules(maximum=1), given=given, blacklist=blacklist)
    assert record["removed"] == {
        "other_chromosome": 1,
        "not_reproducible": 0,
        "blacklisted": 1,
        "edge": 1,
        "over_max": 1,
    }
    assert centers(frame).tolist() == [10_000]
    assert "no summits" in record["messages"][0]


def test_the_best_by_p_value_are_kept_in_genome_order(tmp_path, piled_signal, genome):
    rows = [("chr2", 5000, 3.0), ("chr1", 8000, 9.0), ("chr1", 6000, 5.0)]
    given = tmp_path / "given.narrowPeak"
    given.write_text("".join(f"{c}\t{s}\t{s + 200}\t.\t0\t.\t1\t{p}\t-1\t100\n" for c, s, p in rows))
    frame, _ = peaks(tmp_path, piled_signal, genome, PeakRules(maximum=2), given=given)
    assert frame["start"].tolist() == [6000, 8000]


def test_nothing_left_says_why(tmp_path, piled_signal, genome):
    given = tmp_path / "given.bed"
    given.write_text("chr1\t500\t700\n")
    with pytest.raises(InputError, match=r"no peak is left of 1 \(1 edge\)"):
        peaks(tmp_path, piled_signal, genome, given=given)


@pytest.mark.parametrize(("share", "expected"), [(1.0, "good"), (0.03, "check"), (0.005, "fail")])
def test_too_few_reads_fail(tmp_path, piled_signal, genome, share, expected):
    rng = np.random.default_rng(11)
    track = SignalTrack.open(piled_signal, genome)
    array = rng.binomial(simulated.every_base(track, genome.array.size), share)
    thin = tmp_path / "thin.bw"
    write_bigwig(thin, genome.sizes, simulated.by_chromosome(array, genome))
    given = tmp_path / "given.bed"
    given.write_text("".join(f"{c}\t{s - 100}\t{s + 100}\n" for c, summits in SUMMITS.items() for s in summits))
    _, record = peaks(tmp_path, thin, genome, given=given)
    (item,) = record["verdicts"]
    assert (item["key"], item["verdict"]) == ("depth", expected)
    windows = [
        array[genome.offsets[c] + s - 500 : genome.offsets[c] + s + 500].sum() for c in SUMMITS for s in SUMMITS[c]
    ]
    assert item["value"] == np.median(windows) == record["window_insertions"]["median"]
    assert record["window_insertions"]["deciles"][::10] == [min(windows), max(windows)]
    if expected == "fail":
        assert "too few reads" in item["advice"]
