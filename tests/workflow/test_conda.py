"""The demo in conda environments, each built from its file alone by a stand-in for conda."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import stand_in_conda
from environments import ENVIRONMENTS
from plans import ROOT, merged, snakemake
from runs import QUICK, Run

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> str:
    """PATH with conda and what every machine has; Snakemake's own packages are not on it."""
    return os.pathsep.join([str(stand_in_conda.place(tmp_path / "conda")), "/usr/bin", "/bin"])


def test_the_demo_in_environments_of_its_rules(tmp_path, small_data, path):
    changes = {
        "data": str(small_data),
        "training": {"epochs": 1},
        "footprints": {"backgrounds": 4},
        "contributions": {"views": ["corrected"], "regions": 24, "references": 2},
        "variants": {"file": "{data}/truth/variants.vcf", "null_variants": 5, "parts": 1, "top": 1},
        "official_h5": False,
    }
    run = Run(tmp_path, "config/demo/config.yaml", merged(QUICK, changes))
    done = snakemake(*run.arguments("--sdm", "conda"), folder=run.folder, path=path)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    built = list((run.folder / ".snakemake/conda").glob("*.env_setup_done"))
    assert len(built) == len(ENVIRONMENTS)
    assert (run.results / "report.html").exists()
    motifs = run.record("demo/mean/motifs/corrected/counts/motifs.json")
    assert motifs["stage"] == "motifs"


def test_a_package_that_a_file_does_not_name_is_missed(tmp_path, small_data, path):
    project = tmp_path / "project"
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "Snakefile", project)
    (project / "src").symlink_to(ROOT / "src")
    environment = project / "envs/genomics.yaml"
    # Encoding a genome needs none of these but pysam.
    left_out = re.compile("macs3|pandas|polars|pysam")
    lines = environment.read_text().splitlines(keepends=True)
    environment.write_text("".join(line for line in lines if not left_out.search(line)))
    run = Run(tmp_path, "config/demo/config.yaml", {"data": str(small_data)})
    target = str((run.results / "genome/genome.json").relative_to(run.folder))
    done = snakemake(target, *run.arguments("--sdm", "conda"), folder=run.folder, project=project, path=path)
    shown = done.stdout + done.stderr
    assert done.returncode != 0, shown
    assert "No module named 'pysam'" in shown, shown
