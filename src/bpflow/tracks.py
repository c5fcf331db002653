"""Predicted and corrected bigWigs over peaks, from one model or from the models of several folds.

A predicted track is probabilities x (e^log counts - 1), at least 0. Where output windows overlap, each base comes from
the region with the nearest centre.

Two ways to combine folds: ``crossfit`` gives each chromosome the model whose test set holds it, so that no value was
seen in training; ``mean`` averages probabilities and log counts over all models: smoother, and for viewing only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from bpflow.folds import Fold, check_fold_set
from bpflow.genome import Genome
from bpflow.prediction import Prediction, expected_counts, probabilities
from bpflow.progress import track
from bpflow.region_tracks import RegionTrackWriter
from bpflow.regions import centers, inside
from bpflow.signal import SignalTrack
from bpflow.views import VIEWS

__all__ = ["TRACKS", "Layout", "Left", "combine_mean", "lay_out", "models_by_chromosome", "write_tracks"]

TRACKS = ("observed", *VIEWS)
BLOCK = 256

# Codes (N, input length) uint8 to the three views.
PredictViews = Callable[[np.ndarray], Mapping[str, Prediction]]


@dataclass(frozen=True)
class Left:
    """Regions that got no track, by cause."""

    edge: int
    other_chromosome: int
    untested: int


@dataclass(frozen=True)
class Layout:
    """Regions in genome order.

    Attributes
    ----------
    chrom, center
        (N,) chromosome names and 0-based centres, sorted.
    chrom_index
        (N,) the chromosomes' places in the genome.
    """

    chrom: np.ndarray
    center: np.ndarray
    chrom_index: np.ndarray

    def __len__(self) -> int:
        return len(self.center)


def lay_out(
    regions: pd.DataFrame,
    genome: Genome,
    *,
    input_length: int,
    tested: Sequence[str] | None = None,
) -> tuple[Layout, Left]:
    """Sort regions by genome order.

    Parameters
    ----------
    regions
        Regions as of :func:`bpflow.regions.read_regions`.
    genome
        The genome, whose order of chromosomes is kept.
    input_length
        The models' input window, in bases.
    tested
        Chromosomes to keep; all if None.

    Returns
    -------
    layout
        The regions kept.
    left
        How many were not, by cause.
    """
    known = regions["chrom"].isin(genome.sizes)
    kept = regions[known]
    whole = inside(kept, genome.sizes, input_length)
    kept = kept[whole]
    wanted = kept["chrom"].isin(genome.sizes if tested is None else set(tested))
    left = Left(edge=int((~whole).sum()), other_chromosome=int((~known).sum()), untested=int((~wanted).sum()))
    kept = kept[wanted]
    index = pd.Index(genome.names).get_indexer(pd.Index(kept["chrom"]))
    middle = centers(kept)
    order = np.lexsort((middle, index))
    index, middle = index[order], middle[order]
    return Layout(np.array(genome.names, dtype=object)[index], middle, index), left


def models_by_chromosome(folds: Sequence[Fold]) -> dict[str, int]:
    """Which model (by its place in `folds`) predicts each chromosome: the one that tests it."""
    check_fold_set(folds, where="--folds")
    return {name: index for index, fold in enumerate(folds) for name in fold.test}


def combine_mean(views: Sequence[Mapping[str, Prediction]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean over models of probabilities (N, O), and of log counts (N,), for each view."""
    return {
        name: (
            np.mean([probabilities(view[name].profile_logits) for view in views], axis=0),
            np.mean([view[name].log_counts for view in views], axis=0),
        )
        for name in VIEWS
    }


def write_tracks(
    layout: Layout,
    genome: Genome,
    signal: SignalTrack,
    models: Sequence[PredictViews],
    output_dir: str | os.PathLike[str],
    *,
    input_length: int,
    output_length: int,
    by_chromosome: Mapping[str, int] | None,
    threads: int = 1,
) -> None:
    """Write ``observed.bw``, ``with_bias.bw``, ``corrected.bw`` and ``bias.bw``, in blocks of regions.

    Parameters
    ----------
    layout
        Regions, in genome order.
    genome, signal
        Sequence and observed insertions.
    models
        One function a model, from codes to views.
    output_dir
        Folder of the four files, whose headers hold all chromosomes of the genome.
    input_length, output_length
        The models' windows, in bases.
    by_chromosome
        Which model predicts a chromosome; None for the mean of all.
    threads
        Threads that compress.
    """
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                RegionTrackWriter(
                    Path(output_dir) / f"{name}.bw",
                    genome.sizes,
                    layout.chrom_index,
                    layout.center,
                    output_length,
                    threads=threads,
                )
            )
            for name in TRACKS
        }
        for rows in track(list(_blocks(layout, by_chromosome)), what="tracks", unit="blocks"):
            chosen = models if by_chromosome is None else [models[by_chromosome[layout.chrom[rows.start]]]]
            starts = genome.global_positions(layout.chrom[rows], layout.center[rows])
            codes = genome.windows(starts - input_length // 2, input_length)
            combined = combine_mean([predict(codes) for predict in chosen])
            values = {name: profile * expected_counts(log)[:, None] for name, (profile, log) in combined.items()}
            values["observed"] = signal.windows(starts - output_length // 2, output_length)
            for name, writer in writers.items():
                writer.add(values[name])


def _blocks(layout: Layout, by_chromosome: Mapping[str, int] | None) -> Iterator[slice]:
    """Rows to predict together: of one chromosome, so that one model predicts them."""
    changes = np.flatnonzero(layout.chrom[1:] != layout.chrom[:-1]) + 1
    borders = [0, *changes.tolist(), len(layout)]
    for first, last in pairwise(borders):
        for start in range(first, last, BLOCK):
            yield slice(start, min(start + BLOCK, last))
