"""``bpflow stranded-recovery``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome

SUMMARY = (
    "Of simulated stranded data: how many planted places of the test chromosomes a model predicts to the base and "
    "strand, and how its counts go with the planted strengths."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow stranded-recovery``."""
    parser.add_argument("--model", required=True, metavar="FILE", help="a BPNet or ProCapNet")
    add_genome(parser)
    parser.add_argument("--fold", required=True, metavar="JSON", help="the fold; its test chromosomes are looked at")
    parser.add_argument("--truth", required=True, metavar="JSON", help="truth.json of the simulation")
    parser.add_argument("--qc", required=True, metavar="JSON", help="record to write")
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Compare with the truth."""
    from functools import partial

    from bpflow.checkpoints import load_model
    from bpflow.files import write_json
    from bpflow.folds import read_fold
    from bpflow.genome import Genome
    from bpflow.models import chosen_task
    from bpflow.prediction import predict_codes
    from bpflow.stranded_recovery import read_stranded_truth, recovered

    truth = read_stranded_truth(args.truth)
    model, _ = load_model(args.model)
    computing = resolve_computing(args)
    genome = Genome.open(args.genome)
    options = {"batch_size": args.batch_size, "device": computing.device, "precision": computing.precision}
    record = recovered(
        truth,
        {task: partial(predict_codes, chosen_task(model, task), **options) for task in model.config.outputs.names},
        genome,
        chromosomes=read_fold(args.fold, genome).test,
        input_length=model.config.input_length,
        output_length=model.config.output_length,
    )
    write_json(args.qc, record)
    for item in record["verdicts"]:
        log.info("%s: %s (%s)", item["name"], item["value"], item["verdict"])
