"""``bpflow compare``."""

from __future__ import annotations

import argparse
import logging

SUMMARY = (
    "Samples beside each other at the peaks they share: whether observed counts agree, whether predicted counts do, "
    "and whether the models predict how the samples differ. Test chromosomes only."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow compare``."""
    parser.add_argument(
        "--sample",
        action="append",
        nargs="+",
        required=True,
        metavar=("NAME", "TSV"),
        help="a sample and its tables of 'bpflow evaluate', one of each fold; once for each sample",
    )
    parser.add_argument("--output", required=True, metavar="JSON", help="record to write")


def run(args: argparse.Namespace) -> None:
    """Compare the samples."""
    from bpflow.errors import InputError
    from bpflow.files import write_json
    from bpflow.sample_comparison import compare, read_peaks

    samples = {}
    for name, *tables in args.sample:
        if not tables:
            raise InputError(f"no table of {name}", where="--sample", expected="a name and one table or more")
        if name in samples:
            raise InputError(f"{name} given twice", where="--sample", mend="Give each sample once")
        samples[name] = read_peaks(tables)
    if len(samples) < 2:
        raise InputError("one sample", where="--sample", expected="two samples or more")
    record = compare(samples)
    write_json(args.output, record)
    log.info("%s: %d samples, %d pairs", args.output, len(samples), len(record["pairs"]))
