"""``bpflow status``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bpflow.cli.options import non_negative_int

if TYPE_CHECKING:
    from bpflow.run_status import Job, RunStatus

SUMMARY = (
    "What is done, running, failed or waiting in a run, while it goes on or after it stopped, with the last lines of "
    "the logs that matter. Reads logs, benchmarks and Snakemake's own log; changes nothing."
)

COLOURS = {"failed": "31", "interrupted": "33", "running": "36", "done": "32"}
SNAKEMAKE = {
    "running": "Snakemake is running.",
    "ended": "Snakemake has ended.",
    "cut off": "Snakemake was cut off. The same command goes on where it was; it may ask for snakemake --unlock first.",
    "unknown": "No log of Snakemake was found for these results; --workdir says where it ran.",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow status``."""
    parser.add_argument("--results", required=True, metavar="DIR", help="output tree of the run")
    parser.add_argument("--samples", nargs="+", metavar="NAME", help="only these samples, and what is of all")
    parser.add_argument(
        "--workdir", metavar="DIR", help="folder in which Snakemake runs (default: the nearest above DIR)"
    )
    parser.add_argument("--lines", type=non_negative_int, default=5, metavar="N", help="last lines of each log to show")
    parser.add_argument("--json", action="store_true", help="every job as JSON, in place of the table")


def run(args: argparse.Namespace) -> None:
    """Print the state of the run."""
    from bpflow.run_status import read_status

    status = read_status(args.results, args.workdir)
    jobs = _of_samples(status.jobs, args.samples)
    if args.json:
        sys.stdout.write(json.dumps(_content(status, jobs, args.lines), indent=1) + "\n")
    else:
        sys.stdout.write(_text(status, jobs, args.lines, colour=sys.stdout.isatty()))


def _of_samples(jobs: Sequence[Job], samples: Sequence[str] | None) -> list[Job]:
    from bpflow.errors import InputError

    known = sorted({job.sample for job in jobs if job.sample is not None})
    unknown = [name for name in samples or () if name not in known]
    if unknown:
        raise InputError(
            f"no sample {unknown[0]!r} in this run", where="--samples", expected=f"names among {', '.join(known)}"
        )
    return [job for job in jobs if not samples or job.sample is None or job.sample in samples]


def _content(status: RunStatus, jobs: Sequence[Job], lines: int) -> dict[str, Any]:
    from bpflow.run_status import last_lines

    return {
        "snakemake": status.snakemake,
        "planned": status.planned,
        "jobs": [
            {
                **{key: getattr(job, key) for key in ("stage", "step", "name", "sample", "fold", "state")},
                "log": str(job.log),
                "last_lines": last_lines(job.log, lines) if job.state in ("failed", "interrupted", "running") else [],
            }
            for job in jobs
        ],
    }


def _text(status: RunStatus, jobs: Sequence[Job], lines: int, *, colour: bool) -> str:
    from bpflow.run_status import STATES, last_lines

    counts = {state: sum(job.state == state for job in jobs) for state in STATES}
    others = "".join(f", {counts[state]} {state}" for state in STATES if state != "done" and counts[state])
    parts = [f"{SNAKEMAKE[status.snakemake]} {counts['done']} of {len(jobs)} jobs are done{others}."]
    if not status.planned:
        parts.append("There is no plan of this run, so that jobs which were never begun are not counted.")
    if jobs:
        parts += ["", *_table(jobs, colour)]
    for state in ("failed", "interrupted", "running"):
        for job in jobs:
            if job.state == state:
                parts += ["", _painted(f"{state}: {job.step} {job.name}", state, colour), f"  {job.log}"]
                parts += [f"    {line}" for line in last_lines(job.log, lines)]
    return "\n".join(parts) + "\n"


def _table(jobs: Sequence[Job], colour: bool) -> list[str]:
    """One row a sample and fold, one column a stage; an empty cell has no jobs."""
    stages = list(dict.fromkeys(job.stage for job in jobs))
    places = sorted({(job.sample or "", -1 if job.fold is None else job.fold) for job in jobs})
    rows = [[("sample", ""), ("fold", ""), *((stage, "") for stage in stages)]]
    for sample, fold in places:
        row = [(sample or "(all)", ""), ("" if fold < 0 else str(fold), "")]
        for stage in stages:
            here = [job for job in jobs if (job.sample or "", job.stage) == (sample, stage)]
            row.append(_cell([job for job in here if (-1 if job.fold is None else job.fold) == fold]))
        rows.append(row)
    widths = [max(len(row[column][0]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            _painted(text.ljust(width), state, colour) for (text, state), width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _cell(jobs: Sequence[Job]) -> tuple[str, str]:
    """The state that needs a person most, and how many jobs are done."""
    from bpflow.run_status import STATES

    if not jobs:
        return "", ""
    state = min((job.state for job in jobs), key=STATES.index)
    done = sum(job.state == "done" for job in jobs)
    alone = done == len(jobs) or (state == "waiting" and not done)
    return (state if alone else f"{state} {done}/{len(jobs)}"), state


def _painted(text: str, state: str, colour: bool) -> str:
    return f"\033[{COLOURS[state]}m{text}\033[0m" if colour and state in COLOURS else text
