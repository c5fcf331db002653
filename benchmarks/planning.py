"""Time the planning of a run of many samples: what `snakemake -n` takes, and what a cluster is sent.

python benchmarks/planning.py [--samples 200] [--folds 5] [--json FILE]

Inputs are empty files. For the profiles default and slurm: seconds and CPU seconds of `snakemake -n --quiet` and of
`snakemake -n`, which prints every job, and the scheduler's peak private memory. Once, through profiles/slurm: jobs by
rule, and submissions, which are groups and jobs that are in none and not local. Snakemake's own plan of a chain of as
many jobs, each with one input, is timed beside them: nothing planned by Snakemake takes less. Linux only.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from machine import machine
from measure import run

ROOT = Path(__file__).resolve().parents[1]
MOST_SECONDS = 20
PROFILES = ("default", "slurm")
CHAIN = """
rule all:
    input: expand("{{chain}}/{length}", chain=range({chains}))
for step in range(1, {length} + 1):
    rule:
        name: f"step_{{step}}"
        input: [f"{{{{chain}}}}/{{step - 1}}"] if step > 1 else []
        output: f"{{{{chain}}}}/{{step}}"
        shell: "touch {{output}}"
"""


class Plan(NamedTuple):
    """Jobs of a plan by rule, and how many jobs and groups are sent to a cluster."""

    jobs: dict[str, int]
    submissions: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the project, plan it, print the figures and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=200, help="samples, each of one read file")
    parser.add_argument("--folds", type=int, default=5, help="folds, 3 or more")
    parser.add_argument("--json", type=Path, help="record to write")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bpflow_benchmark_") as name:
        folder = Path(name)
        project = make_project(folder / "project", args.samples, args.folds)
        plan = read_plan(run([*project, "--workflow-profile", profile("slurm")]).output, local_rules())
        number = sum(plan.jobs.values())
        (folder / "Snakefile").write_text(CHAIN.format(chains=args.samples, length=-(-number // args.samples)))
        chain = [*SNAKEMAKE, "--directory", str(folder), "--snakefile", str(folder / "Snakefile")]
        record: dict[str, Any] = {
            **machine(),
            "samples": args.samples,
            "folds": args.folds,
            "profiles": {one: planned([*project, "--workflow-profile", profile(one)]) for one in PROFILES},
            "chain": planned(chain),
            "most_seconds": MOST_SECONDS,
            "jobs": number,
            "submissions": plan.submissions,
            "jobs_by_rule": plan.jobs,
        }
    print(json.dumps(record, indent=1))
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


SNAKEMAKE = (sys.executable, "-m", "snakemake", "--dry-run")


def profile(name: str) -> str:
    """Path of a profile."""
    return str(ROOT / "profiles" / name)


def make_project(folder: Path, samples: int, folds: int) -> list[str]:
    """Write inputs, sheet and configuration; returns the command that plans them."""
    (folder / "data").mkdir(parents=True)
    names = [f"sample_{number}" for number in range(samples)]
    for name in ("genome.fa", *(f"{name}.bam" for name in names)):
        (folder / "data" / name).touch()
    rows = ["sample\tassay\treads", *(f"{name}\tATAC\tdata/{name}.bam" for name in names)]
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = {
        "samples": "samples.tsv",
        "genome": {"fasta": "data/genome.fa"},
        "folds": {"n": folds, "run": list(range(folds))},
    }
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    files = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(folder / "config.yaml"))
    return [*SNAKEMAKE, "--directory", str(folder), *files]


def local_rules() -> set[str]:
    """Rules that a cluster is not sent."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow/rules").glob("*.smk"))]
    rules = [rule for text in texts for rule in re.split(r"^(?=(?:use )?rule )", text, flags=re.MULTILINE)]
    return {"all"} | {
        match[1] for rule in rules if "localrule: True" in rule and (match := re.match(r"rule (\w+)", rule))
    }


def read_plan(output: str, local: set[str]) -> Plan:
    """What a dry run printed; jobs of a group are indented below its name."""
    jobs = Counter(re.findall(r"^ *(?:local)?rule (\w+):$", output, flags=re.MULTILINE))
    alone = Counter(re.findall(r"^rule (\w+):$", output, flags=re.MULTILINE))
    groups = len(re.findall(r"Group job \S+ \(", output))
    del jobs["all"]
    return Plan(dict(jobs), groups + sum(n for name, n in alone.items() if name not in local))


def planned(command: Sequence[str]) -> dict[str, dict[str, float]]:
    """What a plan takes that prints nothing, and one that prints every job."""
    return {"quiet": timed([*command, "--quiet"]), "printed": timed(command)}


def timed(command: Sequence[str]) -> dict[str, float]:
    """Seconds, CPU seconds and MiB of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured = run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(measured.seconds, 1), "cpu_seconds": round(cpu, 1), "peak_mb": round(measured.peak_mb, 1)}


if __name__ == "__main__":
    main()
