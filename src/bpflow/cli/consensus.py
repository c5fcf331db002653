"""``bpflow consensus``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.options import add_genome, positive_int
from bpflow.consensus import WIDTH, consensus_peaks
from bpflow.errors import InputError
from bpflow.files import write_json
from bpflow.genome import Genome
from bpflow.regions import read_regions, write_regions

SUMMARY = (
    "One set of peaks for several samples: the best by their share of each sample's scores, of one width, none of "
    "which overlap."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow consensus``."""
    parser.add_argument(
        "--sample",
        action="append",
        nargs=2,
        required=True,
        metavar=("NAME", "PEAKS"),
        help="a sample and its peaks (narrowPeak or BED); once for each sample",
    )
    add_genome(parser)
    parser.add_argument(
        "--min-samples", type=positive_int, default=1, help="in how many samples a peak must be found (default: 1)"
    )
    parser.add_argument(
        "--width", type=positive_int, default=WIDTH, help="width of the peaks in bases (default: %(default)s)"
    )
    parser.add_argument("--output", required=True, metavar="X.narrowPeak", help="peaks to write")
    parser.add_argument("--qc", required=True, metavar="X.json", help="record of what was joined")


def run(args: argparse.Namespace) -> None:
    """Join the peaks."""
    genome = Genome.open(args.genome)
    peaks = {}
    for name, path in args.sample:
        if name in peaks:
            raise InputError(f"{name} given twice", where="--sample", mend="Give each sample once")
        peaks[name] = read_regions(path, genome)
    frame, record = consensus_peaks(peaks, genome, min_samples=args.min_samples, width=args.width)
    write_regions(frame, args.output)
    write_json(args.qc, record)
    log.info("%s: %d peaks of %d samples", args.output, len(frame), len(peaks))
