"""A bigWig of predicted insertions from regions that come in any order, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from bpflow.genome import Genome
from bpflow.prediction import Prediction, expected_counts, probabilities
from bpflow.region_tracks import RegionTrackWriter

__all__ = ["write_predicted_track"]


@contextmanager
def write_predicted_track(
    path: str | os.PathLike[str],
    genome: Genome,
    chromosomes: np.ndarray,
    centers: np.ndarray,
    output_length: int,
    *,
    official_scale: bool = False,
    threads: int = 1,
) -> Iterator[Callable[[Prediction], None]]:
    """Open a bigWig of predictions for writing; it appears under `path` only if the block succeeds.

    Parameters
    ----------
    path
        The file to write; each base comes from the region with the nearest centre.
    genome
        The genome that it is of.
    chromosomes, centers
        (N,) names and 0-based centres of the regions.
    output_length
        Width of the predicted windows.
    official_scale
        Multiply probabilities by exp(log counts) instead of exp(log counts) - 1.
    threads
        Threads that compress.

    Yields
    ------
    callable
        Takes the predictions of the next regions.
    """
    chrom_index = pd.Index(genome.names).get_indexer(pd.Index(chromosomes))
    with RegionTrackWriter(path, genome.sizes, chrom_index, centers, output_length, threads=threads) as writer:

        def add(prediction: Prediction) -> None:
            totals = expected_counts(prediction.log_counts, official_scale)
            writer.add(probabilities(prediction.profile_logits) * totals[:, None])

        yield add
