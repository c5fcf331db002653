"""``bpflow sister-report``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.options import non_negative_int
from bpflow.files import atomic_path

SUMMARY = "One self-contained HTML page over a run of BPNets, ProCapNets or Basenji2s: can it be trusted, and why."

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow sister-report``."""
    parser.add_argument("--results", required=True, metavar="DIR", help="output tree of the run")
    parser.add_argument(
        "--system", required=True, choices=("bpnet", "procapnet", "basenji2"), help="which model was trained"
    )
    parser.add_argument("--samples", required=True, nargs="+", metavar="NAME", help="samples, in the page's order")
    parser.add_argument(
        "--folds", required=True, nargs="+", type=non_negative_int, metavar="K", help="numbers of the folds"
    )
    parser.add_argument("--config", required=True, metavar="JSON", help="resolved configuration")
    parser.add_argument("--title", required=True, help="heading of the page")
    parser.add_argument("--output", required=True, metavar="HTML", help="the page to write")


def run(args: argparse.Namespace) -> None:
    """Write the page."""
    from bpflow.report.sister import render_sisters

    page, checks = render_sisters(
        args.results,
        system=args.system,
        samples=args.samples,
        folds=args.folds,
        config=args.config,
        title=args.title,
    )
    with atomic_path(args.output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    log.info("%s: %.1f MB, %d checks", args.output, len(page) / 1e6, checks)
