"""Options that say what models are asked about: regions of a genome, or given sequences."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from bpflow.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from bpflow.genome import Genome

__all__ = [
    "RegionInputs",
    "add_inputs",
    "add_models",
    "add_split",
    "add_task",
    "check_inputs",
    "read_region_inputs",
    "split_chromosomes",
]


class RegionInputs(NamedTuple):
    """Regions whose input windows lie within their chromosomes.

    Attributes
    ----------
    genome
        What they are regions of.
    frame
        N rows, the narrowPeak columns, in the order of their files.
    is_peak
        (N,) 1 for peaks, 0 for non-peaks.
    centers
        (N,) 0-based, on their chromosomes.
    places
        (N,) centres in the genome's array.
    """

    genome: Genome
    frame: pd.DataFrame
    is_peak: np.ndarray
    centers: np.ndarray
    places: np.ndarray

    def rows(self, chosen: slice) -> RegionInputs:
        """Some of the regions."""
        arrays = (self.is_peak[chosen], self.centers[chosen], self.places[chosen])
        return RegionInputs(self.genome, self.frame[chosen].reset_index(drop=True), *arrays)

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """Datasets of the group ``coords`` of files about them."""
        return {
            "coords_chrom": self.frame["chrom"].to_numpy(dtype=object),
            "coords_center": self.centers,
            "coords_peak": self.is_peak,
        }


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, one file or several."""
    parser.add_argument(
        "--model",
        "--models",
        required=True,
        nargs="+",
        metavar="FILE",
        help="model of 'bpflow train' (.safetensors), official .h5 or MultiMolecule folder; of several, one a fold, "
        "the mean of probabilities and of log counts is taken",
    )


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add ``--task``."""
    parser.add_argument("--task", metavar="NAME", help="which task of a model of several")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add ``--genome`` and either ``--regions`` or ``--sequences``."""
    parser.add_argument("--genome", metavar="FILE", help="genome.json or a FASTA; needed with --regions")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--regions", metavar="BED", help="regions (narrowPeak, or BED: their middle); marked as peaks")
    what.add_argument("--sequences", metavar="FASTA", help="sequences of exactly the models' input length")


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add ``--fold`` and ``--split``."""
    parser.add_argument("--fold", metavar="JSON", help="with --regions: keep only one split of this fold")
    parser.add_argument("--split", choices=("train", "valid", "test"), default="test", help="the split of --fold")


def split_chromosomes(args: argparse.Namespace, genome: Genome) -> tuple[str, ...]:
    """Chromosomes of the split that is asked for; none without a fold, which stands for all."""
    from bpflow.folds import read_fold

    return tuple(read_fold(args.fold, genome).split(args.split)) if args.fold else ()


def check_inputs(args: argparse.Namespace, *, only_with_regions: Sequence[str] = ()) -> None:
    """Stop at regions without their genome, and at options that mean nothing for sequences."""
    for option in only_with_regions:
        if args.sequences and getattr(args, option):
            raise InputError(f"--{option} with --sequences", expected="it only with --regions")
    if args.regions and not args.genome:
        raise InputError("--regions without --genome", expected="the genome that the regions are of")


def read_region_inputs(
    peaks: str, genome: Genome, input_length: int, *, nonpeaks: str | None = None, chromosomes: Sequence[str] = ()
) -> RegionInputs:
    """Read regions, and leave out those whose window reaches past their chromosome's end, with a warning.

    Parameters
    ----------
    peaks, nonpeaks
        The files.
    genome
        What they are regions of.
    input_length
        The models' input window, in bases.
    chromosomes
        Those to keep; all if empty.
    """
    import numpy as np
    import pandas as pd

    from bpflow.model_regions import within_chromosomes
    from bpflow.regions import centers, on, read_regions

    kept = tuple(chromosomes) or tuple(genome.names)
    frames = []
    for path, is_peak in ((peaks, 1), (nonpeaks, 0)):
        if path:
            frame = on(read_regions(path, genome), kept)
            frames.append(within_chromosomes(frame, genome, input_length, where=path).assign(peak=is_peak))
    regions = pd.concat(frames, ignore_index=True)
    if regions.empty:
        raise InputError(
            "no region is left",
            where=peaks,
            expected=f"some on {', '.join(kept[:5])}, {input_length // 2} bases from their ends",
        )
    middles = centers(regions)
    places = genome.global_positions(regions["chrom"].to_numpy(dtype=object), middles)
    return RegionInputs(genome, regions, regions["peak"].to_numpy(dtype=np.int64), middles, places)
