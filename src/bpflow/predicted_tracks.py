"""A bigWig of predicted insertions from regions that come in any order, in constant memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import numpy as np

from bpflow.bigwig_writer import write_bigwig
from bpflow.genome import Genome
from bpflow.prediction import Prediction, expected_counts, probabilities
from bpflow.tracks_layout import owned_intervals

__all__ = ["TrackCollector"]


class TrackCollector:
    """Keeps predicted tracks on disk until all regions are there, then writes them in genome order.

    Parameters
    ----------
    genome
        The genome that the bigWig is of.
    chromosomes, centers
        (N,) names and 0-based centres of the regions.
    output_length
        Width of the predicted windows.
    official_scale
        Multiply probabilities by exp(log counts) instead of exp(log counts) - 1.
    """

    def __init__(
        self,
        genome: Genome,
        chromosomes: np.ndarray,
        centers: np.ndarray,
        output_length: int,
        *,
        official_scale: bool = False,
    ) -> None:
        index = {name: place for place, name in enumerate(genome.names)}
        self._genome, self._official_scale = genome, official_scale
        self._chrom_index = np.array([index[name] for name in chromosomes], dtype=np.int64)
        self._centers = np.asarray(centers, dtype=np.int64)
        with tempfile.TemporaryFile(prefix="bpflow_tracks_") as handle:
            handle.truncate(max(len(centers) * output_length, 1) * 4)
            self._values = np.memmap(handle, np.float32, "r+", shape=(len(centers), output_length))

    def add(self, rows: slice, prediction: Prediction) -> None:
        """Keep the tracks of the regions `rows`: probabilities times expected insertions."""
        totals = expected_counts(prediction.log_counts, self._official_scale)
        self._values[rows] = probabilities(prediction.profile_logits) * totals[:, None]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the bigWig; each base comes from the region with the nearest centre."""
        write_bigwig(path, self._genome.sizes, self._blocks())

    def _blocks(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        order = np.lexsort((self._centers, self._chrom_index))
        length = self._values.shape[1]
        sizes = np.array([self._genome.sizes[name] for name in self._genome.names], dtype=np.int64)
        starts, ends = owned_intervals(self._chrom_index[order], self._centers[order], length, sizes)
        for row, start, end in zip(order, starts, ends, strict=True):
            if end > start:
                window = self._centers[row] - length // 2
                values = self._values[row, start - window : end - window]
                yield self._genome.names[self._chrom_index[row]], np.arange(start, end), values
