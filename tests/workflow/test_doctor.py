"""`bpflow doctor` as a person calls it, with Snakemake's own plan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from plans import ROOT, Project

from bpflow.doctor import load_run
from bpflow.doctor.jobs import check_jobs, plan_jobs, profile_executor
from bpflow.errors import InputError

pytestmark = pytest.mark.slow


def doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bpflow", "doctor", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_demo_of_a_fresh_clone(tmp_path: Path) -> None:
    """Its data are yet to be made, and nothing fails."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    done = doctor(tmp_path, "--configfile", "config/demo/config.yaml", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert {finding["grade"] for finding in found.values()} <= {"good", "check"}
    assert "contribution_parts 4" in found["plan"]["found"]
    assert "the largest job asks for 32.0 GB" in found["memory"]["found"]
    assert "GFLOP/s" in found["models"]["found"]
    assert "the run needs about" in found["disk"]["found"]


def test_what_fails_is_told_and_ends_with_one(project: Project) -> None:
    (project.folder / "data/genome.fa").write_text(">chr1\nACGT\n")
    project.write()
    done = doctor(project.folder, "--configfile", "config.yaml", "--snakefile", str(ROOT / "Snakefile"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fail   reads of A" in done.stdout
    assert "data/a.bam: it is empty" in done.stdout
    assert "-> Copy, download or make it again." in done.stdout
    assert done.stdout.rstrip().endswith("1 fail")


def test_a_wrong_configuration_is_told_as_elsewhere(project: Project) -> None:
    project.config["sede"] = 1
    project.write()
    done = doctor(project.folder, "--configfile", "config.yaml", "--snakefile", str(ROOT / "Snakefile"))
    assert done.returncode == 2
    assert done.stderr == (
        "bpflow doctor: error: config, key sede: unknown key 'sede'. " + done.stderr.split("unknown key 'sede'. ")[1]
    )


def test_a_plan_that_cannot_be_made(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    project.write()
    run = load_run(["config.yaml"], ROOT / "Snakefile")
    Path("samples.tsv").write_text("sample\tassay\treads\n")
    finding = check_jobs(plan_jobs(run))
    assert finding.grade == "fail"
    assert "no samples" in finding.found


def test_profiles() -> None:
    assert profile_executor(str(ROOT / "profiles/slurm")) == "slurm"
    assert profile_executor(str(ROOT / "profiles/default")) is None
    with pytest.raises(InputError, match="no profile"):
        profile_executor("profiles/none")
