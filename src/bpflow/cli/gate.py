"""``bpflow gate``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from bpflow.cli.options import non_negative_int

SUMMARY = (
    "Stop a run where a verdict that must not fail has failed, before more work is spent; "
    "other failed verdicts are warnings."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow gate``."""
    parser.add_argument("--results", required=True, metavar="DIR", help="output tree of the run")
    parser.add_argument("--sample", required=True, metavar="NAME", help="the sample that is judged")
    parser.add_argument(
        "--folds", required=True, nargs="+", type=non_negative_int, metavar="K", help="numbers of the folds"
    )
    parser.add_argument(
        "--stage",
        required=True,
        choices=("qc", "bias", "model"),
        help="how far it is judged. qc: the inputs; bias: and the bias models; model: and ChromBPNet. A fold that is "
        "stopped leaves a page of what it knew: DIR/NAME/fold_K/STAGE.html",
    )
    parser.add_argument(
        "--stop", default="none", metavar="KEYS", help="verdicts that must not fail, separated by commas, or none"
    )


def run(args: argparse.Namespace) -> None:
    """Judge each fold by itself."""
    from bpflow.gates import check_keys, stopped, told
    from bpflow.report.collect import collect

    stop = [] if args.stop == "none" else args.stop.split(",")
    check_keys(stop)
    for fold in args.folds:
        found = collect(args.results, samples=[args.sample], folds=[fold], stage=args.stage)
        failed = [check for check in found.checks if check.verdict == "fail"]
        stopping = [check for check in failed if check.key in stop]
        if stopping:
            from bpflow.report.page import write_page

            page = Path(args.results) / args.sample / f"fold_{fold}" / f"{args.stage}.html"
            write_page(found, page, title=f"{args.sample}, fold {fold}, stopped")
            raise stopped(args.sample, stopping, page=str(page))
        for check in failed:
            log.warning("%s", told(check))
        log.info("%s, fold %d: %d verdicts, %d failed; going on", args.sample, fold, len(found.checks), len(failed))
