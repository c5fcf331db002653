"""``bpflow tracks``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome
from bpflow.errors import InputError

SUMMARY = (
    "Write observed.bw, with_bias.bw, bias.bw and corrected.bw over peaks. 'crossfit' predicts each chromosome by the "
    "model that never saw it in training, so the tracks can be evaluated; 'mean' averages all models, for viewing only."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow tracks``."""
    parser.add_argument(
        "--models", required=True, nargs="+", metavar="FILE", help="chrombpnet.safetensors or .h5, one a fold"
    )
    parser.add_argument("--folds", required=True, nargs="+", metavar="JSON", help="the folds, in the models' order")
    add_genome(parser)
    parser.add_argument("--regions", required=True, metavar="BED", help="peaks to write tracks over")
    parser.add_argument("--signal", required=True, metavar="BW", help="observed insertions")
    parser.add_argument("--combine", required=True, choices=("crossfit", "mean"), help="how to combine the models")
    parser.add_argument("--output-dir", required=True, metavar="DIR", help="folder of the four bigWigs")
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Write the tracks."""
    if len(args.models) != len(args.folds):
        raise InputError(
            f"{len(args.models)} models and {len(args.folds)} folds",
            where="--models and --folds",
            expected="one fold for each model, in the same order",
        )
    from functools import partial

    from bpflow.folds import read_fold
    from bpflow.genome import Genome
    from bpflow.regions import read_regions
    from bpflow.signal import SignalTrack
    from bpflow.tracks import lay_out, models_by_chromosome, write_tracks
    from bpflow.views import load_chrombpnets, predict_views

    genome = Genome.open(args.genome)
    folds = [read_fold(path, genome) for path in args.folds]
    by_chromosome = models_by_chromosome(folds) if args.combine == "crossfit" else None
    models = load_chrombpnets(args.models)
    input_length, output_length = models[0].config.input_length, models[0].config.output_length
    layout, left = lay_out(
        read_regions(args.regions, genome),
        genome,
        input_length=input_length,
        tested=None if by_chromosome is None else list(by_chromosome),
    )
    for number, reason in (
        (left.other_chromosome, "are on chromosomes that are not in the genome"),
        (left.edge, "are too close to their chromosome's end"),
        (left.untested, "are on chromosomes that no given fold tests"),
    ):
        if number:
            log.warning("left out %d regions that %s", number, reason)
    if not len(layout):
        raise InputError("no region is left", where=args.regions, expected="regions on chromosomes that a fold tests")
    computing = resolve_computing(args)
    options = {"batch_size": args.batch_size, "device": computing.device, "precision": computing.precision}
    write_tracks(
        layout,
        genome,
        SignalTrack.open(args.signal, genome),
        [partial(predict_views, model, **options) for model in models],
        args.output_dir,
        input_length=input_length,
        output_length=output_length,
        by_chromosome=by_chromosome,
        threads=computing.threads,
    )
    how = "each chromosome by the model that tests it" if by_chromosome else "mean of the models, for viewing only"
    log.info("wrote tracks over %d regions (%s)", len(layout), how)
