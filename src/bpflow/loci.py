"""Tracks over chosen loci, base by base: sequence, observed, predicted, bias, corrected, and contributions.

Each locus is predicted by the models whose folds held its chromosome out; where no fold did, by the mean of all. One
longer than the output window is covered by windows half of it apart, and each base is of the nearest centre.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from bpflow.contributions import HEADS, iterate_contributions
from bpflow.errors import InputError
from bpflow.genome import OTHER_BASE, Genome
from bpflow.locus_selection import Locus
from bpflow.models import ChromBPNet
from bpflow.packed_arrays import pack
from bpflow.prediction import expected_counts
from bpflow.signal import SignalTrack
from bpflow.tracks import TRACKS, combine_mean
from bpflow.tracks_layout import owned_intervals, tile_centers
from bpflow.views import predict_views

__all__ = ["LocusModels", "LocusTracks", "locus_record", "trace_locus"]

BATCH = 16
LETTERS = np.array(list("ACGTN"))


@dataclass(frozen=True)
class LocusModels:
    """Models of the same windows, one a fold, and how they are computed.

    Attributes
    ----------
    models
        ChromBPNets.
    folds
        The number of each model's fold.
    by_chromosome
        Which model (by its place) never saw a chromosome; absent where each did.
    batch_size, device, precision
        Of predictions; contributions are in float32 always.
    references
        Dinucleotide shuffles that contributions are taken against.
    seed
        Of the shuffles, with the place of each window.
    """

    models: Sequence[ChromBPNet]
    folds: Sequence[int]
    by_chromosome: Mapping[str, int]
    batch_size: int
    device: torch.device
    precision: torch.dtype
    references: int = 20
    seed: int = 1234

    @property
    def input_length(self) -> int:
        """Bases that each model reads."""
        return int(self.models[0].config.input_length)

    @property
    def output_length(self) -> int:
        """Bases that each model predicts."""
        return int(self.models[0].config.output_length)

    def of(self, chrom: str) -> tuple[list[int], bool]:
        """Places of the models for a chromosome, and whether it was held out of their training."""
        if chrom in self.by_chromosome:
            return [self.by_chromosome[chrom]], True
        return list(range(len(self.models))), False


class LocusTracks(NamedTuple):
    """What there is at each base of a locus.

    Attributes
    ----------
    sequence
        Its letters.
    insertions
        (L,) by the names of :data:`bpflow.tracks.TRACKS`: observed ones int32, the others expected insertions, NaN
        where no window reaches.
    contributions
        (L,) float32 by head, of the base that is there to the corrected prediction of the window whose centre is
        nearest.
    windows
        How many windows it was covered with.
    """

    sequence: str
    insertions: Mapping[str, np.ndarray]
    contributions: Mapping[str, np.ndarray]
    windows: int


def trace_locus(locus: Locus, genome: Genome, signal: SignalTrack, given: LocusModels) -> LocusTracks:
    """Compute all tracks of one locus.

    Raises
    ------
    InputError
        Its chromosome is shorter than the models' input.
    """
    size = genome.sizes[locus.chrom]
    lengths = {"input_length": given.input_length, "output_length": given.output_length}
    centers = tile_centers(locus.start, locus.end, size, **lengths)
    if not len(centers):
        raise InputError(
            f"{locus.chrom} has {size} bases", where=locus.name, expected=f"at least the input, {given.input_length}"
        )
    models = [given.models[place] for place in given.of(locus.chrom)[0]]
    starts = genome.global_positions([locus.chrom] * len(centers), centers) - given.input_length // 2
    codes = genome.windows(starts, given.input_length)
    computing: dict[str, Any] = {"batch_size": given.batch_size, "device": given.device, "precision": given.precision}
    combined = combine_mean([predict_views(model, codes, **computing) for model in models])
    first = genome.offsets[locus.chrom] + locus.start
    width = locus.end - locus.start
    insertions = {
        name: _nearest(profile * expected_counts(log_counts)[:, None], centers, locus, size)
        for name, (profile, log_counts) in combined.items()
    }
    insertions["observed"] = signal.windows(np.array([first]), width)[0]
    seeds = np.array([_window_seed(given.seed, locus.chrom, center) for center in centers])
    explained = [_explain(model, codes, seeds, given) for model in models]
    contributions: dict[str, np.ndarray] = {
        head: _nearest(np.mean([one[head] for one in explained], axis=0), centers, locus, size) for head in HEADS
    }
    sequence = "".join(LETTERS[genome.array[first : first + width]])
    return LocusTracks(sequence, {name: insertions[name] for name in TRACKS}, contributions, len(centers))


def locus_record(locus: Locus, traced: LocusTracks, given: LocusModels) -> dict[str, Any]:
    """A locus as the report reads it: where and by which folds, totals, and the tracks packed."""
    places, held_out = given.of(locus.chrom)
    return {
        **locus._asdict(),
        "folds": [given.folds[place] for place in places],
        "held_out": held_out,
        "windows": traced.windows,
        "unpredicted": int(np.isnan(traced.insertions["with_bias"]).sum()),
        "totals": {name: float(np.nansum(values)) for name, values in traced.insertions.items()},
        "sequence": traced.sequence,
        "insertions": {name: pack(values) for name, values in traced.insertions.items()},
        "contributions": {head: pack(values) for head, values in traced.contributions.items()},
    }


def _explain(model: ChromBPNet, codes: np.ndarray, seeds: np.ndarray, given: LocusModels) -> dict[str, np.ndarray]:
    """Contributions (N, L) of the bases that are there to each head of the part without bias."""
    blocks = list(
        iterate_contributions(
            model.accessibility,
            _batches(codes, seeds),
            HEADS,
            references=given.references,
            device=given.device,
        )
    )
    present = np.minimum(codes, OTHER_BASE - 1)[:, None]
    hypothetical = {head: np.concatenate([block.hypothetical[head] for block in blocks]) for head in HEADS}
    return {
        head: np.where(codes < OTHER_BASE, np.take_along_axis(scores, present, axis=1)[:, 0], 0)
        for head, scores in hypothetical.items()
    }


def _batches(codes: np.ndarray, seeds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for first in range(0, len(codes), BATCH):
        yield codes[first : first + BATCH], seeds[first : first + BATCH]


def _window_seed(seed: int, chrom: str, center: int) -> int:
    """One seed for each place, whatever other loci are shown."""
    return int(np.random.default_rng([seed, zlib.crc32(chrom.encode()), int(center)]).integers(2**31))


def _nearest(values: np.ndarray, centers: np.ndarray, locus: Locus, size: int) -> np.ndarray:
    """Lay windows (N, width) around `centers` over the locus, float32; NaN where none reaches."""
    width = values.shape[1]
    result = np.full(locus.end - locus.start, np.nan, dtype=np.float32)
    starts, ends = owned_intervals(np.zeros(len(centers), dtype=int), centers, width, np.array([size]))
    starts, ends = (np.clip(borders, locus.start, locus.end) for borders in (starts, ends))
    for row, first, left, right in zip(values, centers - width // 2, starts, ends, strict=True):
        result[left - locus.start : right - locus.start] = row[left - first : right - first]
    return result
