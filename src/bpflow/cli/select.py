"""``bpflow select bias`` and ``bpflow select chrombpnet``."""

from __future__ import annotations

import argparse

from bpflow.cli.options import (
    HelpFormatter,
    add_genome,
    add_seed,
    even_length,
    fraction,
    non_negative_int,
    positive_float,
)
from bpflow.files import write_json
from bpflow.folds import read_fold
from bpflow.genome import Genome
from bpflow.regions import read_regions, write_regions
from bpflow.selection import Windows, select_for_bias, select_for_chrombpnet
from bpflow.signal import SignalTrack

SUMMARY = "Choose the regions that a model trains on and the weight of its count loss (rules of chrombpnet 1.0.1)."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow select``."""
    models = parser.add_subparsers(dest="model", required=True, metavar="MODEL")
    for name, text in (
        ("bias", "non-peaks with fewer insertions than real peaks"),
        ("chrombpnet", "peaks and non-peaks without outliers"),
    ):
        model = models.add_parser(name, help=text, description=SUMMARY, formatter_class=HelpFormatter)
        add_genome(model)
        model.add_argument("--signal", required=True, metavar="X.bw", help="bigWig of cut sites")
        model.add_argument("--peaks", required=True, metavar="FILE", help="the sample's peaks")
        model.add_argument("--nonpeaks", required=True, metavar="FILE", help="the fold's non-peaks")
        model.add_argument("--fold", required=True, metavar="JSON", help="the fold {train, valid, test}")
        model.add_argument("--output-peaks", required=True, metavar="FILE", help="peaks kept")
        model.add_argument("--output-nonpeaks", required=True, metavar="FILE", help="non-peaks kept")
        model.add_argument("--qc", required=True, metavar="X.json", help="record of thresholds and numbers")
        model.add_argument("--input-length", type=even_length, default=2114, help="input window, in bases")
        model.add_argument("--output-length", type=even_length, default=1000, help="output window, in bases")
        model.add_argument(
            "--outlier-quantile", type=fraction, default=0.9999, help="regions beyond these quantiles of counts go"
        )
        if name == "bias":
            model.add_argument(
                "--threshold-factor",
                type=positive_float,
                required=True,
                help="times the 1 %% quantile of peak counts; 0.5 is advised for ATAC, 0.8 for DNASE",
            )
        else:
            model.add_argument("--jitter", type=non_negative_int, default=500, help="largest jitter of peaks, in bases")
            model.add_argument("--negative-ratio", type=fraction, default=0.1, help="non-peaks a peak in training")
            model.add_argument(
                "--output-scaling-nonpeaks", required=True, metavar="FILE", help="non-peaks that scale the bias model"
            )
            add_seed(model)


def run(args: argparse.Namespace) -> None:
    """Select the regions."""
    genome = Genome.open(args.genome)
    data = (
        read_regions(args.peaks, genome),
        read_regions(args.nonpeaks, genome),
        read_fold(args.fold, genome),
        genome,
        SignalTrack.open(args.signal, genome),
    )
    if args.model == "bias":
        selection = select_for_bias(
            *data,
            windows=Windows(args.input_length, args.output_length, 0),
            threshold_factor=args.threshold_factor,
            outlier_quantile=args.outlier_quantile,
        )
    else:
        selection = select_for_chrombpnet(
            *data,
            windows=Windows(args.input_length, args.output_length, args.jitter),
            negative_ratio=args.negative_ratio,
            outlier_quantile=args.outlier_quantile,
            seed=args.seed,
        )
        write_regions(selection.scaling_nonpeaks, args.output_scaling_nonpeaks)
    write_regions(selection.peaks, args.output_peaks)
    write_regions(selection.nonpeaks, args.output_nonpeaks)
    write_json(args.qc, selection.record)
