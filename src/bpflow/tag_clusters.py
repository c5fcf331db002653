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
    return pd.concat(
        [_on_one(tracks, genome, name, distance, least).assign(strand=strand) for name in genome.names],
        ignore_index=True,
    )


def _on_one(
    tracks: Sequence[SignalTrack], genome: Genome, chromosome: str, distance: int, least: float
) -> pd.DataFrame:
    """Clusters on one chromosome, whose sites alone are held in memory."""
    start, found = genome.offsets[chromosome], []
    for track in tracks:
        (first,), (stop,) = track.between(np.array([start]), np.array([start + genome.sizes[chromosome]]))
        found.append((track.positions[first:stop], track.counts[first:stop]))
    positions, counts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    places, rows = np.unique(positions.astype(np.int64) - start, return_inverse=True)
    ends = np.bincount(rows, weights=counts, minlength=len(places))
    firsts = np.flatnonzero(np.diff(places, prepend=-distance - 1) > distance)
    stops = np.append(firsts[1:], len(places))[: len(firsts)]
    totals = np.add.reduceat(ends, firsts) if len(firsts) else np.zeros(0)
    kept = totals >= least
    firsts, stops, totals = firsts[kept], stops[kept], totals[kept]
    summits = np.array([row + ends[row:end].argmax() for row, end in zip(firsts, stops, strict=True)], dtype=np.int64)
    return pd.DataFrame(
        {
            "chrom": chromosome,
            "start": places[firsts],
            "end": places[stops - 1] + 1,
            "summit": places[summits] - places[firsts],
            "score": totals.astype(np.int64),
            "signal": totals,
            "pvalue": -1.0,
            "qvalue": -1.0,
        }
    )
