"""``bpflow gather-predictions``."""

from __future__ import annotations

import argparse

SUMMARY = (
    "Join the predictions of all parts of a list of regions ('bpflow predict --part K/N') to the file that one job "
    "would have written, byte for byte."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow gather-predictions``."""
    parser.add_argument("--parts", required=True, nargs="+", metavar="H5", help="files of all parts, in any order")
    parser.add_argument("--output", required=True, metavar="H5", help="predictions to write")


def run(args: argparse.Namespace) -> None:
    """Join the parts."""
    from bpflow.prediction_file import join_predictions

    join_predictions(args.parts, args.output)
