"""``bpflow nonpeaks``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bpflow.cli.options import add_genome, add_seed, even_length, positive_int
from bpflow.folds import read_fold
from bpflow.genome import Genome
from bpflow.nonpeaks import make_nonpeaks

SUMMARY = "Choose background windows matched to the peaks by GC content, within each split of a fold."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow nonpeaks``."""
    add_genome(parser)
    parser.add_argument("--peaks", required=True, metavar="FILE", help="the sample's peaks")
    parser.add_argument("--fold", required=True, metavar="JSON", help="the fold {train, valid, test}")
    parser.add_argument("--output", required=True, metavar="X.narrowPeak", help="non-peaks to write")
    parser.add_argument("--qc", required=True, metavar="X.json", help="record with the GC histograms")
    parser.add_argument("--blacklist", metavar="BED", help="regions to avoid, widened by half the input window")
    parser.add_argument("--input-length", type=even_length, default=2114, help="models' input window, in bases")
    parser.add_argument("--stride", type=positive_int, default=1000, help="bases between candidate windows")
    parser.add_argument(
        "--ratio", type=positive_int, default=2, help="non-peaks a peak in training and validation (test: 1)"
    )
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Make the non-peaks."""
    genome = Genome.open(args.genome)
    make_nonpeaks(
        args.peaks,
        read_fold(args.fold, genome),
        genome,
        output=args.output,
        qc=args.qc,
        fold_name=Path(args.fold).name,
        blacklist=args.blacklist,
        input_length=args.input_length,
        stride=args.stride,
        ratio=args.ratio,
        seed=args.seed,
    )
