"""bigWigs of predicted insertions from regions that come in any order, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import pandas as pd

from bpflow.genome import Genome
from bpflow.prediction import Prediction, expected_counts, probabilities
from bpflow.region_tracks import RegionTrackWriter

__all__ = ["write_predicted_tracks"]


@contextmanager
def write_predicted_tracks(
    paths: Sequence[str | os.PathLike[str]],
    genome: Genome,
    chromosomes: np.ndarray,
    centers: np.ndarray,
    output_length: int,
    *,
    official_scale: bool = False,
    threads: int = 1,
) -> Iterator[Callable[[Prediction], None]]:
    """Open a bigWig for each strand for writing; they appear under their names only if the block succeeds.

    Parameters
    ----------
    paths
        The files to write, one or plus and minus; each base comes from the region with the nearest centre.
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
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                RegionTrackWriter(path, genome.sizes, chrom_index, centers, output_length, threads=threads)
            )
            for path in paths
        ]

        def add(prediction: Prediction) -> None:
            totals = expected_counts(prediction.log_counts, official_scale)
            expected = probabilities(prediction.profile_logits) * totals[:, None]
            for writer, strand in zip(writers, np.split(expected, len(writers), axis=1), strict=True):
                writer.add(strand)

        yield add
