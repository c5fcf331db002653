"""Summaries of bins against sums over a dense array."""

from __future__ import annotations

import numpy as np
import pytest

from bpflow import bigwig_zooms
from bpflow.bigwig_sections import Values
from bpflow.bigwig_zooms import FINEST, ZoomLadder, summarise


def example(n: int) -> Values:
    """Two chromosomes, `n` values in all, with gaps."""
    rng = np.random.default_rng(1)
    half = n // 2
    positions = np.concatenate([np.cumsum(rng.integers(1, 40, half)), np.cumsum(rng.integers(1, 3, n - half))])
    values = rng.normal(size=n).astype(np.float32)
    return Values(positions.astype(np.uint32), values, np.array([0, half]), np.array([1, 4], np.uint32))


def parts(block: Values, size: int):
    """The same values in blocks."""
    for first in range(0, len(block), size):
        items = np.arange(first, min(first + size, len(block)))
        chrom = block.chrom_of(items)
        starts = np.flatnonzero(np.diff(chrom, prepend=np.uint32(99)))
        yield Values(block.positions[items], block.values[items], starts, chrom[starts])


def check(level, reduction, block):
    chrom = block.chrom_of(np.arange(len(block)))
    keys = sorted(set(zip(chrom.tolist(), (block.positions // reduction).tolist(), strict=True)))
    assert list(zip(level.chrom.tolist(), (level.start // reduction).tolist(), strict=True)) == keys
    for row in range(0, len(level), max(len(level) // 40, 1)):
        inside = (chrom == level.chrom[row]) & (block.positions // reduction == level.start[row] // reduction)
        values = block.values[inside].astype(float)
        assert (level.start[row], level.end[row] - 1) == (block.positions[inside][0], block.positions[inside][-1])
        assert level.covered[row] == len(values)
        assert (level.minimum[row], level.maximum[row]) == (values.min(), values.max())
        np.testing.assert_allclose([level.total[row], level.squares[row]], [values.sum(), (values**2).sum()])


@pytest.mark.parametrize("size", [50, 999, 20_000])
def test_levels_hold_the_sums_of_their_bins_whatever_the_blocks(size):
    block, ladder = example(20_000), ZoomLadder()
    for part in parts(block, size):
        ladder.add(summarise(part), len(part))
    levels = ladder.levels()
    assert [reduction for reduction, _ in levels] == [FINEST * 4**i for i in range(len(levels))]
    assert len(levels) == 2
    for reduction, level in levels:
        check(level, reduction, block)


def test_the_finest_level_grows_coarser_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(bigwig_zooms, "FEWEST_SUMMARIES", 100)
    monkeypatch.setattr(bigwig_zooms, "MOST_SUMMARIES", 300)
    block, ladder = example(20_000), ZoomLadder()
    for part in parts(block, 1000):
        ladder.add(summarise(part), len(part))
    reduction, level = ladder.levels()[0]
    assert reduction > FINEST
    assert 20 < len(level) <= 300
    check(level, reduction, block)


def test_no_value_is_no_level():
    assert ZoomLadder().levels() == []
