"""``bpflow recovery``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome, add_seed, positive_int

SUMMARY = (
    "For simulated data, compare a ChromBPNet with the planted truth: the motifs, the accessibility without bias, and "
    "the enzyme's cutting rate."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow recovery``."""
    parser.add_argument("--model", required=True, metavar="FILE", help="chrombpnet.safetensors or official .h5")
    add_genome(parser)
    parser.add_argument("--peaks", required=True, metavar="BED", help="peaks; those of the test split are used")
    parser.add_argument("--nonpeaks", required=True, metavar="BED", help="non-peaks; those of the test split are used")
    parser.add_argument("--fold", required=True, metavar="JSON", help="the fold {train, valid, test}")
    parser.add_argument("--truth", required=True, metavar="JSON", help="truth.json of the simulation")
    parser.add_argument("--signal", metavar="BW", help="observed insertions, to compare with the truth as well")
    parser.add_argument("--backgrounds", type=positive_int, default=128, help="non-peaks that motifs are written into")
    parser.add_argument("--qc", required=True, metavar="JSON", help="record to write")
    add_seed(parser)
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Compare with the truth."""
    import numpy as np

    from bpflow import recovery
    from bpflow.backgrounds import sample_codes, window_starts
    from bpflow.files import write_json
    from bpflow.folds import read_fold
    from bpflow.genome import Genome
    from bpflow.signal import SignalTrack
    from bpflow.views import load_chrombpnet, predictor

    truth = recovery.read_truth(args.truth)
    model = load_chrombpnet(args.model)
    computing = resolve_computing(args)
    genome = Genome.open(args.genome)
    test, length = read_fold(args.fold, genome).test, model.config.input_length
    peaks = window_starts(args.peaks, test, genome, length)
    nonpeaks = window_starts(args.nonpeaks, test, genome, length)
    rng = np.random.default_rng(args.seed)
    predict = predictor(model, batch_size=args.batch_size, device=computing.device, precision=computing.precision)
    backgrounds = sample_codes(nonpeaks, genome, length, n=args.backgrounds, rng=rng)
    record = recovery.report(
        recovery.motif_effects(truth, backgrounds, predict, rng=rng),
        recovery.profile_agreement(
            peaks,
            genome,
            recovery.read_planted_track(truth.accessibility, genome),
            predict,
            input_length=length,
            signal=SignalTrack.open(args.signal, genome) if args.signal else None,
        ),
        recovery.bias_agreement(
            nonpeaks, genome, recovery.read_planted_track(truth.bias, genome), predict, input_length=length
        ),
    )
    write_json(args.qc, record)
    for item in record["verdicts"]:
        log.info("%s: %s (%s)", item["name"], item["value"], item["verdict"])
