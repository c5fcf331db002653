from __future__ import annotations

import numpy as np
import pytest

from bpflow import signal_record
from bpflow.base_composition import cut_site_pwm
from bpflow.signal_record import SignalSummary
from bpflow.site_counts import SiteCounts


@pytest.fixture
def total(genome):
    rng = np.random.default_rng(4)
    positions = np.unique(np.r_[0, rng.integers(0, genome.array.size, 20_000), genome.array.size - 1])
    return SiteCounts(positions, rng.integers(1, 40, len(positions)))


@pytest.mark.parametrize("blocks", [1, 7])
def test_a_summary_of_blocks_is_that_of_all_sites(genome, total, blocks):
    summary = SignalSummary(genome)
    for name, positions, counts in total.by_chromosome(genome):
        for part in zip(np.array_split(positions, blocks), np.array_split(counts, blocks), strict=True):
            summary.add(name, *part)
    assert sum(summary.insertions.values()) == total.counts.sum()
    assert list(summary.insertions) == genome.names
    assert summary.positions == len(total.positions)
    around, _ = cut_site_pwm(genome, *total, before=12, after=12)
    assert np.array_equal(summary.pwm(), around)
    wide, _ = cut_site_pwm(genome, total.positions, before=48, after=48)
    np.testing.assert_allclose(summary.flank_composition(), np.r_[wide[:12], wide[-12:]].mean(axis=0))


def test_long_blocks_sample_their_flanks(genome, total, monkeypatch):
    exact, sampled = SignalSummary(genome), SignalSummary(genome)
    blocks = list(total.by_chromosome(genome))
    assert list(exact.watch(blocks)) == blocks
    monkeypatch.setattr(signal_record, "FLANKS_A_BLOCK", 1000)
    list(sampled.watch(blocks))
    assert np.array_equal(exact.pwm(), sampled.pwm())
    assert not np.array_equal(exact.flank_composition(), sampled.flank_composition())
    np.testing.assert_allclose(exact.flank_composition(), sampled.flank_composition(), atol=0.01)
