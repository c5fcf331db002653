"""Counting sites by sorted runs, against numpy on all of them at once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow import site_counts
from bpflow.site_counts import SiteCounter, SiteCounts, moved_counts, moved_off


@pytest.fixture(params=["in memory", "on disk"])
def small(request):
    """Buffers and slices so small that a few hundred sites fill many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_counts, "SLICE", 16)
        patch.setattr(site_counts, "BUFFERED", 50 if request.param == "on disk" else 10_000)
        patch.setattr(site_counts, "SMALL_RUN", 10 if request.param == "on disk" else 10_000)
        yield


def counted(genome, places, batch=37):
    counter = SiteCounter(genome)
    for first in range(0, len(places), batch):
        counter.add(places[first : first + batch])
    return counter.sites()


def drawn_places(genome, rng, number, spread):
    """Places near chromosome ends and piled up on few places."""
    edges = np.array([*genome.offsets.values(), genome.array.size])
    near = rng.choice(edges, number) + rng.integers(-spread, spread + 1, number)
    return np.clip(near, 0, genome.array.size - 1)


@given(seed=st.integers(0, 10_000), number=st.integers(0, 400), spread=st.integers(0, 200))
def test_distinct_places_are_drawn_as_from_all_of_them(genome, small, seed, number, spread):
    places = drawn_places(genome, np.random.default_rng(seed), number, spread)
    sites = counted(genome, places)
    distinct = SiteCounts(*np.unique(places, return_counts=True))
    assert len(sites) == number
    for most in (1, 20, 10_000):
        drawn = sites.draw(most, np.random.default_rng(5))
        expected = distinct.draw(most, np.random.default_rng(5))
        assert drawn.tolist() == sorted(expected.tolist())


@given(
    seed=st.integers(0, 10_000),
    numbers=st.lists(st.integers(0, 300), min_size=1, max_size=4),
    spread=st.integers(0, 100),
    data=st.data(),
)
def test_moved_and_pooled_counts_are_those_of_moving_each_site(genome, small, seed, numbers, spread, data):
    rng = np.random.default_rng(seed)
    parts, expected, lost = [], Counter(), []
    for number in numbers:
        places, distance = drawn_places(genome, rng, number, spread), data.draw(st.integers(-12, 12))
        parts.append((counted(genome, places), distance))
        lost.append(0)
        for place in places.tolist():
            name = next(n for n in genome.names if genome.offsets[n] <= place < genome.offsets[n] + genome.sizes[n])
            position = place - genome.offsets[name] + distance
            if 0 <= position < genome.sizes[name]:
                expected[name, position] += 1
            else:
                lost[-1] += 1
    rows = [
        ((name, position), count)
        for name, positions, counts in moved_counts(genome, parts)
        for position, count in zip(positions.tolist(), counts.tolist(), strict=True)
    ]
    order = {name: index for index, name in enumerate(genome.names)}
    keys = [(order[name], position) for (name, position), _ in rows]
    assert keys == sorted(set(keys)), "in genome order, each position once"
    assert dict(rows) == dict(expected)
    assert [moved_off(genome, *part) for part in parts] == lost


def test_slices_stay_small_whatever_comes_together(genome, small):
    piled = np.repeat([7, 60_003, 100_000], [500, 1, 300])
    spread = np.arange(0, 60_000, 29)
    sites = [counted(genome, places) for places in (piled, spread, spread[::-1])]
    blocks = list(moved_counts(genome, [(part, 0) for part in sites]))
    assert sum(int(counts.sum()) for _, _, counts in blocks) == len(piled) + 2 * len(spread)
    limit = site_counts.SLICE + sum(len(part.runs) for part in sites)
    assert max(len(positions) for _, positions, _ in blocks) <= limit


def test_places_past_32_bits_are_told_apart(genome):
    class Large:
        array = np.broadcast_to(np.uint8(0), ((1 << 33),))
        names, offsets, sizes = ["a"], {"a": 0}, {"a": 1 << 33}

    places = np.array([(1 << 32) + 5, 5, (1 << 32) + 5])
    blocks = list(moved_counts(Large, [(counted(Large, places), -2)]))
    assert [(name, positions.tolist(), counts.tolist()) for name, positions, counts in blocks] == [
        ("a", [3, (1 << 32) + 3], [1, 2])
    ]
