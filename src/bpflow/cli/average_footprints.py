"""``bpflow average-footprints``."""

from __future__ import annotations

import argparse
import logging

SUMMARY = (
    "Average the footprints of several folds' models: mean profiles and counts, their standard deviation, and the "
    "verdict on the mean."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow average-footprints``."""
    parser.add_argument(
        "--inputs", required=True, nargs="+", metavar="H5", help="footprints of 'bpflow footprints', one file a fold"
    )
    parser.add_argument("--output", required=True, metavar="H5", help="mean footprints to write")
    parser.add_argument("--qc", required=True, metavar="JSON", help="record with the responses and the verdict")
    parser.add_argument("--figures", metavar="DIR", help="also draw each motif, one SVG each, into this folder")


def run(args: argparse.Namespace) -> None:
    """Average the footprints."""
    from bpflow.files import write_json
    from bpflow.footprint_average import average, average_report
    from bpflow.footprint_file import read_profiles, write_profiles

    read = [read_profiles(path) for path in args.inputs]
    models, backgrounds = [footprints for footprints, _ in read], [number for _, number in read]
    mean, deviation = average(models, names=args.inputs)
    record = average_report(models, mean, backgrounds=backgrounds)
    write_profiles(mean, args.output, backgrounds=sum(backgrounds), deviations=deviation)
    if args.figures:
        from bpflow.report.footprint_figures import draw_footprints

        draw_footprints(mean, args.figures, deviations=deviation)
    write_json(args.qc, record)
    for item in record["verdicts"]:
        log.info("%s: %s (%s), mean of %d models", item["name"], item["value"], item["verdict"], len(models))
