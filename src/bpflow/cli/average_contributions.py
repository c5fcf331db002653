"""``bpflow average-contributions``."""

from __future__ import annotations

import argparse

from bpflow.cli.gather_contributions import add_output, combine

SUMMARY = (
    "The mean over folds of contributions at the same regions, with their standard deviation: less noise for motifs."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow average-contributions``."""
    parser.add_argument("--inputs", required=True, nargs="+", metavar="DIR", help="folders of the folds' contributions")
    add_output(parser)


def run(args: argparse.Namespace) -> None:
    """Average the folds."""
    from bpflow.contribution_file import average_files

    combine(args, average_files)
