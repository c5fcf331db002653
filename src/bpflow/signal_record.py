"""The record of a signal: how many insertions, where, and the sequence around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bpflow.files import stamp
from bpflow.genome import Genome
from bpflow.shift import OUTPUT_SHIFT, SiteCounts, cut_site_pwm

__all__ = ["by_chromosome", "signal_record"]

PWM_REACH = 12


def by_chromosome(genome: Genome, sites: SiteCounts) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield each chromosome with its sorted 0-based positions and their counts."""
    for name in genome.names:
        first, last = np.searchsorted(
            sites.positions, [genome.offsets[name], genome.offsets[name] + genome.sizes[name]]
        )
        yield name, sites.positions[first:last] - genome.offsets[name], sites.counts[first:last]


def signal_record(genome: Genome, total: SiteCounts, assay: str, **content: Any) -> dict[str, Any]:
    """What ``signal.qc.json`` says of a track: totals, and the composition around its insertions."""
    frequencies, _ = cut_site_pwm(
        genome, total.positions, total.counts.astype(float), before=PWM_REACH, after=PWM_REACH
    )
    return stamp(
        "signal",
        assay=assay,
        output_shift=str(OUTPUT_SHIFT[assay]),
        insertions=int(total.counts.sum()),
        positions=len(total.positions),
        chromosomes={name: int(counts.sum()) for name, _, counts in by_chromosome(genome, total)},
        pwm={
            "offset": -PWM_REACH,
            "width": 2 * PWM_REACH,
            "frequencies": frequencies,
            "background": _flank_composition(genome, total),
        },
        **content,
    )


def _flank_composition(genome: Genome, total: SiteCounts) -> np.ndarray:
    reach = 4 * PWM_REACH
    frequencies, _ = cut_site_pwm(genome, total.positions, np.ones(len(total.positions)), before=reach, after=reach)
    return np.concatenate([frequencies[:PWM_REACH], frequencies[-PWM_REACH:]]).mean(axis=0)
