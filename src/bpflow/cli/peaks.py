"""``bpflow peaks``."""

from __future__ import annotations

import argparse

from bpflow.cli.options import add_genome, add_seed, even_length, fraction, positive_int
from bpflow.genome import Genome
from bpflow.peaks import REPRODUCIBLE, PeakRules, make_peaks

SUMMARY = (
    "Call peaks from cut sites with MACS3 (each cut a tag of 150 bp centred on it), or check given ones. Peaks near "
    "the blacklist or a chromosome's end are removed and counted; the best by p-value are kept."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow peaks``."""
    parser.add_argument("--signal", required=True, metavar="X.bw", help="bigWig of cut sites")
    add_genome(parser)
    parser.add_argument("--output", required=True, metavar="X.narrowPeak", help="peaks to write")
    parser.add_argument("--qc", required=True, metavar="X.json", help="record of what was called and removed")
    parser.add_argument("--peaks", metavar="FILE", help="given peaks (narrowPeak or BED), used instead of calling")
    parser.add_argument("--blacklist", metavar="BED", help="regions to avoid, widened by half the input window")
    parser.add_argument("--input-length", type=even_length, default=2114, help="models' input window, in bases")
    parser.add_argument("--max", type=positive_int, default=250_000, help="peaks kept, the best by p-value")
    parser.add_argument("--p-value", type=fraction, default=0.01, help="MACS3's cut-off")
    parser.add_argument(
        "--reproducible",
        choices=REPRODUCIBLE,
        default="pseudoreplicates",
        help="where a called peak must be found again: in both random halves of the insertions, in each replicate",
    )
    parser.add_argument("--replicates", nargs="+", default=[], metavar="X.bw", help="bigWigs of the replicates")
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Make the peaks."""
    make_peaks(
        args.signal,
        Genome.open(args.genome),
        output=args.output,
        qc=args.qc,
        rules=PeakRules(args.input_length, args.max, args.p_value, args.reproducible),
        given=args.peaks,
        blacklist=args.blacklist,
        replicates=args.replicates,
        seed=args.seed,
    )
