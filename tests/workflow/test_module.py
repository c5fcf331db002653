"""bpflow as a module of another workflow, as docs/module.md has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from plans import ROOT, Project, job_counts

# Each takes seconds, as Snakemake's own start does.
pytestmark = pytest.mark.slow

SECOND = """
module other:
    snakefile: "{snakefile}"
    config: config["other"]

use rule * from other as other_*
"""


@pytest.fixture
def outer(project: Project) -> Path:
    """A folder with the page's Snakefile around this checkout, and a genome of its own."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/module.md").read_text(), flags=re.DOTALL)[1]
    code = code.replace("path/to/bpflow/Snakefile", str(ROOT / "Snakefile")).replace(
        'shell:\n        "..."', 'shell: "touch {output}"'
    )
    taken = "use rule * from bpflow as bpflow_*\n"
    code = code.replace(taken, taken + SECOND.format(snakefile=ROOT / "Snakefile"))
    (project.folder / "Snakefile").write_text(code)
    project.write()
    (project.folder / "data/genome.fa").write_text(">chr1\n" + "ACGTTGCA" * 400 + "\n")
    config = {"bpflow": project.config, "other": {**project.config, "results": "others"}}
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    return project.folder


def snakemake(folder: Path, *arguments: str) -> str:
    """Run Snakemake on the folder's own Snakefile."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_whole_way_is_planned_before_a_step_behind_it(outer: Path) -> None:
    text = snakemake(outer, "--dry-run")
    jobs = job_counts(text)
    assert (jobs["bpflow_train_chrombpnet"], jobs["bpflow_full_report"], jobs["peaks_of_interest"]) == (1, 1, 1)
    assert not [name for name in jobs if name.startswith("other")]
    assert "other_train_chrombpnet" in job_counts(snakemake(outer, "other_train", "--dry-run"))


def test_a_rule_of_each_module_runs(outer: Path) -> None:
    targets = ("results/genome/genome.json", "others/genome/genome.json")
    snakemake(outer, *targets, "--cores", "1")
    for target in targets:
        assert json.loads((outer / target).read_text())["stage"] == "genome"
        assert (outer / target).with_name("genome.seq").stat().st_size == 3200
