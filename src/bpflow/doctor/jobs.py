"""The jobs of the run, as Snakemake plans them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bpflow.doctor.finding import Finding
from bpflow.doctor.run_settings import RunSettings
from bpflow.errors import InputError

__all__ = ["Plan", "check_jobs", "plan_jobs", "profile_executor"]

GROUP = "jobs"
LAST_LINES = 12
SHOWN = 6


@dataclass(frozen=True)
class Plan:
    """What a dry run said: jobs by rule, the memory that the largest asks for in MB, and the error if there was one."""

    jobs: Mapping[str, int]
    largest_mb: int = 0
    error: str = ""

    @property
    def total(self) -> int:
        """Number of jobs."""
        return sum(self.jobs.values())


def plan_jobs(run: RunSettings, *, profile: str | None = None) -> Plan:
    """Run ``snakemake --dry-run`` in the working directory."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--snakefile", str(run.snakefile)]
    # Without a profile of its own, Snakemake's lines are those that are read here.
    command += ["--workflow-profile", profile or "none"]
    command += ["--configfile", *run.configfiles] if run.configfiles else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    if done.returncode:
        return Plan({}, error="\n".join(text.strip().splitlines()[-LAST_LINES:]))
    table = text.rsplit("Job stats:", 1)[-1].split("Reasons:")[0] if "Job stats:" in text else ""
    counts = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}
    counts.pop("total", None)
    counts.pop("all", None)
    memory = [int(number) for number in re.findall(r"\bmem_mb=(\d+)", text)]
    return Plan(counts, max(memory, default=0))


def check_jobs(plan: Plan) -> Finding:
    """How many jobs there are to do."""
    if plan.error:
        return Finding(
            GROUP, "plan", "fail", f"Snakemake cannot plan the run: {plan.error}", "See snakemake --dry-run."
        )
    if not plan.total:
        return Finding(GROUP, "plan", "good", "nothing is left to do")
    most = sorted(plan.jobs.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(number for _, number in most[SHOWN:])
    rules = ", ".join(f"{name} {number}" for name, number in most[:SHOWN]) + (f", others {rest}" if rest else "")
    return Finding(GROUP, "plan", "good", f"{plan.total} jobs: {rules}")


def profile_executor(profile: str | None) -> str | None:
    """The executor that a profile's folder asks for; None for this machine.

    Raises
    ------
    InputError
        There is no such profile.
    """
    if profile is None:
        return None
    files = [path for path in sorted(Path(profile).glob("*.yaml")) if path.name.startswith(("profile", "config"))]
    if not files:
        raise InputError("no profile", where=profile, expected="a folder with profile.yaml, such as profiles/slurm")
    return (yaml.safe_load(files[-1].read_text(encoding="utf-8")) or {}).get("executor")
