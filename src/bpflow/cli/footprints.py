"""``bpflow footprints``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome, add_seed, positive_int
from bpflow.errors import InputError

SUMMARY = (
    "Marginal footprints: write bias probes and motifs into background sequences, and average the predicted profiles "
    "of both strands, corrected and with bias. Says whether the enzyme's preference is gone."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow footprints``."""
    parser.add_argument("--model", required=True, metavar="FILE", help="chrombpnet.safetensors or official .h5")
    add_genome(parser)
    parser.add_argument("--regions", required=True, metavar="BED", help="non-peaks; those of the test split are used")
    parser.add_argument("--fold", required=True, metavar="JSON", help="the fold {train, valid, test}")
    parser.add_argument("--assay", required=True, choices=("ATAC", "DNASE"), help="decides the built-in bias probes")
    parser.add_argument(
        "--motifs",
        nargs="+",
        default=[],
        metavar="FILE",
        help="more to try: lines of name, tab, sequence, or a MEME or JASPAR file, whose motifs' most frequent bases "
        "are written in",
    )
    parser.add_argument(
        "--tf-motifs",
        choices=("vertebrate", "yeast", "none"),
        default="none",
        help="built-in sites of common transcription factors; one whose name --motifs takes is left out",
    )
    parser.add_argument("--backgrounds", type=positive_int, default=256, help="background sequences, drawn at random")
    parser.add_argument("--output", required=True, metavar="H5", help="all footprints to write")
    parser.add_argument("--qc", required=True, metavar="JSON", help="record with the responses and the verdict")
    parser.add_argument("--figures", metavar="DIR", help="also draw each motif, one SVG each, into this folder")
    add_seed(parser)
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Measure the footprints."""
    import numpy as np

    from bpflow.backgrounds import sample_codes, window_starts
    from bpflow.files import write_json
    from bpflow.folds import read_fold
    from bpflow.footprint_file import write_profiles
    from bpflow.footprint_record import report
    from bpflow.footprints import measure
    from bpflow.genome import Genome
    from bpflow.inserts import added_motifs, bias_probes
    from bpflow.views import load_chrombpnet, predictor

    # The assay's probes come first.
    inserts = added_motifs(bias_probes(args.assay), args.motifs, args.tf_motifs)
    model = load_chrombpnet(args.model)
    length = model.config.input_length
    for insert in inserts:
        if len(insert.sequence) > length:
            raise InputError(
                f"the motif {insert.name!r} has {len(insert.sequence)} bases",
                where=" ".join(args.motifs) if insert.kind == "motif" and args.motifs else args.model,
                expected=f"at most the model's input length, {length}",
            )
    computing = resolve_computing(args)
    genome = Genome.open(args.genome)
    starts = window_starts(args.regions, read_fold(args.fold, genome).test, genome, length)
    codes = sample_codes(starts, genome, length, n=args.backgrounds, rng=np.random.default_rng(args.seed))
    predict = predictor(model, batch_size=args.batch_size, device=computing.device, precision=computing.precision)
    footprints = measure(codes, inserts, predict)
    write_profiles(footprints, args.output, backgrounds=len(codes))
    if args.figures:
        from bpflow.report.footprint_figures import draw_footprints

        draw_footprints(footprints, args.figures)
    record = report(footprints, backgrounds=len(codes))
    if len(codes) < args.backgrounds:
        record["messages"].append(
            f"There are {len(codes)} test regions to serve as backgrounds, fewer than the {args.backgrounds} asked for."
        )
    write_json(args.qc, record)
    for item in record["verdicts"]:
        log.info("%s: %s (%s)", item["name"], item["value"], item["verdict"])
