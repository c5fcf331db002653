"""Clusters of 5' ends: where transcription starts, or a factor binds, by the stranded signals themselves.

Ends of one strand whose neighbours are at most a few bases apart form a cluster, the rule "distclu" of CAGE
(Haberle et al. 2015); clusters with too small a share of all ends are left out. Its summit is the base with most ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bpflow.genome import Genome
from bpflow.regions import in_genome_order
from bpflow.signal import SignalTrack

__all__ = ["ends_on", "find_clusters"]

STRANDS = "+-"


def find_clusters(
    strands: Sequence[Sequence[SignalTrack]], genome: Genome, *, least: float, distance: int = 20
) -> pd.DataFrame:
    """Find the clusters of each strand, in all tracks together.

    Parameters
    ----------
    strands
        Tracks of the plus strand, and of the minus strand if there are two.
    genome
        The genome that they are of.
    least
        Ends that a cluster needs.
    distance
        Bases at most between neighbours.

    Returns
    -------
    DataFrame
        Regions as of :func:`bpflow.regions.read_regions` in the genome's order; the score is the number of ends.
    """
    names = STRANDS if len(strands) > 1 else "."
    frames = [_clusters(tracks, genome, distance, least, name) for tracks, name in zip(strands, names, strict=True)]
    regions = in_genome_order(pd.concat(frames, ignore_index=True), genome)
    return regions.assign(name=[f"cluster_{number}" for number in range(1, len(regions) + 1)])


def ends_on(tracks: Iterable[SignalTrack], genome: Genome, chromosomes: Sequence[str]) -> int:
    """Ends of all tracks on some chromosomes."""
    starts = genome.global_positions(np.array(chromosomes, dtype=object), np.zeros(len(chromosomes), dtype=np.int64))
    widths = np.array([genome.sizes[name] for name in chromosomes])
    return sum(int(track.sums(starts, widths).sum()) for track in tracks)


def _clusters(tracks: Sequence[SignalTrack], genome: Genome, distance: int, least: float, strand: str) -> pd.DataFrame:
    positions = np.concatenate([track.positions for track in tracks]).astype(np.int64)
    places, rows = np.unique(positions, return_inverse=True)
    ends = np.bincount(rows, weights=np.concatenate([track.counts for track in tracks]), minlength=len(places))
    starts = np.array([genome.offsets[name] for name in genome.names], dtype=np.int64)
    chromosome = np.searchsorted(starts, places, side="right") - 1
    apart = (np.diff(places) > distance) | (np.diff(chromosome) > 0)
    first = np.flatnonzero(np.append(True, apart)) if len(places) else np.zeros(0, dtype=np.int64)
    last = np.append(first[1:], len(places)) - 1
    totals = np.add.reduceat(ends, first) if len(first) else np.zeros(0)
    kept = totals >= least
    first, last, totals = first[kept], last[kept], totals[kept]
    summits = [int(start + ends[start : stop + 1].argmax()) for start, stop in zip(first, last, strict=True)]
    offsets = starts[chromosome[first]]
    return pd.DataFrame(
        {
            "chrom": np.array(genome.names, dtype=object)[chromosome[first]],
            "start": places[first] - offsets,
            "end": places[last] + 1 - offsets,
            "summit": places[summits] - places[first] if summits else np.zeros(0, dtype=np.int64),
            "score": totals.astype(np.int64),
            "strand": strand,
            "signal": totals,
            "pvalue": -1.0,
            "qvalue": -1.0,
        }
    )
