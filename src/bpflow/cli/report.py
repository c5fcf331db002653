"""``bpflow report``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.options import non_negative_int
from bpflow.report.run import STAGES

SUMMARY = (
    "One self-contained HTML page over a run: can it be trusted, and why. "
    "Reads only the JSON and tables that the stages wrote; the page needs no network."
)

TITLES = {"qc": "Inputs", "bias": "Bias models"}

# Beyond this a page is slow to open and to send by mail.
LARGE = 15_000_000

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow report``."""
    parser.add_argument("--results", required=True, metavar="DIR", help="output tree of the run")
    parser.add_argument("--samples", required=True, nargs="+", metavar="NAME", help="samples, in the page's order")
    parser.add_argument(
        "--folds", required=True, nargs="+", type=non_negative_int, metavar="K", help="numbers of the folds"
    )
    parser.add_argument(
        "--stage",
        choices=STAGES,
        default="all",
        help="how far the page goes. qc: the inputs, before any training; bias: and the bias models; model: and "
        "ChromBPNet with its footprints; all: the whole run",
    )
    parser.add_argument("--output", required=True, metavar="HTML", help="the page to write")
    parser.add_argument(
        "--pdf",
        metavar="FILE",
        help="print the page to this file as well; needs Chromium or Chrome, on PATH or named by BPFLOW_CHROMIUM",
    )
    parser.add_argument("--title", help="heading of the page (default: made from the stage and samples)")
    parser.add_argument(
        "--sample-pages",
        metavar="NAME",
        help="file name of the page that each sample has in its own folder of DIR; a page of more than four samples "
        "then leaves their details to those",
    )
    parser.add_argument(
        "--config", metavar="JSON", help="resolved configuration (default: DIR/config.json if it is there)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the page, and print it if a PDF is asked for."""
    from bpflow.report.collect import collect
    from bpflow.report.page import write_page
    from bpflow.report.pdf import find_chromium, print_page

    if args.pdf:
        find_chromium()
    found = collect(args.results, samples=args.samples, folds=args.folds, stage=args.stage, config=args.config)
    title = args.title or default_title(args.stage, args.samples)
    size = write_page(found, args.output, title=title, sample_pages=args.sample_pages)
    log.info("%s: %.1f MB, %d checks", args.output, size / 1e6, len(found.checks))
    if size > LARGE:
        log.warning("the page is over %d MB; make one for fewer samples at a time", LARGE // 10**6)
    if args.pdf:
        print_page(args.output, args.pdf)
        log.info("%s: the same on paper", args.pdf)


def default_title(stage: str, samples: list[str]) -> str:
    """Name the page after what it is about."""
    kind = TITLES.get(stage, "Accessibility models")
    return f"{kind} of {', '.join(samples)}" if len(samples) <= 3 else f"{kind} of {len(samples)} samples"
