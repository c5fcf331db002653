"""``bpflow check-signal``."""

from __future__ import annotations

import argparse

from bpflow.cli.options import add_genome
from bpflow.genome import Genome
from bpflow.given_signal import check_bigwig
from bpflow.shift import ASSAYS

SUMMARY = (
    "Check a bigWig that was made elsewhere: whole non-negative counts of single-base cut sites, the genome's "
    "chromosomes, and a cut-site PWM that fits the assay."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow check-signal``."""
    parser.add_argument("--signal", required=True, metavar="X.bw", help="the bigWig")
    parser.add_argument("--assay", required=True, choices=ASSAYS, help="the enzyme's assay")
    add_genome(parser)
    parser.add_argument("--qc", required=True, metavar="X.json", help="record of what was found")


def run(args: argparse.Namespace) -> None:
    """Check the bigWig."""
    check_bigwig(args.signal, args.assay, Genome.open(args.genome), qc=args.qc)
