"""Time the data steps at human scale, and beside each what a user would run otherwise.

python benchmarks/data_path.py [--scale 0.01] [--repeats 3] [--work FOLDER] [--json FILE]

Every step runs in a process of its own: median wall time of the repeats, largest private memory, the time at a tenth of
the input, and whether the step ends under a limit on all its memory, file cache included. Our commands and Python's
libraries are timed without the start of Python and the imports, which are half a second at any size and stand in the
record on their own. The inputs are made first (human_scale.py). Needs Linux, bedtools, awk, sort, zcat, pyBigWig and
pyfaidx; tells so, with exit code 2, where the chosen steps lack one.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import human_scale
from data_path_work import SECONDS_ARE
from machine import machine
from measure import Measured, limited_group, run

ROOT = Path(__file__).resolve().parents[1]
LIMIT_GIB = 6
TENTH = 0.1
# The official pipe (chrombpnet 1.0.1): both ends of a fragment, shifted, sorted as text, counted.
SHIFT = """awk -v OFS='\\t' '$6 == "+" {{$2 += 4}} $6 == "-" {{$3 -= 4}} {{print}}'"""
COUNT = "sort -k1,1 | bedtools genomecov -bg -5 -i stdin -g {sizes} | LC_COLLATE=C sort -k1,1 -k2,2n > {output}"
TAGS = """awk -v OFS='\\t' '{{print $1, $2, $3, "N", 1000, "+"; print $1, $2, $3, "N", 1000, "-"}}'"""
FRAGMENT_PIPE = f"zcat {{few}} | {TAGS} | {SHIFT} | {COUNT}"
BAM_PIPE = f"bedtools bamtobed -i {{bam}} | {SHIFT} | {COUNT}"
# Random walk over GC bins as the official program does it: 89 s for 60,000 peaks measured, quadratic in their number.
OFFICIAL_MATCHING = (89.0, 60_000)
RECORDED = "recorded cost of the official matching"
PROGRAMS = ("bedtools", "awk", "sort", "zcat")
PACKAGES = {"gather": ("pyBigWig", "pyfaidx"), "write_track": ("pyBigWig",)}


@dataclass(frozen=True)
class Step:
    """One row of the table.

    Attributes
    ----------
    what
        In words.
    ours
        Command of ours; words in braces are filled in.
    other
        Shell command beside it; None for a recorded cost.
    share
        Part of the input that the other program gets; its time is scaled by it.
    ratio, peak_mb
        What is aimed at: times faster, and MiB of private memory.
    """

    what: str
    ours: str
    other: str | None
    share: float
    ratio: float
    peak_mb: float | None


WORK = "{python} {here}/data_path_work.py"
SIGNAL = WORK + " command signal --assay ATAC --genome {genome} --threads 2 --input-shift 0/0 --output {output}.bw"
STEPS = {
    "fragments_to_counts": Step(
        "50 M fragments (gzip) to counted cut sites",
        WORK + " count {fragments} {genome}",
        FRAGMENT_PIPE,
        TENTH,
        25,
        4096,
    ),
    "fragments_to_bigwig": Step(
        "50 M fragments (gzip) to a bigWig with zoom levels, checks and record",
        SIGNAL + " --reads {fragments} --qc {output}.json",
        FRAGMENT_PIPE,
        TENTH,
        5,
        4096,
    ),
    "bam_to_bigwig": Step(
        "10 M reads of a BAM to a bigWig with zoom levels, checks and record",
        SIGNAL + " --reads {bam} --qc {output}.json",
        BAM_PIPE,
        1.0,
        6,
        2048,
    ),
    "nonpeaks": Step(
        "non-peaks for 250 k peaks",
        WORK + " command nonpeaks --peaks {peaks} --fold {fold} --genome {genome}"
        " --output {output}.narrowPeak --qc {output}.json",
        None,
        1.0,
        1,
        4096,
    ),
    "gather": Step(
        "examples of 3114 bases and 2000 counts, in batches of 64",
        WORK + " gather {genome} {signal} {peaks} {examples}",
        WORK + " gather-other {fasta} {signal} {peaks} {few_examples}",
        TENTH,
        20,
        4096,
    ),
    "jsd": Step(
        "JSD and normalised JSD of 50 k regions of 1000 bases",
        WORK + " jsd {regions}",
        WORK + " jsd-other {few_regions}",
        TENTH,
        20,
        None,
    ),
    "write_track": Step(
        "a track of 100 k regions of 1000 bases to a bigWig",
        WORK + " track {genome} {output}.bw {tracks}",
        WORK + " track-other {genome} {output}.bw {few_tracks}",
        TENTH,
        10,
        1024,
    ),
}
# At human scale, and at least: fewer take too little time to compare.
NUMBERS = {"examples": (500_000, 20_000), "regions": (50_000, 5_000), "tracks": (100_000, 2_000)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the inputs, run the steps, print the table and write the record."""
    args = parse(arguments)
    lacking = missing(args.steps)
    if lacking:
        print(f"missing: {', '.join(lacking)}. Install with: make setup-test system-deps", file=sys.stderr)
        raise SystemExit(2)
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bpflow_benchmark_")))
        inputs = {scale: prepare(work, scale) for scale in (args.scale, args.scale * TENTH)}
        group = stack.enter_context(limited_group(LIMIT_GIB))
        rows = {}
        for name in args.steps:
            rows[name] = measure(STEPS[name], inputs, args.scale, args.repeats, group)
            print(name, json.dumps(rows[name]), flush=True)
    print(f"At {args.scale:g} of the human size, medians of {args.repeats}:\n\n{table(rows)}")
    if args.json:
        text = json.dumps({**context(args), **rows}, indent=1)
        args.json.write_text(text + "\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the human size")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each program; the median is reported")
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS), help="which to run")
    parser.add_argument("--work", type=Path, help="folder of the inputs, kept for the next run; else a temporary one")
    parser.add_argument("--json", type=Path, help="record to write")
    args = parser.parse_args(arguments)
    if args.scale <= 0 or args.repeats < 1:
        parser.error("--scale is above 0, and --repeats is 1 or more")
    return args


def missing(steps: Sequence[str]) -> list[str]:
    """What the steps need and this machine lacks."""
    programs = {name for step in steps for name in PROGRAMS if name in shlex.split(STEPS[step].other or "")}
    packages = {name for step in steps for name in PACKAGES.get(step, ())}
    lacking = [name for name in programs if shutil.which(name) is None]
    return sorted(lacking + [name for name in packages if find_spec(name) is None])


def prepare(work: Path, scale: float) -> dict[str, str]:
    """Make the inputs of one scale; give what the commands' words stand for."""
    folder = work / f"{scale:g}"
    human_scale.make(folder, scale)
    words = {
        "python": sys.executable,
        "here": str(ROOT / "benchmarks"),
        "fasta": folder / "genome.fa",
        "genome": folder / "genome.json",
        "sizes": folder / "chrom.sizes",
        "fragments": folder / "fragments.tsv.gz",
        "few": folder / "few_fragments.tsv.gz",
        "bam": folder / "reads.bam",
        "peaks": folder / "peaks.narrowPeak",
        "fold": folder / "folds" / "fold_0.json",
        "signal": folder / "signal.bw",
        "output": folder / "out",
    }
    for name, (number, least) in NUMBERS.items():
        scaled = max(least, int(number * scale))
        words |= {name: scaled, f"few_{name}": int(scaled * TENTH)}
    words = {name: str(value) for name, value in words.items()}
    if not Path(words["genome"]).exists():
        command(words, "{python} -m bpflow genome --fasta {fasta} --output {genome}")
    if not Path(words["fold"]).exists():
        made = words | {"output": str(folder / "folds")}
        command(made, "{python} -m bpflow folds --genome {genome} --peaks {peaks} --output-dir {output}")
    if not Path(words["signal"]).exists():
        made = words | {"output": str(folder / "signal")}
        command(made, SIGNAL + " --reads {fragments} --qc {output}.json")
    return words


def measure(
    step: Step, inputs: Mapping[float, Mapping[str, str]], scale: float, repeats: int, group: Path | None
) -> dict[str, Any]:
    """Run a step and what is beside it, in turns."""
    words, fewer = inputs[scale], inputs[scale * TENTH]
    ours, other = [], []
    for _ in range(repeats):
        ours.append(command(words, step.ours))
        if step.other is not None:
            other.append(command(words, f"set -euo pipefail; {step.other}", shell=True))
    tenth = command(fewer, step.ours)
    seconds = statistics.median(map(_seconds, ours))
    if step.other is None:
        number = human_scale.PEAKS * scale
        other_seconds = OFFICIAL_MATCHING[0] * (number / OFFICIAL_MATCHING[1]) ** 2
    else:
        other_seconds = statistics.median(map(_seconds, other)) / step.share
    if group is not None:
        command(words, step.ours, group=group)
    peak = max(each.peak_mb for each in ours)
    return {
        "what": step.what,
        "seconds": round(seconds, 4),
        "peak_mb": round(peak, 1),
        "other_seconds": round(other_seconds, 4),
        "ratio": round(other_seconds / seconds, 2),
        "all_seconds": [round(_seconds(each), 4) for each in ours],
        "seconds_tenth": round(_seconds(tenth), 4),
        "growth": round(seconds / _seconds(tenth), 2),
        "other": RECORDED if step.other is None else step.other,
        "other_share": step.share,
        "least_ratio": step.ratio,
        "largest_peak_mb": step.peak_mb,
        "runs_under_6_gib": None if group is None else True,
    }


def command(words: Mapping[str, str], template: str, *, shell: bool = False, group: Path | None = None) -> Measured:
    """Fill in a command and run it."""
    text = template.format(**{name: shlex.quote(value) for name, value in words.items()})
    return run(["bash", "-c", text] if shell else shlex.split(text), group=group, environment=environment())


def environment() -> dict[str, str]:
    """The environment of this process, with the package of this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def _seconds(measured: Measured) -> float:
    """What a program of ours says last, else the time of the whole command."""
    last = measured.output.splitlines()[-1:]
    return float(last[0].removeprefix(SECONDS_ARE)) if last and last[0].startswith(SECONDS_ARE) else measured.seconds


def context(args: argparse.Namespace) -> dict[str, Any]:
    """When, where and how it was measured."""
    start = run([sys.executable, "-c", "import bpflow.cli.signal"], environment=environment())
    return {
        **machine(),
        "scale": args.scale,
        "start_seconds": round(start.seconds, 2),
        "repeats": args.repeats,
    }


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures in Markdown."""
    text = [
        "| step | seconds | at a tenth | factor | other, seconds | times faster | at least | private MiB | at most |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows.values():
        scaled = f" ({row['other_share']:.0%} run)" if row["other_share"] < 1 else ""
        note = " (recorded)" if row["other"] == RECORDED else scaled
        text.append(
            f"| {row['what']} | {row['seconds']:.2f} | {row['seconds_tenth']:.2f} | {row['growth']:.1f} "
            f"| {row['other_seconds']:.1f}{note} "
            f"| {row['ratio']:.1f} | {row['least_ratio']} | {row['peak_mb']:.0f} | {row['largest_peak_mb'] or '-'} |"
        )
    return "\n".join(text)


if __name__ == "__main__":
    main()
