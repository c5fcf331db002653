"""Helpers of the workflow's tests: a folder with small made-up inputs, and Snakemake's answer to a plan."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (
    *("sample", "assay", "reads", "barcodes", "format", "reads_already_shifted", "signal"),
    *("peaks", "peak_set", "bias_model", "bias_from", "train", "config"),
)
#: Files that plans may name; they are never read by a dry run.
INPUTS = ("genome.fa", "a.bam", "b.bam", "c.fragments.tsv.gz", "given.bw", "given.narrowPeak", "blacklist.bed", "v.vcf")
MODELS = ("models/fold_0.safetensors", "models/fold_1.safetensors")


class Project:
    """A working directory with inputs, a configuration and a sample sheet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*INPUTS, *MODELS, "truth.json", "motifs.tsv", "fold_a.json", "fold_b.json"):
            path = folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        self.config: dict[str, Any] = {
            "data": "data",
            "samples": "samples.tsv",
            "genome": {"fasta": "{data}/genome.fa"},
        }
        self.rows: list[Mapping[str, str]] = [{"sample": "A", "assay": "ATAC", "reads": "{data}/a.bam"}]

    def write(self) -> None:
        """Write the configuration and the sheet."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config))
        lines = ["\t".join(COLUMNS), *("\t".join(row.get(column, "") for column in COLUMNS) for row in self.rows)]
        (self.folder / "samples.tsv").write_text("\n".join(lines) + "\n")

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here on this configuration."""
        self.write()
        return snakemake(*arguments, "--configfile", "config.yaml", folder=self.folder)

    def plan(self, *targets: str) -> dict[str, int]:
        """Jobs of a dry run by rule, without the target and the total."""
        done = self.snakemake(*targets, "--dry-run")
        assert done.returncode == 0, done.stdout + done.stderr
        return job_counts(done.stdout + done.stderr)


def snakemake(
    *arguments: str, folder: Path, project: Path = ROOT, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder; `path` takes the place of PATH with this environment's programs first."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(project / "Snakefile")]
    environment = {**os.environ, "PATH": path or f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def job_counts(text: str) -> dict[str, int]:
    """Counts of the last table of jobs that Snakemake printed."""
    table = text.rsplit("Job stats:", 1)[-1].split("Reasons:")[0]
    counts = {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}
    return {name: n for name, n in counts.items() if name not in {"total", "all", "qc", "bias", "train"}}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` with nested `changes`."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def made(text: str) -> set[str]:
    """Outputs of all jobs that a dry run printed."""
    lines = re.findall(r"^ +output: (.*)$", text, flags=re.MULTILINE)
    return {name for line in lines for name in line.split(", ")}


def shell_commands(text: str) -> Sequence[str]:
    """Shell commands that a dry run printed, each of those that one job runs by itself."""
    lines = (line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("Shell command: "))
    return [command for line in lines for command in line.split(" && ")]


def make_all(project: Project, *targets: str) -> None:
    """Files of all that a plan would make, with nothing in them."""
    for name in made(project.snakemake(*targets, "--dry-run").stdout):
        path = project.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
