from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.genome import Genome
from bpflow.regions import read_regions, write_regions
from bpflow.tag_clusters import ends_on, find_clusters
from unit import simulated

SIZES = {"chrB": 300, "chrA": 200}


@pytest.fixture(scope="module")
def small_genome(tmp_path_factory) -> Genome:
    path = tmp_path_factory.mktemp("clusters") / "genome.fa"
    return Genome.open(simulated.write_fasta(path, simulated.make_sequences(sizes=SIZES)))


def naive(genome, arrays, distance, least):
    """End by end along each chromosome."""
    total, found = np.sum(arrays, axis=0), []
    for name in genome.names:
        row = total[genome.offsets[name] : genome.offsets[name] + genome.sizes[name]]
        clusters: list[list[int]] = []
        for place in np.flatnonzero(row):
            if clusters and place - clusters[-1][-1] <= distance:
                clusters[-1].append(place)
            else:
                clusters.append([place])
        for places in clusters:
            if row[places].sum() >= least:
                summit = places[int(np.argmax(row[places]))]
                found.append((name, places[0], places[-1] + 1, summit - places[0], row[places].sum()))
    return found


@settings(max_examples=40)
@given(st.integers(0, 999), st.integers(0, 30), st.sampled_from([1, 2.5, 6]), st.integers(1, 2), st.booleans())
def test_clusters_equal_those_found_end_by_end(small_genome, seed, distance, least, replicates, stranded):
    random = np.random.default_rng(seed)
    rate = 0.02 + 0.3 * (random.random(500) < 0.1)
    arrays = random.poisson(rate, (2, replicates, 500)).astype(np.int32)
    # Ends at the last base of one chromosome and the first of the next are no neighbours.
    edge = small_genome.offsets[small_genome.names[1]]
    arrays[0, 0, edge - 1 : edge + 1] = 4
    strands = arrays if stranded else arrays[:1]
    tracks = [[simulated.signal_track(array) for array in strand] for strand in strands]
    found = find_clusters(tracks, small_genome, least=least, distance=distance)
    expected = [
        (*row, sign)
        for strand, sign in zip(strands, "+-" if stranded else ".", strict=True)
        for row in naive(small_genome, strand, distance, least)
    ]
    columns = ["chrom", "start", "end", "summit", "score", "strand"]
    assert sorted(found[columns].itertuples(index=False, name=None)) == sorted(expected)
    order = [
        small_genome.names.index(name) * 1000 + start for name, start in zip(found.chrom, found.start, strict=True)
    ]
    assert order == sorted(order)
    assert found.name.tolist() == [f"cluster_{number + 1}" for number in range(len(found))]


def test_regions_are_written_as_they_are_read(small_genome, tmp_path):
    track = simulated.signal_track(np.repeat([0, 3, 0], [50, 4, 446]).astype(np.int32))
    silent = simulated.signal_track(np.zeros(500, dtype=np.int32))
    found = find_clusters([[track], [silent]], small_genome, least=2)
    write_regions(found, tmp_path / "x.narrowPeak")
    read = read_regions(tmp_path / "x.narrowPeak", small_genome)
    assert read[["chrom", "start", "end", "summit", "strand"]].iloc[0].tolist() == ["chrB", 50, 54, 0, "+"]
    assert find_clusters([[silent], [silent]], small_genome, least=1).empty


def test_ends_are_counted_on_the_named_chromosomes(small_genome):
    array = np.zeros(500, dtype=np.int32)
    array[[0, 299, 300, 499]] = 1, 10, 100, 1000
    tracks = [simulated.signal_track(array)] * 2
    assert ends_on(tracks, small_genome, ["chrB"]) == 22
    assert ends_on(tracks, small_genome, ["chrB", "chrA"]) == 2222
