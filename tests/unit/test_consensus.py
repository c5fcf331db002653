"""Peaks that samples share: the walk from the best to the worst, and what samples of unequal depth have to say."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.cli import main
from bpflow.consensus import consensus_peaks
from bpflow.errors import InputError
from bpflow.regions import centers, from_centers, read_regions, write_regions


def peaks(chrom: str, middle: list[int], scores: list[float] | None = None) -> pd.DataFrame:
    frame = from_centers([chrom] * len(middle), np.array(middle), 200)
    return frame if scores is None else frame.assign(pvalue=scores)


def walk(frame: pd.DataFrame, width: int) -> list[tuple[str, int]]:
    """The definition: the best first, and nothing nearer than a width to what was kept."""
    kept: list[tuple[str, int]] = []
    for chrom, centre in frame.sort_values("score", ascending=False)[["chrom", "centre"]].itertuples(index=False):
        if all(chrom != other or abs(centre - place) >= width for other, place in kept):
            kept.append((chrom, centre))
    return sorted(kept)


@given(
    st.lists(st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(1000, 3000)), min_size=2, max_size=60),
    st.integers(1, 600),
    st.randoms(use_true_random=False),
)
def test_equals_the_walk(genome, places, width, random):
    ranks = list(range(1, len(places) + 1))
    random.shuffle(ranks)
    half = len(places) // 2
    # Both samples have one sum of scores, so their order is that of the ranks.
    samples = {}
    for name, rows in (("one", slice(0, half)), ("two", slice(half, None))):
        chosen, scores = places[rows], [float(rank) for rank in ranks[rows]]
        rest = sum(ranks) - sum(scores)
        frame = from_centers([chrom for chrom, _ in chosen], np.array([centre for _, centre in chosen]), 200)
        ballast = peaks("chr3", [15_000], [rest + 1])
        samples[name] = pd.concat([frame.assign(pvalue=scores), ballast], ignore_index=True)
    found, record = consensus_peaks(samples, genome, width=width)
    table = pd.concat(
        [pd.DataFrame({"chrom": f["chrom"], "centre": centers(f), "score": f["pvalue"]}) for f in samples.values()]
    )
    found = found[found["chrom"] != "chr3"]
    assert sorted(zip(found["chrom"], centers(found), strict=True)) == walk(table[table["chrom"] != "chr3"], width)
    assert record["kept"] == len(found) + 1


def test_a_deep_sample_has_no_more_say(genome):
    deep = peaks("chr1", [10_000, 30_000], [1000.0, 9000.0])
    shallow = peaks("chr1", [10_100, 40_000], [6.0, 4.0])
    frame, record = consensus_peaks({"deep": deep, "shallow": shallow}, genome)
    # 10,100 has 60 % of its sample's scores, 10,000 has 10 % of its own.
    assert centers(frame).tolist() == [10_100, 30_000, 40_000]
    assert frame["name"].tolist() == ["shallow", "deep", "shallow"]
    assert (frame["end"] - frame["start"]).tolist() == [501] * 3
    assert record["samples"] == {"deep": 2, "shallow": 2}
    assert record["found_in"] == [2, 1]


def test_found_in_enough_samples(genome):
    first, second, third = (peaks("chr1", middle) for middle in ([10_000, 20_000], [10_050], [10_400, 20_499]))
    samples = {"a": first, "b": second, "c": third}
    frame, record = consensus_peaks(samples, genome, min_samples=2)
    assert centers(frame).tolist() == [10_050, 20_000]
    assert record["found_in"] == [0, 1, 1]
    frame, record = consensus_peaks(samples, genome, min_samples=3)
    assert centers(frame).tolist() == [10_050]
    assert record["in_too_few_samples"] == 1


def test_order_of_samples_does_not_matter_to_places(genome):
    samples = {"a": peaks("chr1", [10_000, 20_100]), "b": peaks("chr1", [10_100, 20_000])}
    turned = dict(reversed(samples.items()))
    places = [centers(consensus_peaks(given, genome)[0]).tolist() for given in (samples, turned)]
    assert places[0] == places[1]


def test_peaks_at_the_ends_are_clipped(genome):
    last = genome.sizes["chr1"] - 1
    frame, _ = consensus_peaks({"a": peaks("chr1", [100]), "b": peaks("chr1", [last])}, genome)
    assert centers(frame).tolist() == [100, last]
    assert frame["start"].iloc[0] == 0
    assert frame["end"].iloc[1] == last + 1


@pytest.mark.parametrize(
    ("names", "minimum", "words"),
    [("a", 2, "2 of 1 samples"), ("ab", 3, "3 of 2 samples"), ("ab", 2, "no peak is found in 2 samples")],
)
def test_mistakes(genome, names, minimum, words):
    samples = {name: peaks("chr1", [10_000 * number]) for number, name in enumerate(names, start=1)}
    with pytest.raises(InputError, match=words):
        consensus_peaks(samples, genome, min_samples=minimum)


def test_command(genome_json, tmp_path):
    for name, middle in (("a", [10_000]), ("b", [10_010, 30_000])):
        write_regions(peaks("chr1", middle), tmp_path / f"{name}.narrowPeak")
    options = [word for name in "ab" for word in ("--sample", name, str(tmp_path / f"{name}.narrowPeak"))]
    output, qc = tmp_path / "out.narrowPeak", tmp_path / "out.json"
    main(["consensus", *options, "--genome", str(genome_json), "--output", str(output), "--qc", str(qc)])
    assert len(read_regions(output)) == json.loads(qc.read_text())["kept"] == 2


def test_command_with_a_sample_twice(genome_json, tmp_path, capsys):
    write_regions(peaks("chr1", [10_000]), tmp_path / "a.narrowPeak")
    sample = ["--sample", "a", str(tmp_path / "a.narrowPeak")]
    with pytest.raises(SystemExit) as ended:
        main(["consensus", *sample, *sample, "--genome", str(genome_json), "--output", "x", "--qc", "y"])
    assert ended.value.code == 2
    assert "a given twice" in capsys.readouterr().err
