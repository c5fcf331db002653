"""What docs/cluster.md says of other clusters, against stand-ins for their programs."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from plans import ROOT

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs/cluster.md").read_text()
#: Each runs a job at once, unless the job is to be killed, and tells how it ended the way the real one does.
RUN = """\
printf '%s\\n' "$@" > "$SPOOL/asked"
for script; do :; done
[ -e "$SPOOL/kill" ] || sh "$script" > /dev/null 2>&1
echo $? > "$SPOOL/status"
if [ -e "$SPOOL/kill" ]; then echo 137 > "$SPOOL/status"; fi
"""
STAND_INS = {
    "SGE": {
        "qsub": f"{RUN} echo 7",
        "qstat": "exit 1",
        "qacct": 'printf "failed 0\\nexit_status  %s\\n" "$(cat "$SPOOL/status")"',
    },
    "PBS": {
        "qsub": f"{RUN} echo 7.server",
        "qstat": 'printf "Job Id: 7\\n    job_state = F\\n    Exit_status = %s\\n" "$(cat "$SPOOL/status")"',
    },
    "LSF": {
        "bsub": f"{RUN} echo 'Job <7> is submitted to queue <normal>.'",
        "bjobs": '[ "$1 $2 $3 $4" = "-noheader -o stat 7" ] || exit 1\n'
        'if [ "$(cat "$SPOOL/status")" = 0 ]; then echo DONE; else echo EXIT; fi',
    },
}
ASKED = {
    "SGE": ["-pe smp 1", "h_rt=3600", "h_vmem=8000M", "gpu=2"],
    "PBS": ["walltime=3600", "select=1:ncpus=1:mem=8000mb:ngpus=2"],
    "LSF": ["-n 1", "-W 60", "span[hosts=1] rusage[mem=8000]", "-gpu num=2"],
}


def profile_of(system: str) -> dict[str, object]:
    """What the page gives for a cluster's profile, with what it says to add."""
    shown = re.search(rf"^{system}\b[^`]*```yaml\n(.*?)```", GUIDE, flags=re.MULTILINE | re.DOTALL)
    return {
        **yaml.safe_load(shown.group(1)),
        "executor": "cluster-generic",
        "default-resources": ["gpu=0"],
        "jobs": 1,
        "seconds-between-status-checks": 1,
        "latency-wait": 5,
    }


@pytest.fixture(params=STAND_INS)
def system(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cluster's name; its programs are on the path and its profile in `profile`."""
    for name, text in STAND_INS[request.param].items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SPOOL", str(tmp_path))
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/profile.yaml").write_text(yaml.safe_dump(profile_of(request.param)))
    return request.param


def test_a_step_is_submitted_as_the_page_says(project, system):
    (project.folder / "data/genome.fa").write_text(">chr1\nACGT\n")
    options = ("--workflow-profile", "profile", "--set-resources", "genome:gpu=2")
    done = project.snakemake("results/genome/genome.json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.folder / "results/genome/genome.json").exists()
    asked = (project.folder / "asked").read_text().replace("\n", " ")
    assert [words for words in ASKED[system] if words not in asked] == []
    assert "external jobid '7" in done.stdout + done.stderr


def test_a_job_that_is_killed_is_noticed(project, system):
    (project.folder / "kill").touch()
    done = project.snakemake("results/genome/genome.json", "--workflow-profile", "profile")
    shown = done.stdout + done.stderr
    assert done.returncode == 1, shown
    assert "Error in rule genome" in shown
    asked = shlex.join((project.folder / "asked").read_text().splitlines())
    assert "gpu" not in asked or "ngpus=0" in asked
