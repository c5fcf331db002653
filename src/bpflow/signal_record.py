"""The record of a signal: how many insertions, where, and the sequence around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bpflow.base_composition import count_bases, frequencies
from bpflow.files import stamp
from bpflow.genome import Genome
from bpflow.shift import OUTPUT_SHIFT

__all__ = ["SignalSummary", "signal_record"]

PWM_REACH = 12
FLANK_REACH = 4 * PWM_REACH
FLANKS_A_BLOCK = 1 << 16


class SignalSummary:
    """What is known of a signal after its blocks went by once.

    Attributes
    ----------
    insertions
        Insertions of each chromosome.
    positions
        Number of distinct positions.
    """

    def __init__(self, genome: Genome) -> None:
        self.insertions = dict.fromkeys(genome.names, 0)
        self.positions = 0
        self._genome = genome
        self._around = np.zeros((2 * PWM_REACH, 4), np.int64)
        self._flanks = np.zeros((2, PWM_REACH, 4), np.int64)

    def watch(
        self, blocks: Iterable[tuple[str, np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Pass on blocks of (chromosome, sorted 0-based positions, counts), adding them up."""
        for name, positions, counts in blocks:
            self.add(name, positions, counts)
            yield name, positions, counts

    def add(self, name: str, positions: np.ndarray, counts: np.ndarray) -> None:
        """Add one block."""
        self.insertions[name] += int(counts.sum())
        self.positions += len(positions)
        inner = self._within(name, positions, PWM_REACH)
        starts = positions[inner] + (self._genome.offsets[name] - PWM_REACH)
        self._around += count_bases(self._genome, starts, 2 * PWM_REACH, counts[inner])
        outer = self._within(name, positions, FLANK_REACH)
        # All positions of a short block, and so many evenly spread ones of a long.
        some = positions[outer][:: -(-len(positions) // FLANKS_A_BLOCK) or 1]
        starts = some + (self._genome.offsets[name] - FLANK_REACH)
        for flank, distance in zip(self._flanks, (0, 2 * FLANK_REACH - PWM_REACH), strict=True):
            flank += count_bases(self._genome, starts + distance, PWM_REACH)

    def pwm(self) -> np.ndarray:
        """Base frequencies around all insertions, (24, 4), the site itself in row 12."""
        return frequencies(self._around)

    def flank_composition(self) -> np.ndarray:
        """Base frequencies 36 to 48 bases off the distinct positions, (4,); of long blocks, off every few of them."""
        return frequencies(np.concatenate(self._flanks)).mean(axis=0)

    def _within(self, name: str, positions: np.ndarray, reach: int) -> slice:
        """Positions whose window of `reach` on both sides lies on the chromosome."""
        return slice(*np.searchsorted(positions, [reach, self._genome.sizes[name] - reach + 1]))


def signal_record(summary: SignalSummary, assay: str, **content: Any) -> dict[str, Any]:
    """What ``signal.qc.json`` says of a track: totals, and the composition around its insertions."""
    return stamp(
        "signal",
        assay=assay,
        output_shift=str(OUTPUT_SHIFT[assay]),
        insertions=sum(summary.insertions.values()),
        positions=summary.positions,
        chromosomes=summary.insertions,
        pwm={
            "offset": -PWM_REACH,
            "width": 2 * PWM_REACH,
            "frequencies": summary.pwm(),
            "background": summary.flank_composition(),
        },
        **content,
    )
