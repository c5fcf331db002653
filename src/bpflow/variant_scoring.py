"""Scoring a part of a file of variants, with its share of null variants and peaks, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.model_regions import within_chromosomes
from bpflow.parts import Part
from bpflow.progress import Meter
from bpflow.regions import centers, on, read_regions
from bpflow.variant_checks import Checker, scorable
from bpflow.variant_files import Allele, VariantFile
from bpflow.variant_nulls import null_ranks, null_windows
from bpflow.variant_parts import Identity, PartWriter
from bpflow.variants import BLOCK, VariantScorer, in_blocks

__all__ = ["draw_peaks", "score_part"]


def draw_peaks(
    path: str | os.PathLike[str], genome: Genome, input_length: int, *, at_most: int, seed: int
) -> np.ndarray:
    """Where the windows of the peaks to compare with start in ``Genome.array``, (N,) int64, ascending.

    Parameters
    ----------
    path
        Regions as of :func:`bpflow.regions.read_regions`; those too close to a chromosome's end are left out.
    genome
        The genome that they are of.
    input_length
        Bases that the models read.
    at_most
        How many are drawn where there are more.
    seed
        Of the draw.
    """
    frame = on(read_regions(path, genome), genome.names)
    frame = within_chromosomes(frame, genome, input_length, where=str(path))
    if frame.empty:
        raise InputError(
            "no peak is left",
            where=str(path),
            expected=f"peaks on {', '.join(genome.names[:5])}, {input_length // 2} bases from their ends",
        )
    starts = genome.global_positions(frame["chrom"].to_numpy(dtype=object), centers(frame) - input_length // 2)
    chosen = np.random.default_rng(seed).choice(len(starts), size=min(at_most, len(starts)), replace=False)
    return np.sort(starts[chosen])


def score_part(
    source: VariantFile,
    genome: Genome,
    scorer: VariantScorer,
    writer: PartWriter,
    part: Part,
    *,
    identity: Identity,
    peak_starts: np.ndarray | None,
) -> None:
    """Predict one part's variants, null variants and peaks, and append the scores to its file.

    Parameters
    ----------
    source, genome
        The variants and their genome.
    scorer
        The models.
    writer
        Takes the scores.
    part
        Which part.
    identity
        What all parts have in common.
    peak_starts
        Where the windows of all peaks start in ``Genome.array``; None without peaks.
    """
    if peak_starts is None:
        peak_starts = np.zeros(0, np.int64)
    totals = identity.n_variants, identity.n_null, len(peak_starts)
    own, nulls, peaks = (range(*part.rows(n, block=BLOCK).indices(n)) for n in totals)
    ranks = null_ranks(np.array(nulls), identity.n_null, identity.n_variants) if nulls else np.zeros(0, np.int64)
    checker = Checker(genome, scorer.input_length, scorer.output_length)
    # What null variants are made of, by rank: found on the way through the file.
    origins: dict[int, Allele] = {}
    wanted = frozenset(ranks.tolist())
    with Meter(len(own) + len(nulls) + len(peaks), "scoring", "sequences") as meter:
        for block in in_blocks(_own_alleles(scorable(source.alleles(), checker), own, wanted, origins)):
            writer.append_scores("variants", scorer.score_alleles(block, genome))
            meter.advance(len(block))
        for first in range(0, len(nulls), BLOCK):
            alleles = [origins[rank] for rank in ranks[first : first + BLOCK].tolist()]
            numbers = nulls[first : first + BLOCK]
            windows = null_windows(alleles, numbers, genome, scorer.input_length, seed=identity.seed)
            writer.append_scores("null", scorer.score(windows))
            meter.advance(len(alleles))
        for first in range(peaks.start, peaks.stop, BLOCK):
            starts = peak_starts[first : min(first + BLOCK, peaks.stop)]
            predicted = scorer.predict(genome.windows(starts, scorer.input_length))
            writer.append_peaks(predicted.log_counts.T.cpu().numpy())
            meter.advance(len(starts))


def _own_alleles(
    alleles: Iterable[Allele], own: range, wanted: frozenset[int], origins: dict[int, Allele]
) -> Iterator[Allele]:
    """Yield the alleles of the ranks in `own`, and put those of the ranks `wanted` into `origins`."""
    last = max(own.stop, max(wanted, default=-1) + 1)
    for rank, allele in enumerate(islice(alleles, last)):
        if rank in wanted:
            origins[rank] = allele
        if rank in own:
            yield allele
