"""``bpflow gate``."""

from __future__ import annotations

import argparse
import logging

SUMMARY = (
    "Stop a run where a verdict that must not fail has failed, before more work is spent; "
    "other failed verdicts are warnings."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow gate``."""
    parser.add_argument("--sample", required=True, metavar="NAME", help="the sample's name, for messages")
    parser.add_argument(
        "--records", required=True, nargs="+", metavar="JSON", help="records of the stages whose verdicts count"
    )
    parser.add_argument(
        "--stop", default="none", metavar="KEYS", help="verdicts that must not fail, separated by commas, or none"
    )
    parser.add_argument("--page", required=True, metavar="HTML", help="the report that shows them, to be pointed at")
    parser.add_argument("--output", required=True, metavar="JSON", help="what was judged, and what failed and may")


def run(args: argparse.Namespace) -> None:
    """Judge the sample."""
    from bpflow.files import write_json
    from bpflow.gates import judge, read_verdicts, told

    stop = [] if args.stop == "none" else args.stop.split(",")
    record = judge(args.sample, read_verdicts(args.records), stop=stop, page=args.page)
    for verdict in record["failed"]:
        log.warning("%s", told(verdict))
    log.info("%s: %d verdicts, %d failed; going on", args.sample, len(record["judged"]), len(record["failed"]))
    write_json(args.output, record)
