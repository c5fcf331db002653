"""``bpflow task-footprints``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.model_inputs import add_task
from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome, add_seed, positive_int
from bpflow.errors import InputError

SUMMARY = (
    "Marginal footprints of one task of a BPNet or ProCapNet: write motifs into shuffled peaks, and average what is "
    "predicted for each strand."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow task-footprints``."""
    parser.add_argument("--model", required=True, metavar="FILE", help="a BPNet or ProCapNet")
    add_task(parser)
    add_genome(parser)
    parser.add_argument("--regions", required=True, metavar="BED", help="peaks; those of the test split are shuffled")
    parser.add_argument("--fold", required=True, metavar="JSON", help="the fold {train, valid, test}")
    parser.add_argument(
        "--motifs",
        nargs="+",
        default=[],
        metavar="FILE",
        help="what to try: lines of name, tab, sequence, or a MEME or JASPAR file",
    )
    parser.add_argument(
        "--tf-motifs", choices=("vertebrate", "yeast", "none"), default="none", help="built-in sites of common factors"
    )
    parser.add_argument("--backgrounds", type=positive_int, default=256, help="background sequences, drawn at random")
    parser.add_argument("--output", required=True, metavar="H5", help="all footprints to write")
    parser.add_argument("--qc", required=True, metavar="JSON", help="record to write")
    add_seed(parser)
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Measure the footprints."""
    import numpy as np

    from bpflow.backgrounds import sample_codes, window_starts
    from bpflow.checkpoints import load_model
    from bpflow.files import write_json
    from bpflow.folds import read_fold
    from bpflow.footprint_file import write_profiles
    from bpflow.footprints import measure
    from bpflow.genome import Genome
    from bpflow.inserts import added_motifs
    from bpflow.models import chosen_task
    from bpflow.shuffles import dinucleotide_shuffles, shuffle_seeds
    from bpflow.task_footprints import VIEW, task_predictor, task_record

    inserts = added_motifs([], args.motifs, args.tf_motifs)
    if not inserts:
        raise InputError("no motif", expected="--motifs or --tf-motifs")
    model = chosen_task(load_model(args.model).model, args.task)
    outputs, length = model.config.outputs, model.config.input_length
    too_long = next((insert for insert in inserts if len(insert.sequence) > length), None)
    if too_long:
        raise InputError(
            f"the motif {too_long.name!r} has {len(too_long.sequence)} bases",
            where=" ".join(args.motifs),
            expected=f"at most the model's input length, {length}",
        )
    computing = resolve_computing(args)
    genome = Genome.open(args.genome)
    starts = window_starts(args.regions, read_fold(args.fold, genome).test, genome, length)
    peaks = sample_codes(starts, genome, length, n=args.backgrounds, rng=np.random.default_rng(args.seed))
    codes = dinucleotide_shuffles(peaks, 1, shuffle_seeds(args.seed, len(peaks)))[:, 0]
    predict = task_predictor(model, batch_size=args.batch_size, device=computing.device, precision=computing.precision)
    footprints = measure(codes, inserts, predict, [VIEW])
    write_profiles(footprints, args.output, backgrounds=len(codes))
    record = task_record(footprints, task=outputs.names[0], strands=outputs.strands, backgrounds=len(codes))
    write_json(args.qc, record)
    for motif in record["motifs"]:
        log.info("%s: %+.2f log2 fold counts", motif["name"], motif["log2_fold_counts"])
