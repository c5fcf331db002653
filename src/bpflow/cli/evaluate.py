"""``bpflow evaluate``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.options import add_genome, add_seed
from bpflow.evaluation import MODEL_KINDS, evaluate
from bpflow.files import write_json
from bpflow.genome import Genome
from bpflow.signal_groups import open_strands
from bpflow.tables import write_table

SUMMARY = (
    "Compare predictions with the observed signal: Pearson and Spearman correlation of log counts, Jensen-Shannon "
    "distances of profiles, each between its floor and its ceiling; three example peaks chosen by rank, and verdicts "
    "with their thresholds."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow evaluate``."""
    parser.add_argument("--predictions", required=True, metavar="FILE", help="HDF5 written by 'bpflow predict'")
    parser.add_argument(
        "--signal", required=True, nargs="+", metavar="FILE", help="bigWig of what was observed, or plus and minus"
    )
    add_genome(parser)
    parser.add_argument(
        "--model-kind", required=True, choices=MODEL_KINDS, help="which model predicted: decides the verdicts"
    )
    add_seed(parser)
    parser.add_argument("--output", required=True, metavar="FILE", help="metrics to write (JSON)")
    parser.add_argument("--table", required=True, metavar="FILE", help="one line a region to write (.tsv.gz)")


def run(args: argparse.Namespace) -> None:
    """Score the predictions."""
    genome = Genome.open(args.genome)
    signal = open_strands(args.signal, genome)
    metrics, table = evaluate(args.predictions, signal, genome, model_kind=args.model_kind, seed=args.seed)
    write_table(table, args.table)
    write_json(args.output, metrics)
    for item in metrics["verdicts"]:
        log.info("%s: %s (%s)", item["name"], item["value"], item["verdict"])
    for message in metrics["messages"]:
        log.warning("%s", message)
