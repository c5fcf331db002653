"""``bpflow clusters``."""

from __future__ import annotations

import argparse
import logging
from itertools import chain

from bpflow.cli.options import add_genome, non_negative_int, positive_float
from bpflow.errors import InputError
from bpflow.files import stamp, write_json
from bpflow.folds import read_fold
from bpflow.genome import Genome
from bpflow.regions import write_regions
from bpflow.signal import SignalTrack
from bpflow.tag_clusters import ends_on, find_clusters

SUMMARY = (
    "Regions of stranded 5' ends by the signal itself: ends with neighbours a few bases apart, and enough of them. "
    "How many are enough is counted on a fold's training chromosomes."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow clusters``."""
    parser.add_argument("--plus", required=True, nargs="+", metavar="BW", help="5' ends of the plus strand")
    parser.add_argument("--minus", nargs="+", default=[], metavar="BW", help="and of the minus strand")
    add_genome(parser)
    parser.add_argument("--fold", metavar="JSON", help="a fold, whose training chromosomes count; else all do")
    parser.add_argument(
        "--distance", type=non_negative_int, default=20, metavar="BP", help="most bases between neighbours"
    )
    parser.add_argument(
        "--min-per-million",
        type=positive_float,
        default=10.0,
        help="ends that a cluster needs, of a million on the training chromosomes",
    )
    parser.add_argument("--output", required=True, metavar="X.narrowPeak", help="regions to write")
    parser.add_argument("--qc", required=True, metavar="X.json", help="record of the rule")


def run(args: argparse.Namespace) -> None:
    """Find the clusters."""
    genome = Genome.open(args.genome)
    chromosomes = read_fold(args.fold, genome).train if args.fold else tuple(genome.names)
    strands = [
        [SignalTrack.open(path, genome, absolute=True) for path in paths] for paths in (args.plus, args.minus) if paths
    ]
    # What is found elsewhere has no say in the rule.
    ends = ends_on(chain(*strands), genome, chromosomes)
    least = max(args.min_per_million * ends / 1e6, 1.0)
    regions = find_clusters(strands, genome, least=least, distance=args.distance)
    if regions.empty:
        raise InputError(
            f"no cluster of {least:.3g} ends or more",
            where=" ".join([*args.plus, *args.minus]),
            expected="at least one",
            mend="Lower --min-per-million, or check that signals and genome belong together",
        )
    write_regions(regions, args.output)
    record = {"least": least, "distance": args.distance, "min_per_million": args.min_per_million}
    counted = {"clusters": len(regions), "ends": int(regions["score"].sum()), "ends_of_rule": ends}
    write_json(args.qc, stamp("clusters", **record, **counted, chromosomes=list(chromosomes)))
    log.info("%s: %d clusters of %.3g ends or more", args.output, len(regions), least)
