"""``bpflow bin-recovery``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from bpflow.cli.options import add_genome

SUMMARY = (
    "Of simulated tracks: how predicted bins go with what was expected there, and how many planted places are among "
    "the highest of them."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow bin-recovery``."""
    parser.add_argument(
        "--predictions", required=True, metavar="H5", help="predictions that 'bpflow evaluate-bins' kept"
    )
    add_genome(parser)
    parser.add_argument(
        "--truth",
        required=True,
        metavar="JSON",
        help="truth.json of the simulation; beside it is a bigWig of what was expected in each track",
    )
    parser.add_argument("--qc", required=True, metavar="JSON", help="record to write")


def run(args: argparse.Namespace) -> None:
    """Compare with the truth."""
    from bpflow.bin_recovery import recovered_bins
    from bpflow.files import stamp, write_json
    from bpflow.genome import Genome
    from bpflow.stranded_recovery import read_stranded_truth

    truth = read_stranded_truth(args.truth)
    expected = {path.stem: path for path in sorted(Path(args.truth).parent.glob("*.bw"))}
    record = recovered_bins(args.predictions, truth, expected, Genome.open(args.genome))
    write_json(args.qc, stamp("bin_recovery", system=truth.system, **record, messages=[]))
    for item in record["verdicts"]:
        log.info("%s: %s (%s)", item["name"], item["value"], item["verdict"])
