"""``bpflow doctor``."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpflow.doctor import Finding

SUMMARY = (
    "Check machine and configuration before a long run: software, GPU, memory, disk, input files, chromosome names, "
    "number of jobs, and about how long they take. Run it where Snakemake would run. Changes nothing; exit code 1 if "
    "something fails."
)

COLOURS = {"fail": "31", "check": "33", "good": "32"}
WIDTH = 118


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow doctor``."""
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="YAML", help="laid over config/config.yaml, as Snakemake does"
    )
    parser.add_argument(
        "--profile", metavar="DIR", help="the profile that is meant, such as profiles/slurm (default: this machine)"
    )
    parser.add_argument(
        "--snakefile", metavar="FILE", help="the workflow (default: the one in this folder, or bpflow's)"
    )
    parser.add_argument("--json", action="store_true", help="every finding as JSON, in place of the table")


def run(args: argparse.Namespace) -> None:
    """Print the findings."""
    from dataclasses import asdict

    from bpflow.doctor import examine, load_run

    findings = list(examine(load_run(args.configfile, args.snakefile), profile=args.profile))
    if args.json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=1) + "\n")
    else:
        sys.stdout.write(_table(findings, colour=sys.stdout.isatty()))
    if any(finding.grade == "fail" for finding in findings):
        raise SystemExit(1)


def _table(findings: Sequence[Finding], *, colour: bool) -> str:
    names = max(len(finding.name) for finding in findings)
    lines, group = [], ""
    for finding in findings:
        if finding.group != group:
            lines += ["", finding.group] if group else [finding.group]
            group = finding.group
        grade = finding.grade.ljust(5)
        grade = f"\033[{COLOURS[finding.grade]}m{grade}\033[0m" if colour else grade
        said = [finding.found, *([f"-> {finding.advice}"] if finding.advice else [])]
        wrapped = [part for text in said for line in text.splitlines() for part in _wrapped(line, WIDTH - names - 11)]
        lines.append(f"  {grade}  {finding.name.ljust(names)}  {wrapped[0]}")
        lines += [" " * (names + 11) + part for part in wrapped[1:]]
    counts = [(grade, sum(finding.grade == grade for finding in findings)) for grade in ("good", "check", "fail")]
    return "\n".join([*lines, "", ", ".join(f"{number} {grade}" for grade, number in counts)]) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False) or [""]
